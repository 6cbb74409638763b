"""Plan and train over data where it lives."""
