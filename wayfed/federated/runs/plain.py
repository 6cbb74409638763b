"""Rounds, parties and failures as plain values, and back: what stores and checkpoints hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wayfed.federated.reliability import Reliability
from wayfed.federated.runs.results import PartyReport, Round
from wayfed_optimizer.errors import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wayfed.federated.rounds.guard import Failure


def round_to_dict(played: Round) -> dict[str, Any]:
    """Give a round as plain values, fit for JSON."""
    return {
        "number": played.number,
        "metrics": dict(played.metrics),
        "parties": {name: dict(measures) for name, measures in played.parties.items()},
        "weights": dict(played.weights),
        "failures": failures_to_list(played.failures),
        "seconds": played.seconds,
        "reliability": played.reliability and played.reliability.to_dict(),
    }


def round_from_dict(plain: Mapping[str, Any]) -> Round:
    """Read what `round_to_dict` wrote."""
    failures = tuple(failures_from_list(plain["failures"]))
    table = plain["reliability"]
    reliability = None if table is None else Reliability.from_dict(table)
    return Round(**{**plain, "failures": failures, "reliability": reliability})


def failures_to_list(failures: Iterable[Failure]) -> list[dict[str, Any]]:
    """Give failures as plain values; passwords in URLs are masked."""
    return [{**asdict(each), "reason": mask_secrets(each.reason)} for each in failures]


def failures_from_list(plain: Iterable[Mapping[str, Any]]) -> list[Failure]:
    """Read what `failures_to_list` wrote."""
    from wayfed.federated.rounds.guard import Failure

    return [Failure(**each) for each in plain]


def parties_to_dict(parties: Mapping[str, PartyReport]) -> dict[str, Any]:
    """Give what is known of parties as plain values, fit for JSON."""
    return {name: asdict(report) for name, report in parties.items()}


def parties_from_dict(plain: Mapping[str, Mapping[str, Any]]) -> dict[str, PartyReport]:
    """Read what `parties_to_dict` wrote."""
    return {name: PartyReport(**report) for name, report in plain.items()}
