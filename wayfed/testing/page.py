"""The page that says what runs where: capabilities and marks, looked at through the cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import wayfed
from wayfed.testing.asking import arrow_table, plan_of
from wayfed.testing.case import AnyCase, Failure, Plan, title
from wayfed.testing.cases import AGGREGATES, FAILURES, RELATIONS, SCALARS, TABLES, WINDOWS
from wayfed.testing.platform import Mark, refusal
from wayfed_optimizer.functions import FUNCTIONS
from wayfed_optimizer.types import PLAIN

if TYPE_CHECKING:
    from wayfed_optimizer.capabilities import Capabilities
    from wayfed_optimizer.relations import Relation

_CASES: Final[tuple[AnyCase, ...]] = (*SCALARS, *AGGREGATES, *WINDOWS, *RELATIONS, *FAILURES)
_TYPES: Final = (*PLAIN, "decimal", "list", "struct")
_ANYWHERE: Final = "wherever it occurs"
_HEAD: Final = """# What runs where

Made from the platforms' capabilities and the cases of `wayfed.testing` by `scripts/generate_platforms.py`; do not edit.
*yes* is every case, *in part* not for all types or arguments, *no* none; the reasons are below. What a platform does not
run, another one does: the optimizer moves the rows. What each operation means is in [semantics.md](semantics.md).
"""


@dataclass(frozen=True, slots=True)
class Documented:
    """A platform, as the page shows it.

    Parameters
    ----------
    name
        For people.
    capabilities
        What it says that it does.
    marks
        What else it does not do.
    """

    name: str
    capabilities: Capabilities
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class _Gap:
    """A case that a platform does not run."""

    about: str
    case: str
    why: str


def page(platforms: Sequence[Documented]) -> str:
    """Return the page, in Markdown."""
    plans = _plans()
    gaps = {each.name: tuple(_gaps(each, plans)) for each in platforms}
    abouts = list(dict.fromkeys(case.about for case in _CASES))
    functions = [name for name in FUNCTIONS if name in abouts]
    others = [name for name in abouts if name not in FUNCTIONS]
    found = {name: _extents(each) for name, each in gaps.items()}
    names = list(found)
    sections = [
        _HEAD,
        _counts(found, functions, others),
        "## Functions\n",
        _table(
            ("function", "meaning", *names),
            (
                (f"`{f}`", FUNCTIONS[f].doc, *(found[n].get(f, "yes") for n in names))
                for f in functions
            ),
        ),
        "## Relations and other expressions\n",
        _table(
            ("operation", *names), ((o, *(found[n].get(o, "yes") for n in names)) for o in others)
        ),
        "## Types\n",
        _table(
            ("type", *names),
            (
                (f"`{t}`", *("yes" if t in each.capabilities.types else "no" for each in platforms))
                for t in _TYPES
            ),
        ),
        "## Why not\n",
        *(_reasons(each, gaps[each.name]) for each in platforms),
    ]
    return "\n".join(sections)


def _plans() -> dict[AnyCase, Relation]:
    with wayfed.context() as context:
        tables = {
            name: context.read(arrow_table(schema, rows)) for name, (schema, rows) in TABLES.items()
        }
        return {
            case: case.plan(tables).relation if isinstance(case, Plan | Failure) else plan_of(case)
            for case in _CASES
        }


def _gaps(platform: Documented, plans: Mapping[AnyCase, Relation]) -> Iterator[_Gap]:
    for case, plan in plans.items():
        refused = refusal(plan, platform.capabilities)
        mark = platform.marks.get(title(case)) or platform.marks.get(case.about)
        if refused is not None:
            what, why = refused
            if what in _TYPES:
                yield _Gap(what, _ANYWHERE, why)
            else:
                yield _Gap(case.about, case.name, why if what == case.about else f"{what}: {why}")
        elif mark is not None:
            yield _Gap(case.about, case.name, f"{mark.reason} ({mark.kind})")


def _extents(gaps: Sequence[_Gap]) -> dict[str, str]:
    """Return "no" or "in part" for each thing that has gaps."""
    missing: dict[str, int] = defaultdict(int)
    for gap in gaps:
        missing[gap.about] += 1
    cases = [case.about for case in _CASES]
    return {
        about: "no" if count == cases.count(about) else "in part"
        for about, count in missing.items()
    }


def _counts(
    found: Mapping[str, Mapping[str, str]], functions: Sequence[str], others: Sequence[str]
) -> str:
    def row(what: str, names: Sequence[str]) -> tuple[str, ...]:
        cells = []
        for extents in found.values():
            told = [extents.get(name, "yes") for name in names]
            cells.append(" / ".join(str(told.count(each)) for each in ("yes", "in part", "no")))
        return (what, *cells)

    rows = (row("functions", functions), row("relations and other expressions", others))
    return _table(("yes / in part / no", *found), rows)


def _reasons(platform: Documented, gaps: Sequence[_Gap]) -> str:
    by_reason: dict[tuple[str, str], list[str]] = defaultdict(list)
    for gap in gaps:
        by_reason[gap.about, gap.why].append(gap.case)
    if "nan" in platform.capabilities.without:
        by_reason["NaN", platform.capabilities.without["nan"]].append(_ANYWHERE)
    rows = [
        (about, "<br>".join(map(_code, dict.fromkeys(cases))), why)
        for (about, why), cases in by_reason.items()
    ]
    heading = f"### {platform.name}\n\n"
    return heading + (_table(("of", "not", "because"), rows) if rows else "It runs everything.\n")


def _code(case: str) -> str:
    return case if case == _ANYWHERE else f"`{case}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]] | Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    """Return the text of a cell, in which a bar would end it."""
    return text.replace("|", "\\|")
