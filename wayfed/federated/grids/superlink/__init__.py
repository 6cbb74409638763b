"""The grid `flower`: parties and requester meet at a Flower SuperLink (docs/adr/0039)."""
