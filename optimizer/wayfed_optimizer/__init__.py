"""Ground floor: the plan and everything that reasons about it, without knowing any engine."""
