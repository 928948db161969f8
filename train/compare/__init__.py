"""Runs beside each other, and whether a difference is more than chance."""
