"""What training and prediction cost, measured in one run."""
