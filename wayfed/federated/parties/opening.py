"""How a party opens a session: what it takes, what of its failures it tells, what it records.

All that arrives by any grid comes through here, and all that leaves.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from flwr.app import ConfigRecord

from wayfed.federated.parties.audit import HERE
from wayfed.federated.parties.session import DESCRIBE, EXPLAIN, PLAN, Session
from wayfed.federated.privacy.masking.messages import STAGES
from wayfed.federated.releases import ReleaseKind, releases_in
from wayfed.federated.wire import QUESTION, read_json
from wayfed_optimizer.errors import (
    Cancelled,
    ExecutionError,
    NotEnoughMemory,
    PartyError,
    PlanError,
    PolicyViolation,
    SourceChanged,
    SourceError,
    WayfedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flwr.app import Context, Message, RecordDict

    from wayfed.arrays import Arrays
    from wayfed.federated.parties.audit import Asker, AuditLog
    from wayfed.federated.parties.member import Member
    from wayfed.federated.parties.party import Answering
    from wayfed.federated.releases import Release

LOG: Final = logging.getLogger("wayfed.federated.party")
KINDS: Final = frozenset(
    {PLAN, DESCRIBE, EXPLAIN, "query.bind", "query.statistics", "query.begin", "train", "evaluate"}
    | set(STAGES)
)
"""The messages that a party answers."""
_OF_THE_PARTY: Final = (SourceError, NotEnoughMemory, ExecutionError, SourceChanged)
"""Errors that are no answer to what was asked, though some can be said before a plan runs."""
_KEPT: Final = frozenset({PLAN, DESCRIBE, "query.bind"})
"""Messages whose question is written into the log: it holds names, scalars and the plan."""
_LONGEST: Final = 4_000
"""Characters of a question or a reason in the log; the hash is of all of it."""


def open_session(member: Member, asker: Asker = HERE) -> Answering:
    """Open a session of a party for whoever asks, by whatever grid.

    Parameters
    ----------
    member
        The party.
    asker
        Who asks.
    """
    session = _Closed(Session(member, openly=asker.is_here))
    return session if member.audit is None else _Audited(session, member, asker, member.audit)


class _Closed:
    """A session that takes messages of known kinds, and tells no more of a failure than it must.

    What an engine says when it fails quotes paths, queries and values. That stays with the party,
    whose log has it; in a simulation it is the cause of what is raised.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def answer(self, message: Message, context: Context) -> Message:
        """Answer a message; raises what keeps the party from it, in words that may leave it."""
        kind = message.metadata.message_type
        if kind not in KINDS:
            raise PartyError(f"{kind[:80]!r} is no message that a party answers")
        try:
            return self._session.answer(message, context)
        except Cancelled:
            raise
        except _OF_THE_PARTY as error:
            raise _without_reason(kind, error) from error
        except (PlanError, PolicyViolation, PartyError):
            raise
        except Exception as error:
            raise _without_reason(kind, error) from error

    def lend(self) -> Arrays:
        """Lend the arrays to code in this process."""
        return self._session.lend()

    def end(self, reason: str) -> None:
        """Stop what runs."""
        self._session.end(reason)


def _without_reason(kind: str, error: Exception) -> PartyError:
    LOG.warning("could not answer %s", kind, exc_info=error)
    reason = f"it could not answer '{kind}': {type(error).__name__}"
    return PartyError(reason, hint="the party's log says more")


