"""How statistics of a plan's rows are asked: the plan is bound for them, then each party tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wayfed.federated.features.fitting import Category, Moments
from wayfed.federated.parties.policy import Purpose
from wayfed.federated.parties.session import DESCRIBE
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.rounds.binding import bind_plan
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.launch import checked_deadline
from wayfed.federated.statistics.description import (
    FederatedDescription,
    Told,
    kept_back,
    together,
)
from wayfed.federated.statistics.question import Asked, bounds_of
from wayfed.federated.statistics.sketch import Sketch
from wayfed.federated.wire import flower_process, question, read_json
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation
from wayfed_optimizer.types import BOOL, TEXT, is_numeric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flwr.app import RecordDict

    from wayfed.federated.grids.base import PartyGrid
    from wayfed_optimizer.types import Schema


def count_rows(grid: PartyGrid, plan: bytes, *, deadline: float | None = None) -> int:
    """Return how many rows a plan gives at all parties together.

    Parameters
    ----------
    grid
        A session with every party.
    plan
        The plan, as it travels.
    deadline
        Seconds that a party has for each answer; None waits as long as the grid does.

    Raises
    ------
    PolicyViolation
        Some party does not tell its number; a sum without it would be no count.
    PartyError
        A party did not answer.
    """
    told, left_out = _ask(grid, plan, Purpose.COUNT, Asked(), deadline)
    if left_out:
        reasons = "".join(f"\n  party '{name}': {why}" for name, why in left_out.items())
        raise PolicyViolation(
            f"not every party tells how many rows it has{reasons}",
            hint="describe() tells of those that do",
        )
    return sum(each.rows for each in told.values())


def describe_rows(
    grid: PartyGrid,
    plan: bytes,
    schema: Schema,
    *,
    quantiles: Sequence[float],
    top: int,
    min_count: int,
    histograms: Mapping[str, Sequence[float]],
    partly: bool,
    deadline: float | None = None,
) -> FederatedDescription:
    """Return what the parties tell of the columns of a plan's result.

    With `partly`, a party whose policy keeps it from telling of a column tells of the others.
    """
    for fraction in quantiles:
        if not 0 <= fraction <= 1:
            raise InvalidOption(f"a quantile is a fraction from 0 to 1, not {fraction!r}")
    for option, number in (("top", top), ("min_count", min_count)):
        if number < 1:
            raise InvalidOption(f"{option} is a whole number from 1 up, not {number!r}")
    for name in histograms:
        schema.field(name)
    asked = Asked(
        tuple(f.name for f in schema if is_numeric(f.type)),
        tuple(f.name for f in schema if f.type in (TEXT, BOOL)),
        {name: bounds_of(bounds) for name, bounds in histograms.items()},
    )
    if wrong := sorted(histograms.keys() - set(asked.numbers)):
        raise InvalidOption(f"'{wrong[0]}' is {schema[wrong[0]].type}; a histogram is of numbers")
    told, left_out = _ask(grid, plan, Purpose.DESCRIBE, asked, deadline, partly=partly)
    columns = together(schema, asked, told, quantiles=quantiles, top=top, min_count=min_count)
    rows = sum(each.rows for each in told.values())
    return FederatedDescription(rows, tuple(told), left_out, columns, kept_back(told))


def _ask(
    grid: PartyGrid,
    plan: bytes,
    purpose: Purpose,
    asked: Asked,
    deadline: float | None,
    *,
    partly: bool = False,
) -> tuple[dict[str, Told], dict[str, str]]:
    try:
        guarded = GuardedGrid(grid, deadline=checked_deadline(deadline))
        with flower_process():
            bound = bind_plan(guarded, plan, purpose, partly=partly)
            answers = guarded.ask(question(asked.to_dict()), DESCRIBE)
    finally:
        grid.close()
    left_out = dict(bound.left_out)
    told: dict[str, Told] = {}
    for party, answer in answers.items():
        if ReleaseKind.BINDING in answer:
            left_out[party] = str(read_json(answer, ReleaseKind.BINDING).get("left_out"))
            continue
        try:
            told[party] = _checked(answer, asked)
        except (InvalidOption, KeyError, TypeError, ValueError, AttributeError) as error:
            raise PartyError(
                "its answer to a question for statistics makes no sense", party=party
            ) from error
    left_out |= {f.party: f.reason for f in guarded.failures if f.party not in told}
    return told, left_out


def _checked(answer: RecordDict, asked: Asked) -> Told:
    """Return what a party told; raises where it is not what was asked."""
    counts = read_json(answer, ReleaseKind.COUNT)
    if not (asked.numbers or asked.categories):
        return Told(_whole(counts["rows"]))
    values = {
        name: None if (known := counts["values"][name]) is None else _whole(known)
        for name in (*asked.numbers, *asked.categories)
    }
    moments = read_json(answer, ReleaseKind.STATISTICS)
    sketches = read_json(answer, ReleaseKind.QUANTILES)
    histograms = read_json(answer, ReleaseKind.HISTOGRAM)
    vocabularies = read_json(answer, ReleaseKind.VOCABULARY)
    for name, ranges in histograms.items():
        if len(ranges) != len(asked.histograms[name]) - 1:
            raise ValueError(f"the histogram of {name} has other ranges")
    return Told(
        _whole(counts["rows"]),
        values,
        {
            name: "; ".join(str(each) for each in counts.get("withheld", {}).get(name, ()))
            for name in values
            if counts.get("withheld", {}).get(name)
        },
        {name: Moments(_whole(m[0]), float(m[1]), float(m[2])) for name, m in moments.items()},
        {name: Sketch.from_plain(bins) for name, bins in sketches.items()},
        {
            name: [None if each is None else _whole(each) for each in ranges]
            for name, ranges in histograms.items()
        },
        {
            name: {_category(value): _whole(number) for value, number in pairs}
            for name, pairs in vocabularies.items()
        },
    )


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError("a count is a whole number from 0 up")
    return number


def _category(value: Any) -> Category:
    if not isinstance(value, str | int | bool):
        raise TypeError("a category is a text, a whole number or a bool")
    return value
