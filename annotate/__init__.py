"""4A: which images to label, the labels as Label Studio gave them, and what they are worth."""

import sys

from data.common import cli

cli.install()

if sys.argv[:1] == ["-m"]:  # this package is being imported for `python -m`
    name = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    if name.startswith("annotate."):
        print(f"error: {name} is no command", file=sys.stderr)
        print("hint: python -m annotate --help lists the commands", file=sys.stderr)
        sys.exit(2)
