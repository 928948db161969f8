"""A run of the pipeline: at a git revision, as an experiment of DVC, or in the workspace.

Reads dvc.lock, train/test.json and train/metrics.json from git, and train/out/test/predictions.csv and
train/out/plots/curves.csv from DVC's cache; for the workspace, the files themselves.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from difflib import get_close_matches
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

from data.common.errors import UserError
from data.common.files import NAMES

WORKSPACE = "workspace"  # as DVC calls it
LOCK, TEST, METRICS = "dvc.lock", "train/test.json", "train/metrics.json"
MODEL, CURVES = "train/out/model.safetensors", "train/out/plots/curves.csv"
PREDICTIONS = "train/out/test/predictions.csv"


@dataclass(frozen=True)
class Run:
    """A run: its name as it was typed, and its results."""

    name: str
    commit: str  # seven digits; empty for the workspace
    subject: str  # of the commit
    recipe: str
    parameters: dict[str, Any]  # of the stage train, from dvc.lock
    loss: float  # on the test images
    equivalent_epochs: float
    predictions: pd.DataFrame  # by image: actual (a class), right (bool)
    curves: pd.DataFrame  # epoch, accuracy, val_accuracy

    @property
    def images(self) -> int:
        """Return the number of test images."""
        return len(self.predictions)

    @property
    def accuracy(self) -> float:
        """Return the share of the test images that is predicted correctly."""
        return round(float(self.predictions["right"].mean()), 4)


def repository() -> Repo:
    """Return DVC's view of the current folder. Raises `UserError` if it is no clone."""
    try:
        return Repo()
    except (DvcException, SCMError):
        raise UserError("no git repository with DVC in it here", "go to the top of a clone.") from None


def read(repo: Repo, name: str) -> Run:
    """Return the run of a revision. Raises `UserError` if there is none, or its files are incomplete."""
    if name == WORKSPACE:
        return _run(name, "", "", DVCFileSystem(repo))
    try:
        commit = f"{resolve_rev(repo.scm, name)}^{{commit}}"  # of a tag too, not of a file
        sha = resolve_rev(repo.scm, commit)
        subject = str(repo.scm.resolve_commit(sha).message).partition("\n")[0]
    except (DvcException, SCMError):
        raise _unknown(repo, name) from None
    try:
        with Repo(repo.scm.root_dir, rev=sha) as at_commit:
            return _run(name, sha[:7], subject, DVCFileSystem(at_commit))
    except NotDvcRepoError:
        raise UserError(f"{name}: no DVC in this commit", _hint(name)) from None


def _unknown(repo: Repo, name: str) -> UserError:
    """Return the error for a name that git and DVC do not know, with a hint at what was probably meant."""
    # Experiments lie in refs/exps/<two digits>/<38 digits>/<name>.
    refs = (ref.split("/", 4 if ref.startswith("refs/exps/") else 2)[-1] for ref in repo.scm.iter_refs())
    near = get_close_matches(name, {WORKSPACE, *refs} - {name}, n=1, cutoff=0.7)
    lists = 'see "git log" and "dvc exp list --all-commits"; "git fetch --unshallow" completes a clone.'
    hint = f"did you mean {near[0]}?" if near else lists
    return UserError(f"{name!r} is no git revision and no experiment", hint)


def _run(name: str, commit: str, subject: str, files: DVCFileSystem) -> Run:
    def content(path: str) -> bytes:
        try:
            return bytes(files.read_bytes(path))
        except (OSError, DvcException, DataIndexError):
            raise _missing(path, name, commit) from None

    lock, test, metrics = content(LOCK), content(TEST), content(METRICS)
    try:
        recipe, parameters = _locked(YAML(typ="safe").load(lock.decode())["stages"], name)
        loss, epochs = float(json.loads(test)["loss"]), float(json.loads(metrics)["equivalent_epochs"])
        predictions, curves = (
            pd.read_csv(io.BytesIO(content(path)), **NAMES) for path in (PREDICTIONS, CURVES)
        )
        predictions["right"] = predictions["actual"] == predictions["predicted"]
        predictions = predictions.set_index("image")[["actual", "right"]]
        curves = curves[["epoch", "accuracy", "val_accuracy"]].astype(float)
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise UserError(f"{name}: not the files of a run ({what})", _hint(name)) from None
    return Run(name, commit, subject, recipe, parameters, loss, epochs, predictions, curves)


def _locked(stages: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Return recipe and parameters that a run was made with; params.yaml may have been changed since."""
    trained, tested = stages["train"], stages["evaluate"]
    made = {out["path"]: out["md5"] for out in trained["outs"]}
    used = {dependency["path"]: dependency["md5"] for dependency in tested["deps"]}
    if MODEL not in made:
        raise UserError(
            f"{name}: made by an older release, with other files", "compare runs of this release."
        )
    if made[MODEL] != used[MODEL]:
        raise UserError(f"{name}: {TEST} is not of the model that was trained last", _hint(name))
    ((key, parameters),) = trained["params"]["params.yaml"].items()
    return str(key.split(".")[1]), dict(parameters)


def _missing(path: str, name: str, commit: str) -> UserError:
    """Return the error for a file that is not there, of an output with the commands that make it again."""
    if not commit or path in (LOCK, TEST, METRICS):
        return UserError(f"{name}: no complete run, {path} is missing", _hint(name))
    return UserError(
        f"{name}: {path} is not in DVC's cache: the run was made on another machine, or removed by dvc gc",
        f'make the run here: commit or stash your changes, then "git switch -c here-{commit} {commit}",'
        f' "dvc repro" and "git commit -am here", and compare with here-{commit}.',
    )


def _hint(name: str) -> str:
    if name == WORKSPACE:
        return 'make it with "dvc repro".'
    return 'name a commit that was made after a dvc repro: "git log -- dvc.lock" lists them.'
