"""From image files to predictions."""
