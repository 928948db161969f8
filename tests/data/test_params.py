from __future__ import annotations

from pathlib import Path

import pytest

from data import check, params
from data.common.errors import UserError
from tests.tiny import ROOT, tiny

TEXT = (ROOT / "params.yaml").read_text()


def change(old: str, new: str) -> str:
    """Return the repository's params.yaml with its first `old` replaced."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def test_the_committed_file_is_valid_and_has_the_four_recipes() -> None:
    loaded = params.load(ROOT / "params.yaml")
    assert set(loaded.recipes) == {"quick", "original", "fast", "best"}
    assert loaded.recipe == "quick"
    assert {recipe.train.depth for recipe in loaded.recipes.values()} == {56}


# What is changed, by what, a part of the problem, and a part of the hint.
WRONG_VALUES = [
    # unknown names
    ("max_lr: 0.4", "max_lrr: 0.4", "recipes.quick.train.max_lrr is not a parameter", "did you mean max_lr?"),
    ("cutout: 0", "xyz: 0", "defaults.xyz is not a parameter", "known are: batch, bn_momentum"),
    ("annotate:", "anotate:", "anotate is not a parameter", "did you mean annotate?"),
    ("    train:", "    trian:", "recipes.quick.trian is not a parameter", "did you mean train?"),
    ("size: 16", "siz: 16", "recipes.quick.train.progressive.0.siz is not a parameter", "did you mean size?"),
    ("recipe: quick", "recipe: quik", "recipe is 'quik', which is not one", "did you mean quick?"),
    # missing ones
    ("  batch: 128", "  # batch", "defaults.batch is missing", "add it: images a step."),
    ("  images: 100", "  # images", "annotate.images is missing", "how many images"),
    # other types
    ("seed: 1", "seed: one", "defaults.seed is 'one'; expected a valid integer", "a whole number"),
    ("0.0005", "'5e-4'", "defaults.weight_decay is '5e-4'; expected a valid number", "dense layer"),
    ("progressive: []", "progressive: none", "defaults.progressive is 'none'; expected a list", "{share: S"),
    ("devices: auto", "devices: 0", "defaults.devices is 0; expected auto", "how many processes"),
    ("recipes:\n", "recipes:\n  mine: 7\n", "recipes.mine is 7; expected a group of parameters", "comments"),
    ("source: data/sample", "source: ''", "annotate.source is ''", "folder of images"),
    # out of range
    ("size: 32", "size: 68", "defaults.size is 68; expected less than or equal to 64", "side in pixels"),
    ("size: 32", "size: 30", "defaults.size is 30; expected a multiple of 4", "side in pixels"),
    ("flip: alternating", "flip: x", "expected 'none', 'random' or 'alternating'", "none, random or"),
    ("epochs: 9", "epochs: 0", "recipes.quick.train.epochs is 0; expected greater than", "how many times"),
    ("max_lr: 0.4", "max_lr: -0.4", "recipes.quick.train.max_lr is -0.4; expected greater", "at the peak"),
    # Muon multiplies its updates by lr / max_lr
    ("max_lr: 0.4", "max_lr: 0", "recipes.quick.train.max_lr is 0; expected above 0, and at least", ""),
    ("max_lr: 0.4", "max_lr: .inf", "recipes.quick.train.max_lr is inf; expected", "at the peak"),
    ("depth: 56", "depth: 57", "defaults.depth is 57; expected 9 n + 2", "comments"),
    # what does not fit together
    ("size: 16", "size: 40", "recipes.quick.train.progressive goes up to size 40; expected at most 32", ""),
    (
        "progressive: [{",
        "progressive: [{share: 0.5, size: 8}, {",
        "progressive add up to 1.28; expected at most 1",
        "",
    ),
    ("fall: 0.75", "fall: 0.85", "defaults.rise + fall is 1.1; expected at most 1", "comments"),
    ("fall: 0.75", "fall: 0.5", "defaults.rise + fall is 0.75; expected 1 where final_lr is 0", "comments"),
    ("start_lr: 0.0", "start_lr: 0.6", "defaults.max_lr is 0.5; expected above 0, and at least start_lr", ""),
    ("shift: 4.0", "shift: 3.2", "defaults.shift is 3.2, shift_by pixel; expected whole pixels", ""),
    ("watch_test: false", "watch_test: true", "quick.train.watch_test is true and validation is not 0", ""),
    ("momentum: 0.9", "momentum: 0.0", "defaults.nesterov needs a momentum above 0; found 0", ""),
    (
        "validation: 500",
        "validation: 5000",
        "quick.train.validation is 5000; expected fewer than the 5,000",
        "",
    ),
    ("batch: 64", "batch: 4501", "quick.train.batch is 4501; expected at most the 4,500 images", "comments"),
    ("batch: 512", "batch: 50001", "original.train.batch is 50001; expected at most the 50,000", "comments"),
    # what DVC would take literally
    ("source: data/sample", "source: ~/photos", "annotate.source is ~/photos", str(Path.home() / "photos")),
    # the file
    ("  epochs: 50", "  seed: 2\n  epochs: 50", "found duplicate key", "mend it"),
    ("recipe: quick", "recipe: [quick", "not readable as YAML", "mend it"),
    ("recipe: quick", "recipe: 2024-13-45", "not readable as YAML", "mend it"),
    ("recipe: quick", "<<<<<<< HEAD\nrecipe: quick", "git could not merge", "without the marks"),
    (TEXT, "", "holds no parameters", "git"),
]


@pytest.mark.parametrize(("old", "new", "what", "hint"), WRONG_VALUES)
def test_a_mistake_is_named_with_its_place_and_a_way_out(
    tmp_path: Path, old: str, new: str, what: str, hint: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(change(old, new))
    with pytest.raises(UserError) as caught:
        params.load(path)
    assert caught.value.what.startswith(str(path))
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml: no such file") as caught:
        params.load()
    assert "top folder" in caught.value.hint
    Path("params.yaml").write_bytes("recipe: künstlich".encode("latin-1"))
    with pytest.raises(UserError, match=r"params\.yaml: not readable as YAML in UTF-8"):
        params.load()


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_of_images_that_does_not_exist_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], exists: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(change("source: data/sample", "source: photos"))
    if exists:
        Path("photos").mkdir()
    check.main()
    assert ("note: annotate.source is photos" in capsys.readouterr().out) != exists
    assert check.CHECKED.exists()


def test_another_recipe_may_be_named_if_it_takes_the_same_images() -> None:
    loaded = params.load(ROOT / "params.yaml")
    fast = loaded.model_copy(update={"recipe": "fast"})
    assert loaded.named("") == loaded.chosen.train
    assert fast.named("best") == loaded.recipes["best"].train
    with pytest.raises(UserError, match="not one of the recipes") as caught:
        loaded.named("quik")
    assert "did you mean quick?" in caught.value.hint
    with pytest.raises(UserError, match="takes the images of cifar10") as caught:
        loaded.named("fast")
    assert "dvc repro prepare" in caught.value.hint


def test_settings_replace_parameters() -> None:
    settings = ["nesterov=false", "progressive=[{share: 0.5, size: 16}]", "max_lr=1e-3", "devices=2"]
    train = params.changed(tiny(), settings)
    assert (train.nesterov, train.sizes, train.max_lr, train.devices) == (False, (16, 32), 0.001, 2)
    assert train.model_copy(update=dict(tiny())) == tiny()


@pytest.mark.parametrize(
    ("settings", "what", "hint"),
    [
        (["max_lr"], "--set max_lr: no value", "max_lr=1.0"),
        (["max_lrr=1"], "'max_lrr' is not a parameter", "did you mean max_lr?"),
        (["=1"], "'' is not a parameter", "known are"),
        (["batch=8", "batch=16"], "batch is set twice", "leave one"),
        (["progressive=[{"], "not readable as YAML", "quote it"),
        (["nesterov=maybe"], "train.nesterov is 'maybe'; expected a valid boolean", "true or false"),
        (["size=68"], "train.size is 68; expected less than or equal to 64", "side in pixels"),
        (["depth=57"], "train.depth is 57; expected 9 n + 2", "comments"),
        (["devices=none"], "train.devices is 'none'; expected auto", "how many processes"),
    ],
)
def test_a_setting_that_is_wrong_is_named(settings: list[str], what: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        params.changed(tiny(), settings)
    assert caught.value.what.startswith("--set")
    assert what in caught.value.what
    assert hint in caught.value.hint
