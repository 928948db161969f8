"""Pictures and files: the lowest floor, which knows neither `annotate` nor `train`."""

from data import interrupt

interrupt.install()
