"""Decimals in DuckDB, which computes in 64 bits, and fails where those are too few.

It takes the widths of both operands for the width of the result, but never more than 18 digits
where neither operand has more: a product of 20 digits is an error then. Where the values can have
so many, one operand is made wider; where they cannot, 64 bits are several times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.expressions import Cast
from wayfed_optimizer.types import Decimal, is_integer
from wayfed_sql.digits import MOST, digits_of, digits_of_type, scale_of
from wayfed_sql.templates import Text

if TYPE_CHECKING:
    from wayfed_sql.templates import Operator, Row, Site

_IN_64_BITS: Final = 18


@dataclass(frozen=True, slots=True)
class DecimalOperator:
    """The row of ``+``, ``-`` or ``*``, which looks at the digits of decimals.

    Parameters
    ----------
    operator
        How it is written.
    """

    operator: Operator

    def render(self, site: Site) -> Text:
        """Put the operator between the operands, the first decimal made wider where need be."""
        texts = site.texts
        if not isinstance(site.type, Decimal) or any(text.sql == "NULL" for text in texts):
            return self.operator.render(site)
        digits = _digits(site)
        if digits > _IN_64_BITS and not any(map(_is_wide, texts, (arg.type for arg in site.args))):
            texts = _widened(site)
        elif all(text.loose and not text.is_decimal for text in texts):
            return self.operator.render(site)
        as_written = (texts[0]._replace(loose=False), *texts[1:])
        return self.operator.render(site._replace(texts=as_written))._replace(
            digits=min(digits, MOST)
        )


@dataclass(frozen=True, slots=True)
class ExactMean:
    """The row of a mean, which DuckDB computes by the exact sum of what needs no more than 64 bits.

    Parameters
    ----------
    row
        How it is written.
    """

    row: Row

    def render(self, site: Site) -> Text:
        """Write the mean of what stands in a cast to float64, where that is exact and short."""
        arg, text = site.args[0], site.texts[0]
        end = f" AS {site.types(site.type)})"
        if (
            isinstance(arg, Cast)
            and (is_integer(arg.arg.type) or isinstance(arg.arg.type, Decimal))
            and digits_of_type(arg.arg.type) <= _IN_64_BITS
            and text.sql.startswith("CAST(")
            and text.sql.endswith(end)
        ):
            inner = Text(text.sql.removeprefix("CAST(").removesuffix(end))
            site = site._replace(args=(arg.arg,), texts=(inner,))
        return self.row.render(site)


def _digits(site: Site) -> int:
    """Return the digits of the result: of the product, or of the sum at the larger scale."""
    kinds = [arg.type for arg in site.args]
    found = [digits_of(text, kind) for text, kind in zip(site.texts, kinds, strict=True)]
    if site.function == "multiply":
        return sum(found)
    scale = max(map(scale_of, kinds))
    return 1 + max(n + scale - scale_of(kind) for n, kind in zip(found, kinds, strict=True))


def _is_wide(text: Text, kind: object) -> bool:
    """Say whether an operand makes DuckDB compute in 128 bits."""
    return not text.loose and isinstance(kind, Decimal) and kind.precision > _IN_64_BITS


def _widened(site: Site) -> tuple[Text, ...]:
    index = next(i for i, arg in enumerate(site.args) if isinstance(arg.type, Decimal))
    kind = site.args[index].type
    assert isinstance(kind, Decimal)  # noqa: S101  # a decimal result has a decimal operand
    wide = Decimal(max(kind.precision, _IN_64_BITS + 1), kind.scale)
    text = Text(f"CAST({site.texts[index].sql} AS {site.types(wide)})")
    return (*site.texts[:index], text, *site.texts[index + 1 :])
