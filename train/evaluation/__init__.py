"""What a trained model predicts, beside what is known."""
