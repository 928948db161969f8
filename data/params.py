"""params.yaml as frozen, typed values; a parameter that is unknown, missing or out of range is an error.

Defaults stand once, under `defaults`, as a YAML anchor that every recipe merges (`<<: *defaults`), so that a
recipe says only what differs, and DVC still sees each recipe whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from data.common.errors import UserError, nearest
from data.common.files import check_merged, readable
from data.recipe import Annotate, Group, Prepare, Recipe, SmallImages, Train, too_few

PARAMS = Path("params.yaml")
COMMENTS = "the comments in the file say what each parameter is."


class Params(Group):
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
        recipe = recipe or self.recipe
        if recipe not in self.recipes:
            raise UserError(f"--recipe {recipe}: not one of the recipes", nearest(recipe, self.recipes))
        prepare = self.recipes[recipe].prepare
        if prepare != self.chosen.prepare:
            raise UserError(
                f"--recipe {recipe} takes the images of {prepare.source}; "
                f"recipe {self.recipe} prepares those of {self.chosen.prepare.source}",
                f'set "recipe: {recipe}" in {PARAMS}, then "dvc repro prepare".',
            )
        return self.recipes[recipe].train


def load(path: Path = PARAMS) -> Params:
    """Read and check params.yaml, every recipe in it.

    Raises `UserError` for the first thing that is wrong.
    """
    values = _read(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: holds no parameters", "take it back from git.")
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise _explained(path, error) from None
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
    values, given = train.model_dump(mode="json"), {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: no value", "write it as max_lr=1.0.")
        if name not in values:
            raise UserError(f"--set {setting}: {name!r} is not a parameter", nearest(name, values))
        if name in given:
            raise UserError(f"--set {setting}: {name} is set twice", "leave one of them out.")
        try:
            given[name] = YAML(typ="safe").load(value)
        except (YAMLError, ValueError):  # the latter for an impossible date
            raise UserError(f"--set {setting}: not readable as YAML", "quote it in the shell.") from None
    recipe = {"prepare": {"source": "sample"}, "train": values | given}  # any source: only train is checked
    try:
        return Recipe.model_validate(recipe).train
    except ValidationError as error:
        raise _explained(Path("--set"), error) from None


def _read(path: Path) -> Any:
    try:
        with readable(path, "run the command in the repository's top folder."):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, "keep what is meant of both sides, without the marks.")
        return YAML(typ="safe").load(text)
    except (YAMLError, ValueError) as error:  # the latter for another encoding, or an impossible date
        problem = " ".join(str(error).split())
        raise UserError(f"{path}: not readable as YAML in UTF-8: {problem}", "mend it there.") from None


def _explained(path: Path, error: ValidationError) -> UserError:
    """Return the first problem in the words of the file; an unknown name goes first.

    A misspelt name is both unknown and, under its right name, missing: the former is what the user did.
    """
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    kind, place, value = problem["type"], problem["loc"], problem["input"]
    if one_of_two_types := place[-2:-1] == ("devices",):
        place = place[:-1]  # without the type that was tried
    name, fields = ".".join(map(str, place)), _group(place).model_fields
    field = fields.get(str(place[-1])) if place else None
    meaning = field and field.description
    if kind == "extra_forbidden":
        return UserError(f"{path}: {name} is not a parameter", nearest(str(place[-1]), fields))
    if kind == "value_error":  # of a check of this module, which names the parameter
        what, *hint = problem["ctx"]["error"].args
        return UserError(f"{path}: {'.'.join((*map(str, place), what))}", *(hint or [COMMENTS]))
    if kind == "missing":
        return UserError(f"{path}: {name} is missing", f"add it: {meaning}." if meaning else COMMENTS)
    rule = problem["msg"].removeprefix("Input should ").removeprefix("be ").replace("valid tuple", "list")
    if kind == "model_type":
        rule = "a group of parameters"
    if one_of_two_types:
        rule = str(meaning)
    hint = f"it means: {meaning}." if meaning else COMMENTS
    return UserError(f"{path}: {name} is {value!r}; expected {rule}", hint)


def _group(place: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the group of parameters that the last part of a path belongs to."""
    match place:
        case (*_, "progressive", int(), _):
            return SmallImages
        case ("annotate", _):
            return Annotate
        case ("defaults" | "train", _) | ("recipes", _, "train", _):
            return Train
        case ("recipes", _, "prepare", _):
            return Prepare
        case ("recipes", _, _):
            return Recipe
        case _:
            return Params
