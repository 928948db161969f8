"""Runs compared: accuracy on the same test images, parameters and curves."""
