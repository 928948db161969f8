"""A run of the pipeline: at a git revision, as an experiment of DVC, or in the workspace.

Reads dvc.lock, train/test.json and train/metrics.json from git, and train/out/test/predictions.csv and
train/out/plots/curves.csv from DVC's cache; for the workspace, the files themselves.
"""

from __future__ import annotations

import io
import json
import re
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

from data.common.errors import UserError
from data.common.files import NAMES

WORKSPACE = "workspace"  # as DVC calls it
LOCK, TEST, METRICS = "dvc.lock", "train/test.json", "train/metrics.json"
MODEL, CURVES = "train/out/model.safetensors", "train/out/plots/curves.csv"
PREDICTIONS = "train/out/test/predictions.csv"

Read = Callable[[str], bytes | None]  # the content of a file, or None if it is not there


@dataclass(frozen=True)
class Run:
    """A run: its name as it was typed, and its results."""

    name: str
    commit: str  # seven digits; empty for the workspace
    subject: str  # of the commit
    recipe: str
    parameters: dict[str, Any]  # of the stage train, from dvc.lock
    images: int  # test images
    accuracy: float
    loss: float
    equivalent_epochs: float
    predictions: pd.DataFrame  # by image: actual (a class), right (bool)
    curves: pd.DataFrame  # epoch, accuracy, val_accuracy


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
    """Return the run of a revision. Raises `UserError` if there is none, or its files are incomplete."""
    if name == WORKSPACE:
        return _run(name, "", "", _read_file)
    if not name:  # which DVC takes for HEAD
        raise _unknown(repo, name)
    try:
        commit = f"{resolve_rev(repo.scm, name)}^{{commit}}"  # of a tag too, not of a file
        sha = resolve_rev(repo.scm, commit)
        subject = str(repo.scm.resolve_commit(sha).message).partition("\n")[0]
    except (DvcException, SCMError):
        raise _unknown(repo, name) from None
    try:
        with Repo(repo.scm.root_dir, rev=sha) as at_commit:
            return _run(name, sha[:7], subject, _reader(at_commit))
    except NotDvcRepoError:
        raise _incomplete(name) from None


def _unknown(repo: Repo, name: str) -> UserError:
    """Return the error for a name that git and DVC do not know, with a hint at what was probably meant."""
    # Experiments lie in refs/exps/<two digits>/<38 digits>/<name>.
    names = [ref.split("/", 4 if ref.startswith("refs/exps/") else 2)[-1] for ref in repo.scm.iter_refs()]
    if names.count(name) > 1:  # DVC resolves only those of the commit that is checked out
        return UserError(
            f"{name!r} is the name of {names.count(name)} experiments",
            'give the revision of one of them: see "dvc exp list --all-commits".',
        )
    base = re.split(r"[~^]|@\{", name)[0]
    near = get_close_matches(base, [*names, WORKSPACE], n=1)
    hint = 'see "git log --oneline" and "dvc exp list --all-commits".'
    if base != name and (base in ("@", *names) or re.fullmatch("[0-9a-f]{4,40}", base)):
        hint = 'the history is shorter, or the clone is shallow: "git fetch --unshallow" gets the rest.'
    elif near:
        hint = f"did you mean {near[0]}?"
    return UserError(f"{name!r} is no git revision and no experiment", hint)


def _read_file(path: str) -> bytes | None:
    return Path(path).read_bytes() if Path(path).is_file() else None


def _reader(repo: Repo) -> Read:
    """Return the function that reads a file of a commit, from git or from DVC's cache."""
    files = DVCFileSystem(repo)

    def read_bytes(path: str) -> bytes | None:
        try:
            return bytes(files.read_bytes(path))
        except (OSError, DvcException, DataIndexError):
            return None

    return read_bytes


def _run(name: str, commit: str, subject: str, read_bytes: Read) -> Run:
    lock, test, metrics = (read_bytes(path) for path in (LOCK, TEST, METRICS))
    if lock is None or test is None or metrics is None:
        raise _incomplete(name)
    try:
        recipe, parameters = _locked(YAML(typ="safe").load(lock.decode())["stages"], name)
        scores, trained = json.loads(test), json.loads(metrics)
        images, accuracy, loss = int(scores["images"]), float(scores["accuracy"]), float(scores["loss"])
        epochs = float(trained["equivalent_epochs"])
        predictions, curves = (
            pd.read_csv(io.BytesIO(_cached(read_bytes, path, name, commit)), **NAMES)
            for path in (PREDICTIONS, CURVES)
        )
        predictions["right"] = predictions["actual"] == predictions["predicted"]
        predictions = predictions.set_index("image")[["actual", "right"]]
        curves = curves[["epoch", "accuracy", "val_accuracy"]].astype(float)
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise UserError(f"{name}: not the files of a run ({what})", _hint(name)) from None
    share = round(float(predictions["right"].mean()), 4)
    if (len(predictions), share) != (images, accuracy):
        raise UserError(
            f"{name}: {TEST} and {PREDICTIONS} are of different runs:"
            f" accuracy {accuracy} of {images:,} images and {share} of {len(predictions):,}",
            _hint(name),
        )
    return Run(name, commit, subject, recipe, parameters, images, accuracy, loss, epochs, predictions, curves)


def _locked(stages: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Return recipe and parameters that a run was made with; params.yaml may have been changed since."""
    trained, tested = stages["train"], stages["evaluate"]
    made = {out["path"]: out["md5"] for out in trained["outs"]}
    used = {dependency["path"]: dependency["md5"] for dependency in tested["deps"]}
    if MODEL not in made:
        raise UserError(
            f"{name}: made by an older release, whose files have other names",
            "compare runs that this release made.",
        )
    if made[MODEL] != used[MODEL]:
        raise UserError(f"{name}: {TEST} is about another model than the last one trained", _hint(name))
    ((key, parameters),) = trained["params"]["params.yaml"].items()
    return str(key.split(".")[1]), dict(parameters)


def _cached(read_bytes: Read, path: str, name: str, commit: str) -> bytes:
    """Return an output. Raises `UserError` with the commands that make it again if DVC's cache lacks it."""
    content = read_bytes(path)
    if content is not None:
        return content
    if not commit:
        raise UserError(f"{name}: no {path}", _hint(name))
    raise UserError(
        f"{name}: {path} is not in DVC's cache: the run was made on another machine, or removed by dvc gc",
        f'make the run here: commit or stash your changes, then "git switch -c here-{commit} {commit}",'
        f' "dvc repro" and "git commit -am here", and compare with here-{commit}.',
    )


def _hint(name: str) -> str:
    if name == WORKSPACE:
        return 'make it with "dvc repro".'
    return 'name a commit that was made after a dvc repro: "git log -- dvc.lock" lists them.'


def _incomplete(name: str) -> UserError:
    return UserError(f"{name} has no complete run ({LOCK}, {TEST}, {METRICS})", _hint(name))