class _Audited:
    """A session whose answers are in the audit log before they leave; else there are none."""

    def __init__(self, session: _Closed, member: Member, asker: Asker, log: AuditLog) -> None:
        self._session = session
        self._party = member.name
        self._asker = asker
        self._log = log
        self._plan: str | None = None

    def answer(self, message: Message, context: Context) -> Message:
        """Answer a message, and record it; a party whose log cannot be written answers nothing."""
        try:
            reply = self._session.answer(message, context)
        except BaseException as error:
            refused = isinstance(error, PolicyViolation)
            reason = str(error.message) if isinstance(error, WayfedError) else type(error).__name__
            self._record(message, "refused" if refused else "failed", [reason], [])
            raise
        told = list(releases_in(self._party, reply))
        decision, reasons = _decision(told)
        self._record(message, decision, reasons, [_described(each) for each in told])
        return reply

    def lend(self) -> Arrays:
        """Lend the arrays to code in this process, and record that."""
        arrays = self._session.lend()
        lent = {"kind": ReleaseKind.OTHER.value, "values": arrays.rows * len(arrays)}
        self._write(
            {"stage": "lend", "plan": self._plan, "decision": "allowed", "releases": [lent]}
        )
        return arrays

    def end(self, reason: str) -> None:
        """Stop what runs; what is asked of it then is in the log as failed."""
        self._session.end(reason)

    def _record(
        self, message: Message, decision: str, reasons: list[str], releases: list[dict[str, Any]]
    ) -> None:
        stage = message.metadata.message_type
        content = message.content if message.has_content() else None
        question = _question(content)
        if stage == PLAN and content is not None:
            self._plan = _plan_hash(content)
        asked = {} if question is None else {"question": hashlib.sha256(question).hexdigest()}
        if question is not None and stage in _KEPT:
            asked["asked"] = question[:_LONGEST].decode(errors="replace")
        self._write(
            {
                "stage": stage[:_LONGEST],
                "plan": self._plan,
                **asked,
                "decision": decision,
                **({"reasons": [each[:_LONGEST] for each in reasons]} if reasons else {}),
                "releases": releases,
            }
        )

    def _write(self, entry: dict[str, Any]) -> None:
        who = {
            "requester": self._asker.name,
            "fingerprint": self._asker.fingerprint,
            "session": self._asker.session,
        }
        try:
            self._log.append({"party": self._party, **who, **entry})
        except SourceError as error:
            LOG.error("%s; %s", error.message, error.hint)
            raise PartyError(
                "its audit log cannot be written, so that it answers nothing",
                hint="the party's own log says why",
            ) from error


def _decision(told: list[Release]) -> tuple[str, list[str]]:
    """Say how a party decided, by what its answer tells."""
    for release in told:
        if release.kind is ReleaseKind.FAILURE:
            return "failed", [str(release.content.get("reason", ""))]
        if release.kind is ReleaseKind.BINDING:
            plain = _plain(release)
            for key, decision in _DECISIONS.items():
                if found := plain.get(key):
                    reasons = found if isinstance(found, list) else [found]
                    return decision, [_sentence(each) for each in reasons]
    return "allowed", []


_DECISIONS: Final = {"violations": "refused", "problems": "unfit", "left_out": "refused"}


def _sentence(reason: object) -> str:
    return str(reason["message"]) if isinstance(reason, dict) else str(reason)


def _plain(release: Release) -> dict[str, Any]:
    try:
        plain = json.loads(release.content["json"])
    except (KeyError, TypeError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _described(release: Release) -> dict[str, Any]:
    """Return a release without its values: its kind, its size, and a digest of it."""
    sha, values, size = hashlib.sha256(), 0, 0
    for name, value in release.content.items():
        if isinstance(value, np.ndarray):
            data = np.ascontiguousarray(value).data
            values, size = values + value.size, size + value.nbytes
            sha.update(f"{name} {value.dtype.str} {value.shape} ".encode())
            sha.update(data)
        else:
            text = f"{name} {value}".encode() if isinstance(value, str) else repr(value).encode()
            values, size = values + _count(value), size + len(text)
            sha.update(text)
    kind = release.kind.value
    return {"kind": kind, "values": values, "bytes": size, "sha256": sha.hexdigest()}


def _count(value: object) -> int:
    if isinstance(value, str):
        try:
            return sum(1 for _ in _scalars(json.loads(value)))
        except (ValueError, RecursionError):
            return 1
    return len(value) if isinstance(value, list) else 1


def _scalars(plain: object) -> Iterator[object]:
    if isinstance(plain, dict | list):
        for each in plain.values() if isinstance(plain, dict) else plain:
            yield from _scalars(each)
    else:
        yield plain


def _question(content: RecordDict | None) -> bytes | None:
    if content is None or QUESTION not in content:
        return None
    record = content[QUESTION]
    plain = record.get("json") if isinstance(record, ConfigRecord) else None
    return plain.encode() if isinstance(plain, str) else None


def _plan_hash(content: RecordDict) -> str | None:
    try:
        plan = read_json(content, QUESTION)["plan"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return hashlib.sha256(str(plan).encode()).hexdigest()
