"""What the optimizer is worth: its choices, predictions, estimates and its own time."""
