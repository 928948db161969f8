"""ResNet v2 with super-convergence, and what the trained network can do."""

from data.common import cli

cli.install()
