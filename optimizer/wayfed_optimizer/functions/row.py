"""What a row of the function table says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wayfed_optimizer.coercion import TypeRule


class Kind(Enum):
    """Over what a function is computed."""

    SCALAR = "scalar"
    AGGREGATE = "aggregate"
    WINDOW = "window"


class Nulls(Enum):
    """When the result is NULL."""

    ANY = "NULL when any argument is NULL"
    ALL = "NULL when all arguments are NULL"
    NEVER = "never NULL"
    MAY = "may be NULL whatever the arguments"


class Agreement(Enum):
    """How far two engines agree on the value."""

    EXACT = "exact"
    RELATIVE = "relative 1e-9"
    ASCII = "ascii"
    ENGINE = "engine"


class Raises(Enum):
    """Whether evaluating may end the query with an error."""

    NEVER = "never"
    OVERFLOW = "on overflow of integers and decimals"
    ALWAYS = "on some values"


class Pushes(Enum):
    """Whether a store's own version may stand for ours in a filter."""

    EXACT = "exact"
    SUPERSET = "superset"


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the function table.

    Parameters
    ----------
    name
        What it is called in plans, on the wire and in capabilities.
    rule
        Argument types to (types to cast to, type of the result); None for arguments it won't take.
    parameters
        The arguments as a person would write them, for messages and documentation.
    doc
        One sentence: the meaning.
    operator
        How it is written between its operands, where it is.
    domain
        Where the arguments are outside of it the result is NULL (printed as a guard).
    ordered
        Whether the order in which an aggregate sees the rows decides its result.
    skips_nulls
        Whether a window function takes IGNORE NULLS.
    reveals
        Whether what an aggregate gives may be the value of a single row, whichever it is.
    """

    name: str
    rule: TypeRule
    parameters: str
    doc: str
    kind: Kind = Kind.SCALAR
    nulls: Nulls = Nulls.ANY
    agreement: Agreement = Agreement.EXACT
    raises: Raises = Raises.NEVER
    pushes: Pushes = Pushes.EXACT
    volatile: bool = False
    operator: str | None = None
    domain: str | None = None
    ordered: bool = False
    skips_nulls: bool = False
    reveals: bool = False

    @property
    def signature(self) -> str:
        """The function as one would call it, for messages."""
        return f"{self.name}({self.parameters})"
