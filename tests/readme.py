"""The tables of the documentation, made from dvc.yaml, params.yaml and the runs of train/reference/.

python -m tests.readme        writes them anew between their marks
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from data import params
from data.recipe import Train
from tests.tiny import ROOT
from train.trials import interval_of_mean

README = ROOT / "README.md"
RECIPES = ROOT / "train/RECIPES.md"
REFERENCE = ROOT / "train/reference"

# Folders of train/reference/ with several runs on all of CIFAR-10, and what RECIPES calls them.
SEEDS = {
    "fast": "`fast`",
    "gpu/fast": "`fast` on a GPU",
    "best-at-32": "`best` at 32 x 32",
    "gpu/best": "`best` on a GPU",
}


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in (head, ["---"] * len(head), *rows))


def stages() -> str:
    """Return what dvc.yaml says of each stage, without the code that it depends on."""
    read: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    rows: list[tuple[object, ...]] = []
    for name, stage in read.items():
        inputs = [f"`{dep}`" for dep in stage.get("deps", []) if not _is_code(dep)]
        inputs += [f"params `{param}`" for param in stage.get("params", [])]
        outputs = [next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]]
        outputs += [next(iter(metric)) for metric in stage.get("metrics", [])]
        written = ", ".join(f"`{out}`" for out in outputs)
        cells = (
            f"`{name}`",
            stage["desc"],
            f"`{stage['cmd']}`",
            ", ".join(inputs) or "Label Studio",
            written,
        )
        rows.append(cells)
    return table(("stage", "what it does", "run alone as", "reads", "writes"), rows)


def _is_code(dep: str) -> bool:
    return dep.endswith(".py") or (ROOT / dep / "__init__.py").exists()


def parameters() -> str:
    """Return each parameter of a training with its meaning and its value in every recipe."""
    recipes = params.load(ROOT / "params.yaml").recipes
    rows: list[tuple[object, ...]] = []
    for name, field in Train.model_fields.items():
        values = [_value(getattr(recipe.train, name)) for recipe in recipes.values()]
        rows.append((f"`{name}`", field.description, *values))
    return table(("parameter", "meaning", *recipes), rows)


def _value(value: object) -> str:
    """Return a parameter's value as it reads best."""
    if isinstance(value, tuple):
        return ", ".join(f"{part.share:g} at {part.size} px" for part in value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def runs(folder: str) -> pd.DataFrame:
    """Return the runs of a folder of train/reference/, a row for each seed, the accuracy in per cent."""
    table = pd.read_csv(REFERENCE / folder / "seeds.csv", dtype={"commit": str}, index_col="seed")
    return table.assign(accuracy=table["accuracy"] * 100)


def minutes(times: pd.Series[float]) -> list[str]:
    """Return times with a digit behind the point where they are short."""
    return [f"{time:.{0 if time >= 10 else 1}f}" for time in times]


def span(times: pd.Series[float]) -> str:
    """Return the shortest and the longest of times."""
    return f"{' to '.join(dict.fromkeys(minutes(times.agg(['min', 'max']))))} min"


def seeds() -> str:
    """Return the accuracy by seed, and how sure their mean is."""
    rows: list[tuple[object, ...]] = []
    for folder, name in SEEDS.items():
        table_of = runs(folder)
        accuracy, commits = table_of["accuracy"], table_of["commit"]
        low, high = interval_of_mean(accuracy)
        cells = (
            name,
            ", ".join(f"{value:.2f}" for value in accuracy),
            f"**{accuracy.mean():.2f}**",
            f"{accuracy.std():.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{table_of['loss'].mean():.3f}",
            ", ".join(minutes(table_of["minutes"])),
            ", ".join(commits if commits.nunique() > 1 else commits.iloc[:1]),
        )
        rows.append(cells)
    head = (
        "recipe",
        "test accuracy by seed 1, 2, …, %",
        "mean",
        "standard deviation",
        "95 % interval of the mean",
    )
    return table((*head, "loss, mean", "minutes", "commit"), rows)


# Name of a table: where it stands, and what makes it.
TABLES = {
    "stages": (README, stages),
    "parameters": (ROOT / "train/README.md", parameters),
    "seeds": (RECIPES, seeds),
}


def marked(name: str) -> re.Pattern[str]:
    """Return the pattern of what stands between a table's marks."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    """Write the tables between their marks."""
    for name, (path, make) in TABLES.items():
        made = (make() + "\n").replace("\\", r"\\")
        path.write_text(marked(name).sub(made, path.read_text()))


if __name__ == "__main__":
    main()
