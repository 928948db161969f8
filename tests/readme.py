"""The tables of README.md, made from dvc.yaml, params.yaml and the runs of train/reference/.

python -m tests.readme        writes them anew between their marks
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from data import params
from data.params import Train
from train.trials import interval_of_mean

README = Path(__file__).parents[1] / "README.md"
REFERENCE = README.with_name("train") / "reference"


def row(*cells: object) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(head: tuple[str, ...], rows: list[str]) -> str:
    """Return a Markdown table."""
    return "\n".join([row(*head), row(*["---"] * len(head)), *rows])


def stages() -> str:
    """Return what dvc.yaml says of each stage: the code that a stage runs is left out of what it reads."""
    read: dict[str, dict[str, Any]] = YAML(typ="safe").load(README.with_name("dvc.yaml"))["stages"]
    rows = []
    for name, stage in read.items():
        inputs = [f"`{dep}`" for dep in stage["deps"] if not dep.endswith(".py")]
        inputs += [f"params `{param}`" for param in stage.get("params", [])]
        if name == "export":  # whose dependency is one that keeps it from being run
            inputs = ["`annotate/project/tasks.json`", "Label Studio"]
        outputs = [next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]]
        outputs += [next(iter(metric)) for metric in stage.get("metrics", [])]
        written = ", ".join(f"`{out}`" for out in outputs)
        rows.append(row(f"`{name}`", stage["desc"], f"`{stage['cmd']}`", ", ".join(inputs), written))
    return table(("stage", "what it does", "run alone as", "reads", "writes"), rows)


def parameters() -> str:
    """Return each parameter of a training with its meaning and its value in every recipe."""
    recipes = params.load(README.with_name("params.yaml")).recipes
    rows = []
    for name, field in Train.model_fields.items():
        values = [value(getattr(recipe.train, name)) for recipe in recipes.values()]
        rows.append(row(f"`{name}`", field.description, *values))
    return table(("parameter", "meaning", *recipes), rows)


def value(found: object) -> str:
    """Return a parameter's value as it reads best."""
    if isinstance(found, tuple):
        return ", ".join(f"{part.epochs} at {part.size} px" for part in found) or "none"
    return str(found).lower() if isinstance(found, bool) else str(found)


# Folders of train/reference/ with several runs on all of CIFAR-10, and what the page calls them.
SEEDS = {
    "fast": "`fast`",
    "gpu/fast": "`fast` on a GPU",
    "best-at-32": "`best` at 32 x 32",
    "gpu/best": "`best` on a GPU",
}


def runs(folder: str) -> pd.DataFrame:
    """Return the runs of a folder of train/reference/, one for each seed, the accuracy in per cent."""
    found = pd.read_csv(REFERENCE / folder / "seeds.csv", dtype={"commit": str}, index_col="seed")
    return found.assign(accuracy=found["accuracy"] * 100)


def minutes(found: pd.Series[float]) -> list[str]:
    """Return times as the page gives them: with a digit behind the point where they are short."""
    return [f"{one:.{0 if one >= 10 else 1}f}" for one in found]


def span(found: pd.Series[float]) -> str:
    """Return the shortest and the longest of times, or the one that is both."""
    return f"{' to '.join(dict.fromkeys(minutes(found.agg(['min', 'max']))))} min"


def seeds() -> str:
    """Return the accuracy by each seed, and how sure their mean is."""
    rows = []
    for folder, name in SEEDS.items():
        found = runs(folder)
        accuracy, commits = found["accuracy"], found["commit"]
        low, high = interval_of_mean(accuracy)
        rows.append(
            row(
                name,
                ", ".join(f"{one:.2f}" for one in accuracy),
                f"**{accuracy.mean():.2f}**",
                f"{accuracy.std():.2f}",
                f"{low:.2f} to {high:.2f}",
                f"{found['loss'].mean():.3f}",
                ", ".join(minutes(found["minutes"])),
                ", ".join(commits if commits.nunique() > 1 else commits.iloc[:1]),
            )
        )
    head = (
        "recipe",
        "test accuracy by seed 1, 2, …, %",
        "mean",
        "standard deviation",
        "95 % interval of the mean",
    )
    return table((*head, "loss, mean", "minutes", "commit"), rows)


TABLES = {"stages": stages, "parameters": parameters, "seeds": seeds}


def marked(name: str) -> re.Pattern[str]:
    """Return the pattern of what stands between a table's marks."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    """Write the tables into README.md."""
    text = README.read_text()
    for name, make in TABLES.items():
        before, found, after = text.partition(f"<!-- {name} -->\n")
        text = f"{before}{found}{make()}\n{after[after.index(f'<!-- /{name} -->') :]}"
    README.write_text(text)


if __name__ == "__main__":
    main()
