"""What a run changed in its plan on the way, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.explain.numbers import deviation, in_rows, in_seconds, listing, short
from wayfed_optimizer.errors import mask_secrets

if TYPE_CHECKING:
    from wayfed.execution.report import Placement, Recovery, Replanning, Report


def events_of(report: Report) -> tuple[str, ...]:
    """Return what was planned again, and which failures were got over, each in order."""
    return (
        *map(_planned_again, report.replannings),
        *(mask_secrets(_got_over(each)) for each in report.recoveries),
    )


def _planned_again(event: Replanning) -> str:
    off = deviation(event.estimated.likely, event.rows)
    rows = in_rows(event.rows)
    gave = rows if event.complete else f"{rows} and more to come"
    cause = f"{event.fragment} on {event.platform} gave {gave} where {short(event.estimated)} "
    cause += f"were expected{f' ({off})' if off else ''}"
    again = f"the rest was planned again in {in_seconds(event.seconds)}"
    if not event.changed:
        return f"{cause}: {again}, and stayed as it was"
    kept = f", keeping what {listing(event.kept)} gave" if event.kept else ""
    return (
        f"{cause}: {again}{kept}: {_placements(event.after)} instead of {_placements(event.before)}"
    )


def _got_over(event: Recovery) -> str:
    who = event.fragment or "what ran"
    where = f" on {event.platform}" if event.platform else ""
    waited = f" after {in_seconds(event.seconds, 2)}" if event.seconds else ""
    to = f": {_placements(event.after)}" if event.after else ""
    return f"{who}{where} failed ({event.error}) and was {event.action}{waited}{to}"


def _placements(places: tuple[Placement, ...]) -> str:
    return listing([str(place) for place in places])
