"""4B: ResNet v2 on CIFAR-10 with super-convergence, and what the trained network can do."""

from data.common import cli

cli.install()
