"""Secure aggregation: updates are masked so that only their sum can be read (docs/adr/0040)."""
