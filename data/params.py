"""params.yaml as frozen, typed values; what is unknown, missing or out of range is refused by name.

Defaults stand once, under `defaults`, as a YAML anchor that every recipe merges (`<<: *defaults`), so that a
recipe says only what differs, and DVC still sees each recipe whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from data.common.errors import UserError, nearest
from data.common.files import check_merged

PARAMS = Path("params.yaml")
COMMENTS = "the comments in the file say what each parameter is."

Count: TypeAlias = Annotated[int, Field(ge=1)]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]
ROUNDING = 0.01  # shares are written with two digits
MOST_RATE = 1e30  # far within float32
Rate: TypeAlias = Annotated[float, Field(ge=0, le=MOST_RATE, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Whole: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Annotate(_Group):
    """Which images to label."""

    source: str = Field(min_length=1, description="data/sample, or a folder of images")
    images: Count = Field(description="how many images, at least 1")
    seed: Seed = Field(description="a whole number; another seed chooses other images")


class Prepare(_Group):
    """Which images to train and test on."""

    source: Literal["sample", "cifar10"] = Field(description="sample or cifar10")

    @property
    def train_images(self) -> int:
        """How many images there are to train on."""
        return {"sample": 5_000, "cifar10": 50_000}[self.source]


# In pixels. The network halves it twice; 8 leave fields of 2 x 2, and 64 take four times the work of 32.
Side: TypeAlias = Annotated[int, Field(ge=8, le=64, multiple_of=4)]


class SmallImages(_Group):
    """A first part of the run on smaller images than the later ones."""

    share: Whole = Field(gt=0, description="share of the run's epochs")
    size: Side = Field(description="the image's side in pixels")


class Train(_Group):
    """One training run: the network, the schedule, the optimiser and the augmentation."""

    seed: Seed = Field(description="a whole number")
    depth: int = Field(ge=11, description="layers of ResNet v2, 9 n + 2: 56 is the published one")
    epochs: Count = Field(description="how many times each image is seen")
    max_steps: int = Field(ge=0, description="stop after so many steps; 0 for the whole schedule")
    batch: Count = Field(description="images a step")
    validation: int = Field(ge=0, description="how many images to hold out of train and watch each epoch")
    watch_test: bool = Field(description="true to watch the test images instead, as the published run did")
    size: Side = Field(
        description="side in pixels at which images are shown, after progressive's epochs and in tests: "
        "8 to 64, a multiple of 4"
    )
    progressive: tuple[SmallImages, ...] = Field(
        strict=False, description="a list of {share: OF THE RUN, size: PIXELS}, or []"
    )
    start_lr: Rate = Field(description="learning rate at the beginning of the cycle")
    max_lr: Rate = Field(description="learning rate at the peak")
    final_lr: Rate = Field(description="learning rate at the end of the cycle")
    rise: Whole = Field(description="share of the run from start_lr up to max_lr")
    fall: Whole = Field(description="share of the run from max_lr down to final_lr")
    lr_changes: Literal["step", "epoch"] = Field(
        description="step, or epoch: by epoch and for new gradients alone, as in Keras"
    )
    momentum: Share = Field(description="momentum where the learning rate is lowest")
    momentum_at_peak: Share = Field(description="momentum where the learning rate is max_lr")
    nesterov: bool = Field(description="true or false")
    weight_decay: Rate = Field(
        description="on the weights of convolutions and dense layer; with muon_lr of the latter alone"
    )
    muon_lr: Rate = Field(description="a step of Muon at max_lr, as a share of the kernel's norm; 0 for SGD")
    label_smoothing: Share = Field(description="probability spread over all classes")
    precision: Literal["float32", "bfloat16"] = Field(
        description="float32, or bfloat16 where the device has it"
    )
    normalise: Literal["channel", "image"] = Field(description="by channel, or the mean image subtracted")
    compile: Literal["never", "gpu", "always"] = Field(
        description="torch.compile: never, on a gpu, or always"
    )
    devices: Literal["auto"] | Count = Field(
        description="auto (every GPU, or one CPU), or how many processes"
    )
    bn_momentum: float = Field(gt=0, le=1, description="weight of the newest batch in the running statistics")
    flip: Literal["none", "random", "alternating"] = Field(description="none, random or alternating")
    shift: float = Field(ge=0, le=16, description="largest shift, in pixels of the 32")
    shift_by: Literal["pixel", "subpixel"] = Field(description="pixel or subpixel")
    shift_fill: Literal["edge", "reflect"] = Field(description="edge or reflect")
    colour_jitter: Share = Field(
        description="how much saturation, contrast and brightness of an image vary; 0 for none"
    )
    cutout: int = Field(
        ge=0, le=32, description="side of the square that is blanked, in pixels of the 32; 0 for none"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Train:
        cycle, small = self.rise + self.fall, sum(part.share for part in self.progressive)
        problems = {
            f"depth is {self.depth}; expected 9 n + 2, as 11, 20, 29, 38, 47, 56, 110": (self.depth - 2) % 9,
            f"rise + fall is {cycle:g}; expected at most 1, the whole run": cycle > 1 + ROUNDING,
            f"rise + fall is {cycle:g}; expected 1 where final_lr is 0: nothing is learned after the fall": (
                not self.final_lr and cycle < 1 - ROUNDING
            ),
            f"the shares of progressive add up to {small:g}; expected at most 1, the whole run": (
                small > 1 + ROUNDING
            ),
            f"progressive goes up to size {max(self.sizes)}; expected at most {self.size}, as size says": (
                max(self.sizes) > self.size
            ),
            f"shift is {self.shift:g}, shift_by pixel; expected whole pixels, or subpixel": (
                self.shift_by == "pixel" and self.shift % 1
            ),
            "watch_test is true and validation is not 0; expected one of them": (
                self.watch_test and self.validation
            ),
            f"nesterov needs a momentum above 0, found {min(self.momentum, self.momentum_at_peak):g}": (
                self.nesterov and not min(self.momentum, self.momentum_at_peak)
            ),
            f"max_lr is {self.max_lr:g}; expected at least start_lr and final_lr": (
                self.max_lr < max(self.start_lr, self.final_lr) or not self.max_lr
            ),
        }
        for problem, found in problems.items():
            if found:
                raise ValueError(problem)
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sides of the images in the parts of the run, in pixels."""
        return (*(part.size for part in self.progressive), self.size)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """The run as pairs of the epoch that a part ends before, and the side of its images in pixels.

        Shares are rounded to whole epochs where a part ends.
        """
        ends = [round(share * self.epochs) for share in accumulate(part.share for part in self.progressive)]
        return tuple(zip((*ends, self.epochs), self.sizes, strict=True))


