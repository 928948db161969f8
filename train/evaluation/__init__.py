"""How good a trained model is: its predictions beside the known classes."""
