"""What a run left behind, at a git revision, as an experiment of DVC, or in the workspace.

Reads dvc.lock, train/test.json and train/metrics.json from git, and train/report/predictions.csv and
train/plots/curves.csv from DVC's cache, or all of them from the workspace.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo
from dvc.scm import resolve_rev
from dvc_data.index import DataIndexError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from scmrepo.exceptions import SCMError

from data.errors import UserError

ROUNDING = 1e-4  # of the metrics

WORKSPACE = "workspace"  # as DVC calls it
LOCK, TEST, METRICS = "dvc.lock", "train/test.json", "train/metrics.json"
PREDICTIONS, CURVES = "train/report/predictions.csv", "train/plots/curves.csv"
MODEL = "train/model.safetensors"

Read = Callable[[str], str | None]  # the content of a file, or None if it is not there


@dataclass(frozen=True)
class Run:
    """A run of the pipeline: its name as it was typed, and what it left behind."""

    name: str
    commit: str  # seven digits; none for the workspace
    subject: str  # the commit's
    recipe: str
    parameters: dict[str, Any]  # of the stage train, as dvc.lock has them
    pictures: int  # test pictures
    accuracy: float
    loss: float
    full_size_epochs: float | None  # None for a run that is older than this metric
    answers: pd.DataFrame | None  # by picture: actual (a class), right (bool)
    curves: pd.DataFrame | None

    @property
    def missing(self) -> list[str]:
        """Return the files that are not in DVC's cache."""
        pairs = ((PREDICTIONS, self.answers), (CURVES, self.curves))
        return [path for path, found in pairs if found is None]

    @property
    def again(self) -> str:
        """Return the command that makes the run's outputs anew."""
        return f"git checkout {self.commit} && dvc repro" if self.commit else "dvc repro"


def repository() -> Repo:
    """Return DVC's view of the current folder. Raises `UserError` if it is no clone."""
    try:
        repo = Repo()
        if hasattr(repo.scm, "resolve_rev"):
            return repo
    except (DvcException, SCMError):
        pass
    raise UserError("this folder is no git repository with DVC in it", "go to the top of a clone.")


def read(repo: Repo, name: str) -> Run:
    """Return the run of that name. Raises `UserError` if there is none, or its files do not fit together."""
    if name == WORKSPACE:
        return _run(name, "", "", lambda path: Path(path).read_text() if Path(path).is_file() else None)
    if not name:  # which DVC takes for HEAD
        raise _unknown(repo, name)
    try:
        sha = resolve_rev(
            repo.scm, f"{resolve_rev(repo.scm, name)}^{{commit}}"
        )  # of a tag too, not of a file
        subject = str(repo.scm.resolve_commit(sha).message).partition("\n")[0]
    except (DvcException, SCMError):
        raise _unknown(repo, name) from None
    try:
        with Repo(repo.scm.root_dir, rev=sha) as then:
            return _run(name, sha[:7], subject, _reader(then))
    except NotDvcRepoError:
        raise _without(name, TEST) from None


def _unknown(repo: Repo, name: str) -> UserError:
    # Experiments lie in refs/exps/<two digits>/<38 digits>/<name>.
    known = [ref.split("/", 4 if ref.startswith("refs/exps/") else 2)[-1] for ref in repo.scm.iter_refs()]
    near = get_close_matches(name, [*known, WORKSPACE], n=1)
    listed = '"git log --oneline" and "dvc exp list --all-commits" name them.'
    return UserError(
        f"{name!r} is no git revision and no experiment", f"did you mean {near[0]}?" if near else listed
    )


def _reader(repo: Repo) -> Read:
    """Return how a file of a commit is read, from git or from DVC's cache."""
    files = DVCFileSystem(repo)

    def reading(path: str) -> str | None:
        try:
            return str(files.read_text(path, encoding="utf-8"))
        except (OSError, DvcException, DataIndexError):
            return None

    return reading


def _run(name: str, commit: str, subject: str, reading: Read) -> Run:
    test, metrics = _json(reading, name, TEST), _json(reading, name, METRICS)
    recipe, parameters = _locked(reading, name)
    try:
        pictures, accuracy, loss = int(test["pictures"]), float(test["accuracy"]), float(test["loss"])
        epochs = metrics.get("full_size_epochs")
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{name}: {TEST} is not a run's metrics ({error})", _other(name)) from None
    answers = _answers(reading, name, accuracy)
    curves = _table(reading, name, CURVES, ["epoch", "accuracy", "val_accuracy"])
    return Run(name, commit, subject, recipe, parameters, pictures, accuracy, loss, epochs, answers, curves)


def _other(name: str) -> str:
    if name == WORKSPACE:
        return 'make it with "dvc repro".'
    return 'name a commit that was made after a dvc repro; "git log -- dvc.lock" lists them.'


def _without(name: str, path: str) -> UserError:
    return UserError(f"{name} has no {path}: the pipeline was not run to its end there", _other(name))


def _json(reading: Read, name: str, path: str) -> Any:
    content = reading(path)
    if content is None:
        raise _without(name, path)
    try:
        return json.loads(content)
    except ValueError as error:
        raise UserError(f"{name}: {path} is no JSON ({error})", _other(name)) from None


def _locked(reading: Read, name: str) -> tuple[str, dict[str, Any]]:
    """Return recipe and parameters that a run was made with: params.yaml may have been changed since."""
    try:
        stages = YAML(typ="safe").load(reading(LOCK) or "")["stages"]
        trained, tested = stages["train"], stages["evaluate"]
        ((key, parameters),) = trained["params"]["params.yaml"].items()
        made = next(out["md5"] for out in trained["outs"] if out["path"] == MODEL)
        shown = next(dep["md5"] for dep in tested["deps"] if dep["path"] == MODEL)
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError, StopIteration):
        what = f"{name}: {LOCK} has no whole run of the stages train and evaluate"
        raise UserError(what, _other(name)) from None
    if made != shown:
        raise UserError(f"{name}: {TEST} is about another network than the one trained last", _other(name))
    return key.split(".")[1], parameters


def _table(reading: Read, name: str, path: str, columns: list[str]) -> pd.DataFrame | None:
    content = reading(path)
    if content is None:
        return None
    try:
        return pd.read_csv(io.StringIO(content), usecols=columns)[columns]
    except ValueError as error:
        what = f"{name}: {path} is not the table it should be ({error})"
        raise UserError(what, _other(name)) from None


def _answers(reading: Read, name: str, accuracy: float) -> pd.DataFrame | None:
    """Return a row a picture. Raises `UserError` if they are not those that have this accuracy."""
    table = _table(reading, name, PREDICTIONS, ["picture", "actual", "predicted"])
    if table is None:
        return None
    right = table["actual"] == table["predicted"]
    if not table["picture"].is_unique or not abs(right.mean() - accuracy) <= ROUNDING:
        raise UserError(
            f"{name}: {PREDICTIONS} does not give the accuracy in {TEST}, {accuracy}: not of one run",
            _other(name),
        )
    return table.assign(right=right).set_index("picture")[["actual", "right"]]