def too_few(train: Train, images: int) -> str:
    """Return what a training would need more train images for than there are; nothing if they suffice."""
    if train.validation >= images:
        return f"validation is {train.validation}; expected fewer than the {images:,} train images"
    left = images - train.validation
    if train.batch > left:
        return f"batch is {train.batch}; expected at most the {left:,} images that are trained on"
    return ""


class Recipe(_Group):
    """A named way to train, with the images it takes."""

    prepare: Prepare
    train: Train


class Params(_Group):
    """The whole of params.yaml."""

    recipe: str = Field(description="the name of one of the recipes")
    annotate: Annotate
    defaults: Train
    recipes: dict[str, Recipe]

    @model_validator(mode="after")
    def _images_suffice(self) -> Params:
        """DVC deletes a stage's outputs before it runs the stage: what training would refuse goes first."""
        for name, recipe in self.recipes.items():
            if problem := too_few(recipe.train, recipe.prepare.train_images):
                raise ValueError(f"recipes.{name}.train.{problem}")
        return self

    @property
    def chosen(self) -> Recipe:
        """The recipe that `recipe` names."""
        return self.recipes[self.recipe]

    def named(self, recipe: str) -> Train:
        """Return the training of any recipe that takes the images of the chosen one; "" is the chosen one.

        Raises `UserError` if there is no such recipe, or if it takes other images.
        """
        if (recipe or self.recipe) not in self.recipes:
            raise UserError(f"--recipe {recipe}: not one of the recipes", nearest(recipe, self.recipes))
        found = self.recipes[recipe or self.recipe]
        if found.prepare != self.chosen.prepare:
            raise UserError(
                f"--recipe {recipe} takes the images of {found.prepare.source}; "
                f"recipe {self.recipe} prepares those of {self.chosen.prepare.source}",
                f'set "recipe: {recipe}" in {PARAMS}, then "dvc repro prepare".',
            )
        return found.train


