"""The side that asks: binding, guarded rounds, strategies, and progress."""
