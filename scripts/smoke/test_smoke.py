"""The suite, of which a smoke picks some."""

from wayfed.testing.suite import *  # noqa: F403  docs/certify.md
