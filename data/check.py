"""Stage `check`: params.yaml, every recipe in it.

    python -m data.check

Reads params.yaml; writes data/out/checked.txt if it is valid. DVC deletes a stage's outputs before it runs the
stage, so a mistake has to show in one with nothing to lose.
"""

from __future__ import annotations

from pathlib import Path

from data import params
from data.common.cli import run
from data.common.files import write_text

CHECKED = Path("data/out/checked.txt")


def main() -> None:
    """Check params.yaml, every recipe in it."""
    chosen = params.load()
    if not Path(chosen.annotate.source).is_dir():  # training does without
        print(f"note: annotate.source is {chosen.annotate.source}, and there is no such folder to label from")
    # The same whatever the parameters are: what comes after depends on those that it uses, not on all.
    write_text(CHECKED, f"{params.PARAMS} OK\n")
    print(f"{params.PARAMS} OK ({len(chosen.recipes)} recipes); recipe {chosen.recipe}")


if __name__ == "__main__":
    run(main)
