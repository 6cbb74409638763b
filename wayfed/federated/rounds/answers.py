"""What parties may answer to the questions of a run: looked at before anything is made of it."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.parties.policy import Purpose, Role
from wayfed.federated.parties.question import Problem
from wayfed.federated.privacy.dp import Spent
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.statistics.sketch import Sketch
from wayfed.federated.wire import QUESTION, read_json
from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flwr.app import RecordDict

_REFUSED: Final = ("problems", "violations", "left_out")


def answer_fault(stage: str, asked: RecordDict, told: RecordDict) -> str | None:
    """Say what is wrong with the answer to a question; None if nothing is.

    Parameters
    ----------
    stage
        The type of the message, such as ``query.bind``.
    asked
        The question.
    told
        What a party answered.
    """
    check = _CHECKS.get(stage)
    if check is None:
        return None
    try:
        check(asked, told)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOption) as error:
        return f"answered {stage} with what makes no sense ({type(error).__name__})"
    return None


def _check_plan(asked: RecordDict, told: RecordDict) -> None:
    binding = _binding(told)
    _check_texts(binding["problems"])
    if read_json(asked, QUESTION).get("purpose") == Purpose.LOOK.value:
        return
    _check_texts(binding["violations"])
    for name, role in binding["roles"].items():
        _need(isinstance(name, str))
        Role(role)


def _check_bind(asked: RecordDict, told: RecordDict) -> None:
    binding = _binding(told)
    _check_refusals(binding)
    if _refuses(binding) or read_json(asked, QUESTION).get("privacy") is not None:
        return
    _need(all(map(_is_whole, (binding["rows"], binding["training"], binding["testing"]))))
    _need(isinstance(binding["digest"], str))
    labels = read_json(told, ReleaseKind.LABELS)
    for category, count in labels.get("counts", ()):
        _need(_is_category(category) and (count is None or _is_whole(count)))
    if "moments" in labels:
        _check_moments(labels["moments"])


def _check_statistics(_: RecordDict, told: RecordDict) -> None:
    for moments in read_json(told, ReleaseKind.STATISTICS).values():
        _check_moments(moments)
    for pairs in read_json(told, ReleaseKind.VOCABULARY).values():
        for category, count in pairs:
            _need(_is_category(category) and _is_whole(count))
    if ReleaseKind.QUANTILES in told:
        for bins in read_json(told, ReleaseKind.QUANTILES).values():
            Sketch.from_plain(bins)


def _check_begin(asked: RecordDict, told: RecordDict) -> None:
    question = read_json(asked, QUESTION)
    if not question:  # somebody's own client, which is asked for its arrays
        return
    binding = _binding(told)
    _check_refusals(binding)
    if "run" not in question or _refuses(binding):
        return
    _need(all(map(_is_whole, (binding["training"], binding["testing"]))))
    spent = Spent(**binding["spent"])
    _need(all(map(_is_number, (spent.epsilon, spent.delta))))
    _need(isinstance(binding["resumed"], bool))


_CHECKS: Final[Mapping[str, Callable[[RecordDict, RecordDict], None]]] = {
    "query.plan": _check_plan,
    "query.bind": _check_bind,
    "query.statistics": _check_statistics,
    "query.begin": _check_begin,
}


def _binding(told: RecordDict) -> dict[str, Any]:
    return read_json(told, ReleaseKind.BINDING)


def _refuses(binding: Mapping[str, Any]) -> bool:
    return any(binding.get(kind) for kind in _REFUSED)


def _check_refusals(binding: Mapping[str, Any]) -> None:
    for problem in binding.get("problems", ()):
        _check_texts(astuple(Problem(**problem)))
    _check_texts(binding.get("violations", ()))
    _check_texts((binding.get("left_out"),))


def _check_texts(texts: Iterable[object]) -> None:
    _need(all(text is None or isinstance(text, str) for text in texts))


def _check_moments(moments: Any) -> None:
    count, mean, squares = moments
    _need(_is_whole(count) and _is_number(mean) and _is_number(squares) and squares >= 0)


def _need(holds: bool) -> None:
    if not holds:
        raise ValueError


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _is_number(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def _is_category(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
