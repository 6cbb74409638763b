"""The demo: sixteen airlines learn together which flights will be late, and show no flight."""
