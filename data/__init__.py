"""Pictures and files: the lowest floor, which knows neither `annotate` nor `train`."""
