"""Models as parties train them: a specification of scalars, resolved by an installed adapter."""
