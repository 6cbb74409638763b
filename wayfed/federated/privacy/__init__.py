"""What a run may reveal, and what it has."""
