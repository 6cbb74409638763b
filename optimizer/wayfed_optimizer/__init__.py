"""The ground floor: plans, their meaning, the choice of where they run. No engine, no I/O."""
