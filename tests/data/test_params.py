from __future__ import annotations

from pathlib import Path

import pytest

from data import params
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


WRONG = {
    "misspelt": (
        change("max_lr: 0.4", "max_lrr: 0.4"),
        "recipes.quick.train.max_lrr is not a parameter",
        "did you mean max_lr?",
    ),
    "misspelt where nothing is near": (
        change("cutout: 0", "xyz: 0"),
        "recipes.quick.train.xyz is not a parameter",
        "known are: average_epochs, batch, bn_momentum",
    ),
    "misspelt group": (
        change("annotate:", "anotate:"),
        "anotate is not a parameter",
        "did you mean annotate?",
    ),
    "misspelt group of a recipe": (
        change("    train:", "    trian:"),
        "recipes.quick.trian is not a parameter",
        "did you mean train?",
    ),
    "misspelt in a list": (
        change("        size: 16", "        siz: 16"),
        "recipes.quick.train.progressive.0.siz is not a parameter",
        "did you mean size?",
    ),
    "images that are too large": (
        change("      size: 32", "      size: 68"),
        "recipes.quick.train.size is 68; expected less than or equal to 64",
        "side in pixels",
    ),
    "first epochs on larger images": (
        change("        size: 16", "        size: 40"),
        "recipes.quick.train.progressive goes up to size 40; expected at most 32, as size says",
        "comments",
    ),
    "images that are not halved twice": (
        change("      size: 32", "      size: 30"),
        "recipes.quick.train.size is 30; expected a multiple of 4",
        "side in pixels",
    ),
    "missing": (
        change("      batch: 64", "      # batch"),
        "recipes.quick.train.batch is missing",
        "add it: images a step.",
    ),
    "wrong type": (
        change("seed: 1", "seed: one"),
        "recipes.quick.train.seed is 'one'; expected a valid integer",
        "a whole number",
    ),
    "a string that other YAML readers take for a number": (
        change("weight_decay: 0.0005", "weight_decay: '5e-4'"),
        "recipes.quick.train.weight_decay is '5e-4'; expected a valid number",
        "on the weights of convolutions and dense layer",
    ),
    "not among the choices": (
        change("flip: alternating", "flip: sometimes"),
        "recipes.quick.train.flip is 'sometimes'; expected 'none', 'random' or 'alternating'",
        "none, random or alternating",
    ),
    "no epochs": (
        change("epochs: 9", "epochs: 0"),
        "recipes.quick.train.epochs is 0; expected greater than or equal to 1",
        "how many times",
    ),
    "negative learning rate": (
        change("max_lr: 0.4", "max_lr: -0.4"),
        "recipes.quick.train.max_lr is -0.4; expected greater than or equal to 0",
        "learning rate at the peak",
    ),
    "infinite learning rate": (
        change("max_lr: 0.4", "max_lr: .inf"),
        "recipes.quick.train.max_lr is inf; expected a finite number",
        "learning rate at the peak",
    ),
    "a depth that the family does not have": (
        change("depth: 56", "depth: 57"),
        "recipes.quick.train.depth is 57; expected 9 n + 2",
        "comments",
    ),
    "a cycle longer than the run": (
        change("fall_epochs: 6.75", "fall_epochs: 8"),
        "recipes.quick.train.rise_epochs + fall_epochs is 10.25; expected at most 9, as epochs says",
        "comments",
    ),
    "epochs in which nothing is learned": (
        change("epochs: 9\n", "epochs: 20\n"),
        "recipes.quick.train.rise_epochs + fall_epochs is 9; expected 20, as epochs says, where final_lr",
        "comments",
    ),
    "a mean over more epochs than there are": (
        change("average_epochs: 0.0", "average_epochs: 10"),
        "recipes.quick.train.average_epochs is 10; expected at most 9, as epochs says",
        "comments",
    ),
    "more small epochs than epochs": (
        change("- epochs: 7", "- epochs: 10"),
        "recipes.quick.train.progressive has 10 epochs; expected at most 9, as epochs says",
        "comments",
    ),
    "a peak that is none": (
        change("start_lr: 0.0", "start_lr: 0.5"),
        "recipes.quick.train.max_lr is 0.4; expected at least start_lr",
        "comments",
    ),
    "a part of a pixel where only whole ones move": (
        change("shift: 4.0", "shift: 3.2"),
        "recipes.quick.train.shift is 3.2, shift_by pixel; expected whole pixels",
        "comments",
    ),
    "not a list": (
        change("      progressive: # first", "      progressive: none # first").replace(
            "      - epochs: 7\n        size: 16\n", "", 1
        ),
        "recipes.quick.train.progressive is 'none'; expected a list",
        "{epochs: N, size: PIXELS}",
    ),
    "neither of two types": (
        change("devices: auto", "devices: 0"),
        "recipes.fast.train.devices is 0; expected auto (every GPU, or one CPU), or how many processes",
        "comments",
    ),
    "misspelt in a recipe that is called like a parameter": (
        change("\n  quick:", "\n  cutout:").replace("    train:", "    trian:", 1),
        "recipes.cutout.trian is not a parameter",
        "did you mean train?",
    ),
    "no group": (
        change("recipes:\n", "recipes:\n  mine: 7\n"),
        "recipes.mine is 7; expected a group of parameters",
        "comments",
    ),
    "no source": (change("source: data/sample", "source: ''"), "annotate.source is ''", "folder of images"),
    "two sets to watch": (
        change("watch_test: false", "watch_test: true"),
        "recipes.quick.train.watch_test is true and validation is not 0",
        "comments",
    ),
    "all held out": (
        change("validation: 500 ", "validation: 5000 "),
        "recipes.quick.train.validation is 5000; expected fewer than the 5,000 train images of sample",
        "comments",
    ),
    "a batch of more than is left": (
        change("batch: 64 ", "batch: 4501 "),
        "recipes.quick.train.batch is 4501; expected at most the 5,000 train images of sample less the 500",
        "comments",
    ),
    "a batch of more than there is": (
        change("batch: 512", "batch: 50001"),
        "recipes.original.train.batch is 50001; expected at most the 50,000 train images of cifar10",
        "comments",
    ),
    "Nesterov without momentum": (
        change("momentum: 0.9", "momentum: 0.0"),
        "recipes.quick.train.nesterov needs a momentum above 0, found 0",
        "comments",
    ),
    "unknown recipe": (
        change("recipe: quick", "recipe: quik"),
        "recipe is 'quik', which is not one of the recipes",
        "did you mean quick?",
    ),
    "the same name twice": (
        change("      batch: 64", "      seed: 2\n      batch: 64"),
        "found duplicate key",
        "line",
    ),
    "not YAML": ("recipe: [quick", "not readable as YAML", "line"),
    "what git could not merge": (
        change("recipe: quick", "<<<<<<< HEAD\nrecipe: quick\n=======\nrecipe: fast\n>>>>>>> theirs"),
        "git could not merge two branches",
        "without the marks",
    ),
    "nothing in it": ("", "holds no parameters", "git"),
    "a date that is none": ("recipe: 2024-13-45", "not readable as YAML", "line"),
}


