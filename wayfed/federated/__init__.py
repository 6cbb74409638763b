"""Training over parties that keep their rows: parties, grids, models, features, runs."""
