"""All that is done with labels: `python -m annotate COMMAND`; `--help` lists the commands.

Only the module of the command that is run is imported, so that the list appears at once.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from data.common.cli import RESUMES, STARTS_AGAIN, reported

# name: (module, function, summary in the list)
COMMANDS = {
    "sample": ("annotate.sample", "main", "Stage: choose the images to label."),
    "export": ("annotate.export", "main", "Stage: fetch the labels from Label Studio, or keep those in git."),
    "labels": ("annotate.labels", "main", "Stage: check the labels and write them in every format."),
    "serve": ("annotate.commands.serve", "serve", "Start Label Studio on this machine, installed at first."),
    "push": ("annotate.commands.push", "push", "Bring images, scheme and suggestions to Label Studio."),
    "status": ("annotate.commands.status", "status", "Show who has labelled what, and what is left."),
    "next": ("annotate.commands.next", "next_images", "Choose which images to label next, by a model."),
    "stop": ("annotate.commands.serve", "stop", "Stop the Label Studio that serve started."),
}
STAGES = {"sample", "export", "labels"}  # of dvc.yaml: interrupted, they start over


def _listed() -> None:
    """Stand for a command that is only listed."""


def app(wanted: str) -> typer.Typer:
    """Return the command line; only the wanted command is imported, if there is one of that name."""
    commands = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
    commands.callback(help="Label images in Label Studio.")(_listed)
    for name, (module, function, summary) in COMMANDS.items():
        if name == wanted:
            interrupted = STARTS_AGAIN if name in STAGES else RESUMES
            commands.command(name)(reported(getattr(import_module(module), function), interrupted))
        else:
            commands.command(name, help=summary)(_listed)
    return commands


def main() -> None:
    """Run the command that the first argument names."""
    app("".join(sys.argv[1:2]))(prog_name="python -m annotate")


if __name__ == "__main__":
    main()
