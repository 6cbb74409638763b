"""Spoilt plans and spoilt SQL: nothing but an answer or an error of ours may come of them."""
