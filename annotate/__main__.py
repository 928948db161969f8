"""Everything about labels, called in one way: `python -m annotate COMMAND`; `--help` lists the commands.

A command's module is imported only when that command is asked for: the list is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from data.common.cli import reported

# name: (module:function, the first line of its docstring)
COMMANDS = {
    "sample": ("annotate.sample:main", "Stage: choose the images to label."),
    "export": ("annotate.export:main", "Stage: fetch the labels from Label Studio, or keep those in git."),
    "labels": ("annotate.labels:main", "Stage: check the labels and write them in every format."),
    "serve": (
        "annotate.commands.serve:serve",
        "Start Label Studio on this machine, installed at the first start.",
    ),
    "push": (
        "annotate.commands.push:push",
        "Bring images, scheme and suggestions to Label Studio, nothing twice.",
    ),
    "status": ("annotate.commands.status:status", "Say who has labelled what, how fast, and what is left."),
    "next": (
        "annotate.commands.next:next_images",
        "Choose which images to label next, by what a model says.",
    ),
    "stop": ("annotate.commands.serve:stop", "Stop the Label Studio that serve started."),
}


def load(place: str) -> Callable[..., None]:
    """Return the function at `module:function`."""
    module, _, name = place.partition(":")
    command: Callable[..., None] = getattr(import_module(module), name)
    return command


def _listed() -> None:
    """Stand for a command that is listed, not run."""


def app(wanted: str | None) -> typer.Typer:
    """Return the command line; of the commands only the wanted one is imported, if there is one."""
    commands = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
    commands.callback(help="Label images in Label Studio.")(_listed)
    for name, (place, summary) in COMMANDS.items():
        run = reported(load(place)) if name == wanted else _listed
        commands.command(name, help=None if name == wanted else summary)(run)
    return commands


def main() -> None:
    """Run the command that the first argument names."""
    app(next(iter(sys.argv[1:]), None))(prog_name="python -m annotate")


if __name__ == "__main__":
    main()
