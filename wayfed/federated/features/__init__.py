"""From columns to a matrix: recipes, their fitting, held-out rows, and a canonical order."""
