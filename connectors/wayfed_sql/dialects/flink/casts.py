"""Conversions between types, in Flink, whose own give other values where they should fail."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.types import FLOAT64, DataType, Decimal, is_float, is_integer
from wayfed_sql.templates import COMPARISON, Template, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_sql.templates import Row, Site

_DIGITS: Final = MappingProxyType({"int8": 3, "int16": 5, "int32": 10, "int64": 19, "bool": 1})


def _bits(kind: DataType) -> int:
    return int(kind.name.removeprefix("int").removeprefix("float"))


def _plain(site: Site) -> Text:
    return Text(f"CAST({site.texts[0].sql} AS {site.types(site.type)})")


def _wide(site: Site) -> str:
    """Return a number as the widest of its family, which is what our functions take."""
    kind, sql = site.args[0].type, site.texts[0].sql
    if is_integer(kind):
        return f"CAST({sql} AS BIGINT)"
    if is_float(kind):
        return f"CAST({sql} AS DOUBLE)"
    return f"CAST({sql} AS {site.types(kind)})"


@dataclass(frozen=True, slots=True)
class _ToWhole:
    """Makes the row of a cast to an integer."""

    prefix: str

    def render(self, site: Site) -> Text:
        """Write the cast, Flink's own where every value fits."""
        kind = site.args[0].type
        if is_integer(kind) and _bits(kind) <= _bits(site.type):
            return _plain(site)
        found = f"wf_{self.prefix}_whole({_wide(site)}, {_bits(site.type)})"
        return Text(f"CAST({found} AS {site.types(site.type)})")


@dataclass(frozen=True, slots=True)
class _ToFloat:
    """Makes the row of a cast to a float, of another float or of text."""

    prefix: str

    def render(self, site: Site) -> Text:
        """Write the cast, Flink's own where every value fits."""
        kind = site.args[0].type
        if is_float(kind) and _bits(kind) <= _bits(site.type):
            return _plain(site)
        found = _wide(site)
        if not is_float(kind):
            found = f"wf_{self.prefix}_double({found})"
        return Text(found if site.type == FLOAT64 else f"wf_{self.prefix}_float({found})")


@dataclass(frozen=True, slots=True)
class _ToDecimal:
    """Makes the row of a cast to a decimal."""

    prefix: str

    def render(self, site: Site) -> Text:
        """Write the cast, Flink's own where every value fits."""
        kind, target = site.args[0].type, site.type
        if not isinstance(target, Decimal):
            raise site.refuse(site.function, "it is no decimal")
        whole = _DIGITS.get(kind.name, target.precision + 1)
        scale = 0
        if isinstance(kind, Decimal):
            whole, scale = kind.precision - kind.scale, kind.scale
        if whole <= target.precision - target.scale and scale <= target.scale:
            return _plain(site)
        shape = f"{target.precision}, {target.scale}"
        return Text(f"wf_{self.prefix}_decimal({_wide(site)}, {shape})")


def _checked(prefix: str) -> Mapping[tuple[str, str], Row]:
    return MappingProxyType(
        {
            **{(source, "int"): _ToWhole(prefix) for source in ("int", "float", "decimal", "text")},
            **{(source, "float"): _ToFloat(prefix) for source in ("float", "text")},
            **{
                (source, "decimal"): _ToDecimal(prefix)
                for source in ("bool", "int", "float", "decimal", "text")
            },
            **{
                (source, "bool"): Template("{0} <> 0", COMPARISON)
                for source in ("int", "float", "decimal")
            },
            ("text", "bool"): Template(f"wf_{prefix}_bool({{0}})"),
            ("bool", "text"): Template("LOWER(CAST({0} AS STRING))"),
            ("text", "binary"): Template("ENCODE({0}, 'UTF-8')"),
            ("binary", "text"): Template("DECODE({0}, 'UTF-8')"),
        }
    )


CASTS: Final = _checked("to")
SAFE_CASTS: Final = _checked("try")
"""Those that are NULL where the cast would be an error."""
