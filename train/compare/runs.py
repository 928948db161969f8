"""What a run left behind, at a git revision, as an experiment of DVC, or in the workspace.

Reads dvc.lock, train/test.json and train/metrics.json from git, and train/out/report/predictions.csv and
train/out/plots/curves.csv from DVC's cache, or all of them from the workspace.
"""

from __future__ import annotations

import io
import json
import math
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

DIGITS = 4  # of the metrics

WORKSPACE = "workspace"  # as DVC calls it
LOCK, TEST, METRICS = "dvc.lock", "train/test.json", "train/metrics.json"
PREDICTIONS, CURVES = "train/out/report/predictions.csv", "train/out/plots/curves.csv"
MODEL, DATA = "train/out/model.safetensors", "data/out/dataset"

Read = Callable[[str], bytes | None]  # the content of a file, or None if it is not there


@dataclass(frozen=True)
class Run:
    """A run of the pipeline: its name as it was typed, and what it left behind."""

    name: str
    commit: str  # seven digits; none for the workspace
    subject: str  # the commit's
    recipe: str
    parameters: dict[str, Any]  # of the stage train, as dvc.lock has them
    made_of: tuple[str, str]  # checksums of the network and of the images that it was shown, of dvc.lock
    images: int  # test images
    accuracy: float
    loss: float
    equivalent_epochs: float | None  # None for a run that is older than this metric
    answers: pd.DataFrame | None  # by image: actual (a class), right (bool)
    curves: pd.DataFrame | None

    @property
    def right(self) -> int:
        """Return how many test images the network is right about."""
        return round(self.accuracy * self.images)

    @property
    def missing(self) -> list[str]:
        """Return the files that are not in DVC's cache."""
        pairs = ((PREDICTIONS, self.answers), (CURVES, self.curves))
        return [path for path, found in pairs if found is None]

    @property
    def again(self) -> str:
        """Return the command that makes the run anew: of a commit as a branch, `made_as`, that has it here.

        Weights differ from machine to machine, so that what another one's dvc.lock names is never made here.
        The new folder shares DVC's cache, so that the runs are found beside each other, and the workspace
        stays as it is.
        """
        if not self.commit:
            return "dvc repro"
        folder = f"../{self.made_as}"
        steps = (
            f"git worktree add -b {self.made_as} {folder} {self.commit}",
            f"cd {folder}",
            'dvc cache dir --local "$OLDPWD/.dvc/cache"',
            "dvc repro",
            f"git commit --allow-empty -am {self.made_as}",
        )
        return f"({' && '.join(steps)})"

    @property
    def made_as(self) -> str:
        """Return the name that the run gets where it is made anew."""
        return f"here-{self.commit}"


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
        return _run(name, "", "", _file)
    if not name or not _utf8(name):  # the first DVC takes for HEAD, the second git cannot
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
    if known.count(name) > 1:  # which DVC looks up beside the commit that is checked out alone
        return UserError(
            f"{name!r} is the name of {known.count(name)} experiments",
            'give the revision of one: "dvc exp list --all-commits" has them.',
        )
    base = re.split(r"[~^]|@\{", name)[0]
    near = get_close_matches(base, [*known, WORKSPACE], n=1)
    hint = '"git log --oneline" and "dvc exp list --all-commits" name them.'
    if base != name and (base in ("@", *known) or re.fullmatch("[0-9a-f]{4,40}", base)):
        hint = (
            'the history is shorter, or this clone has only its end: "git fetch --unshallow" gets the rest.'
        )
    elif near:
        hint = f"did you mean {near[0]}?"
    return UserError(f"{name!r} is no git revision and no experiment", hint)


