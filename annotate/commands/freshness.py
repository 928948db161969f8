"""Whether what a model said is what the model of now says: files of the stage `evaluate` beside the network.

`train.evaluate` writes into each row of train/out/report/task_predictions.csv, as `model`, the first digits of
the sha256 of train/out/model.safetensors. What lies beside that table was written in the same moment.
"""

from __future__ import annotations

from pathlib import Path

from data.common.errors import UserError
from data.common.files import digest

MODEL = Path("train/out/model.safetensors")
REPORT = Path("train/out/report")
ANSWERS = REPORT / "task_predictions.csv"
DIGITS = 12  # of the checksum
RENEW = 'make it anew with "dvc repro evaluate".'


def version(path: Path = MODEL) -> str:
    """Return the version of the network that is there now. Raises `UserError` if there is none."""
    if not path.exists():
        raise UserError(
            f"{path}: no such file, so nothing says whose work {REPORT}/ is",
            f'bring the latest back with "dvc checkout {MODEL}", or train one with "dvc repro".',
        )
    return digest(path, "sha256")[:DIGITS]


def check_current(said: str, path: Path) -> None:
    """Raise `UserError` unless the file at `path`, of the version `said`, is the work of the model of now."""
    now = version()
    if said != now:
        raise UserError(f"{path}: is the work of model {said}; {MODEL} is {now}", RENEW)
