"""The ground floor: plans, their meaning, and the choice of where they run. Pure: no engine, no I/O."""
