"""Stage `check`: params.yaml, every recipe in it.

    python -m data.check

Reads params.yaml; writes data/out/checked.txt if it is valid. DVC deletes the outputs of a stage before it
runs the stage, so a mistake has to show in a stage whose output is worth nothing.
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
    if not Path(chosen.annotate.source).is_dir():  # only labelling needs it
        print(f"note: annotate.source is {chosen.annotate.source}: no such folder")
    # The same for all parameters: later stages depend on those that they use, not on all.
    write_text(CHECKED, f"{params.PARAMS} OK\n")
    print(f"{params.PARAMS} OK ({len(chosen.recipes)} recipes); recipe {chosen.recipe}")


if __name__ == "__main__":
    run(main)
