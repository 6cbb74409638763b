"""The conformance suite: what every platform must answer, for anyone who writes one.

A platform is certified by a ``conftest.py`` with ``pytest_plugins = ["wayfed.testing.plugin"]``
and one fixture, and a test module that takes the suite's tests in::

    @pytest.fixture(scope="session")
    def platform_under_test():
        with wayfed.context(mine=True) as context:
            yield PlatformUnderTest("mine", context)

    from wayfed.testing.suite import *  # in test_conformance.py

Cases are data: rows, something to compute, and the answer written down beside it. What the
platform's capabilities refuse must raise Unsupported; what else it does not do is said in `marks`.
Stores have a suite of their own, `wayfed.testing.stores`: every type written there, and read back.
The page docs/certify.md says more.
"""

from __future__ import annotations

from wayfed.testing.platform import Mark, PlatformUnderTest

__all__ = ["Mark", "PlatformUnderTest"]
