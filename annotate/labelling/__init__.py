"""Tasks, the label scheme, and what labels come to: plain values and tables."""
