"""Plans to SQL text and back, for every dialect the connectors speak."""