@pytest.mark.parametrize(("text", "what", "hint"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_with_its_place_and_a_way_out(
    tmp_path: Path, text: str, what: str, hint: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        params.load(path)
    assert what in caught.value.what
    assert caught.value.what.startswith(str(path))
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("recipe: künstlich".encode("latin-1"))
    with pytest.raises(UserError, match=r"params\.yaml: is not UTF-8"):
        params.load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"params\.yaml: cannot be read \(Is a directory\)"):
        params.load(path)


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_of_images_that_is_not_there_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(change("source: data/sample", "source: photos"))
    if there:
        Path("photos").mkdir()
    params.main()
    note = "note: annotate.source is photos, and there is no such folder to label from"
    assert (note in capsys.readouterr().out) != there
    assert params.CHECKED.exists()


def test_a_missing_file_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"params\.yaml: no such file") as caught:
        params.load()
    assert "top folder" in caught.value.hint


def test_a_rate_that_is_always_0_is_refused() -> None:
    """Muon turns its kernels by muon_lr / max_lr."""
    with pytest.raises(ValueError, match="expected at least start_lr and final_lr"):
        tiny(max_lr=0.0, start_lr=0.0, final_lr=0.0)
    with pytest.raises(ValueError, match="expected at least start_lr and final_lr"):
        tiny(max_lr=0.1, final_lr=0.2)


def test_values_cannot_be_changed() -> None:
    loaded = params.load(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.recipe = "best"