def _utf8(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _file(path: str) -> bytes | None:
    return Path(path).read_bytes() if Path(path).is_file() else None


def _reader(repo: Repo) -> Read:
    """Return how a file of a commit is read, from git or from DVC's cache."""
    files = DVCFileSystem(repo)

    def reading(path: str) -> bytes | None:
        try:
            return bytes(files.read_bytes(path))
        except (OSError, DvcException, DataIndexError):
            return None

    return reading


def _run(name: str, commit: str, subject: str, reading: Read) -> Run:
    test, metrics = _json(reading, name, TEST), _json(reading, name, METRICS)
    recipe, parameters, made_of = _locked(reading, name)
    accuracy, loss = (_number(test, name, TEST, key) for key in ("accuracy", "loss"))
    images = int(_number(test, name, TEST, "images"))
    if images < 1 or not 0 <= accuracy <= 1:
        what = f"an accuracy of {accuracy} of {images} images"
        raise UserError(f"{name}: {TEST} is not a run's metrics ({what})", _other(name))
    old = metrics.get("equivalent_epochs") is None
    epochs = None if old else _number(metrics, name, METRICS, "equivalent_epochs")
    answers = _answers(reading, name, images, accuracy)
    curves = _table(reading, name, CURVES, ["epoch", "accuracy", "val_accuracy"], float)
    return Run(
        name, commit, subject, recipe, parameters, made_of, images, accuracy, loss, epochs, answers, curves
    )


def _other(name: str) -> str:
    if name == WORKSPACE:
        return 'make it with "dvc repro".'
    return 'name a commit that was made after a dvc repro; "git log -- dvc.lock" lists them.'


def _without(name: str, path: str) -> UserError:
    return UserError(f"{name} has no {path}: the pipeline was not run to its end there", _other(name))


def _text(reading: Read, name: str, path: str) -> str | None:
    content = reading(path)
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: {path} is no text in UTF-8 ({error})", _other(name)) from None


def _json(reading: Read, name: str, path: str) -> dict[str, Any]:
    content = _text(reading, name, path)
    if content is None:
        raise _without(name, path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: {path} is no JSON ({error})", _other(name)) from None
    if isinstance(found, dict):
        return found
    raise UserError(f"{name}: {path} is not a run's metrics ({content.strip()[:20]})", _other(name))


def _number(table: dict[str, Any], name: str, path: str, key: str) -> float:
    value = table.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
        return value
    what = f"{key} is {json.dumps(value)[:20]}, not a number" if key in table else f"without {key}"
    raise UserError(f"{name}: {path} is not a run's metrics ({what})", _other(name))


def _locked(reading: Read, name: str) -> tuple[str, dict[str, Any], tuple[str, str]]:
    """Return recipe and parameters that a run was made with, for params.yaml may have been changed since.

    And the checksums of the network and of the images that it was shown.
    """
    try:
        stages = YAML(typ="safe").load(_text(reading, name, LOCK) or "")["stages"]
        trained, tested = stages["train"], stages["evaluate"]
        ((key, parameters),) = trained["params"]["params.yaml"].items()
        made = next(out["md5"] for out in trained["outs"] if out["path"] == MODEL)
        shown = next(dep["md5"] for dep in tested["deps"] if dep["path"] == MODEL)
        data = str(next((dep["md5"] for dep in tested["deps"] if dep["path"] == DATA), ""))
        recipe, parameters = str(key.split(".")[1]), {str(each): parameters[each] for each in parameters}
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError, StopIteration):
        what = f"{name}: {LOCK} has no whole run of the stages train and evaluate"
        raise UserError(what, _other(name)) from None
    if made != shown:
        raise UserError(f"{name}: {TEST} is about another network than the one trained last", _other(name))
    return recipe, parameters, (str(made), data)


def _table(reading: Read, name: str, path: str, columns: list[str], kind: type) -> pd.DataFrame | None:
    content = _text(reading, name, path)
    if content is None:
        return None
    try:
        return pd.read_csv(io.StringIO(content), usecols=columns, dtype=kind)[columns]
    except ValueError as error:
        what = f"{name}: {path} is not the table it should be ({error})"
        raise UserError(what, _other(name)) from None


def _answers(reading: Read, name: str, images: int, accuracy: float) -> pd.DataFrame | None:
    """Return a row an image. Raises `UserError` if they are not those that the metrics speak of."""
    table = _table(reading, name, PREDICTIONS, ["image", "actual", "predicted"], str)
    if table is None:
        return None
    right = table["actual"] == table["predicted"]
    if not table["image"].is_unique:
        again = table["image"][table["image"].duplicated()].iloc[0]
        raise UserError(f"{name}: {PREDICTIONS} has the image {again} twice", _other(name))
    share = round(int(right.sum()) / max(1, len(table)), DIGITS)
    if (len(table), share) != (images, accuracy):
        raise UserError(
            f"{name}: {PREDICTIONS} and {TEST} are not of one run: accuracy {share} of {len(table):,}"
            f" images in one, {accuracy} of {images:,} in the other",
            _other(name),
        )
    return table.assign(right=right).set_index("image")[["actual", "right"]]
