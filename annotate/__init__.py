"""4A: which pictures to label, the labels as Label Studio gave them, and what they are worth."""

from data import interrupt

interrupt.install()
