"""How long parties are waited for where nobody said how long: no question waits for ever.

A process that dies is known at once, and one that is stuck or whose machine is gone within a
minute, by its connection. What remains is work that never ends in a process that is well, which
looks from elsewhere like work that takes long. So there is an end to every wait, and ``deadline=``
sets another one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 3600.0
"""As long as Flower gives a round."""
_SHORTER: Final[Mapping[str, float]] = MappingProxyType(
    {
        "query.plan": 300.0,  # reads schemas; a cluster may have to be started for it
        "query.describe": 900.0,
        "query.explain": 900.0,  # with analyze=True the plan runs
    }
)


def patience_for(message_type: str) -> float:
    """Return for how many seconds parties are waited for after a message of this type.

    Examples
    --------
    >>> patience_for("train"), patience_for("query.plan")
    (3600.0, 300.0)
    """
    return _SHORTER.get(message_type, _LONGEST)
