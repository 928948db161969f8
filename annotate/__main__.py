"""The commands around the pipeline that people run themselves; `python -m annotate --help` lists them.

    python -m annotate serve        start Label Studio on this machine
    python -m annotate stop         stop it

A command's module is imported only when that command is asked for: the list is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from data.errors import reported

# name: (module:function, the first line of its docstring)
COMMANDS = {
    "serve": ("annotate.serve:serve", "Start Label Studio on this machine, installed at the first start."),
    "push": ("annotate.push:push", "Bring pictures, scheme and suggestions to Label Studio, nothing twice."),
    "status": ("annotate.status:status", "Say who has labelled what, how fast, and what is left."),
    "next": (
        "annotate.next:next_pictures",
        "Choose which pictures to label next, by what a model says.",
    ),
    "stop": ("annotate.serve:stop", "Stop the Label Studio that serve started."),
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
    commands.callback(help="Label pictures in Label Studio.")(_listed)
    for name, (place, summary) in COMMANDS.items():
        run = reported(load(place)) if name == wanted else _listed
        commands.command(name, help=None if name == wanted else summary)(run)
    return commands


def main() -> None:
    """Run the command that the first argument names."""
    app(next(iter(sys.argv[1:]), None))(prog_name="python -m annotate")


if __name__ == "__main__":
    main()
