"""Labels: which images to label, the labels from Label Studio, and how good they are."""

import sys

from data.common import cli

cli.install()


def _refuse_submodule() -> None:
    """End `python -m annotate.push` with an error: modules in here are not commands, and would do nothing."""
    module = next(argument for argument in sys.orig_argv if argument.removeprefix("-m").startswith(__name__))
    module = module.removeprefix("-m")
    if module in {__name__, f"{__name__}.__main__"}:
        return
    from annotate.__main__ import COMMANDS

    command = module.rpartition(".")[2]
    hint = f'"python -m annotate {command}".' if command in COMMANDS else '"python -m annotate --help".'
    print(f"error: {module} is not a command\nhint: type {hint}", file=sys.stderr)
    sys.exit(2)


if sys.argv[:1] == ["-m"]:  # so it is while `python -m` imports this package
    _refuse_submodule()