GROUPS: dict[str, type[BaseModel]] = {
    "annotate": Annotate,
    "prepare": Prepare,
    "train": Train,
    "progressive": SmallImages,
}


def load(path: Path = PARAMS) -> Params:
    """Read and check params.yaml.

    Raises `UserError` for the first thing that is wrong, anywhere in the file: a typing mistake in a
    recipe shows before that recipe is run.
    """
    raw = _read(path)
    if not isinstance(raw, dict):
        raise UserError(f"{path}: holds no parameters", "take it back from git.")
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        raise _explain(path, raw, error) from None
    if params.recipe not in params.recipes:
        raise UserError(
            f"{path}: recipe is {params.recipe!r}, which is not one of the recipes",
            nearest(params.recipe, params.recipes),
        )
    return params


def changed(train: Train, settings: Iterable[str]) -> Train:
    """Return a training with settings such as `max_lr=1.0` in place of its own; values are YAML.

    Raises `UserError` for what params.yaml would be refused for.
    """
    values = train.model_dump(mode="json")
    given: set[str] = set()
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: no value", "write it as max_lr=1.0.")
        if name not in values:
            raise UserError(f"--set {setting}: {name or 'nothing'} is not a parameter", nearest(name, values))
        if name in given:
            raise UserError(f"--set {setting}: {name} is set twice", "leave one of them out.")
        given.add(name)
        try:
            values[name] = YAML(typ="safe").load(value)
        except (YAMLError, ValueError):  # the latter for a date that is none
            raise UserError(f"--set {setting}: not readable as YAML", "quote it in the shell.") from None
    recipe = {"prepare": {"source": "sample"}, "train": values}  # which source does not matter here
    try:
        return Recipe.model_validate(recipe).train
    except ValidationError as error:
        raise _explain(Path("--set"), recipe, error) from None


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        check_merged(path, text, "keep what is meant of both sides, without the marks.")
        return YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file in {Path.cwd().name}/",
            "run the command in the repository's top folder.",
        ) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "take it back from git.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({error})", "save it as UTF-8.") from None
    except (YAMLError, ValueError) as error:  # the latter for a date that is none
        problem = " ".join(str(error).split())
        raise UserError(f"{path}: not readable as YAML: {problem}", "mend it at the line named.") from None


def _explain(path: Path, raw: Any, error: ValidationError) -> UserError:
    """Say the first of the problems in the words of the file; an unknown name goes first.

    A misspelt name is both unknown and, under its right name, missing: the former is what the user did.
    """
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    place = problem["loc"]
    if "train" in place[:-2] and place[-2] in Train.model_fields and isinstance(place[-1], str):
        place = place[:-1]  # of a parameter that may be one of two types, which of them was tried
    name = ".".join(str(part) for part in place)
    group = _group(place)
    if problem["type"] == "extra_forbidden":
        return UserError(f"{path}: {name} is not a parameter", nearest(str(place[-1]), group.model_fields))
    if problem["type"] == "value_error":
        dot = "." if name else ""
        said = f"{path}: {name}{dot}{problem['ctx']['error']}"
        return UserError(said, COMMENTS)
    field = group.model_fields.get(str(place[-1])) if place else None
    description = field and field.description
    hint = f"it means: {description}." if description else COMMENTS
    if problem["type"] == "missing":
        return UserError(f"{path}: {name} is missing", f"add it: {description}." if description else COMMENTS)
    if place != problem["loc"]:
        return UserError(f"{path}: {name} is {problem['input']!r}; expected {description}", COMMENTS)
    if problem["type"] == "model_type":
        return UserError(f"{path}: {name} is {problem['input']!r}; expected a group of parameters", COMMENTS)
    rule = problem["msg"].removeprefix("Input should ").removeprefix("be ").replace("valid tuple", "list")
    return UserError(f"{path}: {name} is {problem['input']!r}; expected {rule}", hint)


def _group(place: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the group of parameters that the last part of a path belongs to."""
    named = [GROUPS[part] for part in place[:-1] if isinstance(part, str) and part in GROUPS]
    outer = Recipe if len(place) > 2 else Params
    return named[-1] if named else outer
