"""How messages travel between the coordinator and the parties; one module a way."""
