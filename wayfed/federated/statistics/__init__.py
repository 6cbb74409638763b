"""Federated statistics: what parties tell of a plan's rows, put together by whoever asked."""
