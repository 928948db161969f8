"""Dataset and files: the lowest floor, which knows neither `annotate` nor `train`."""

from data.common import cli

cli.install()
