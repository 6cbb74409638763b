"""A requester's side of its connection to a hub elsewhere: the desk of a notebook."""

from __future__ import annotations

import base64
import threading
import uuid
from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed.federated.grids.rpc.channel import REQUESTER_METHOD
from wayfed.federated.grids.rpc.desk import Batch, Mailbox, Presence
from wayfed.federated.grids.rpc.frames import (
    VERSION,
    Assembler,
    Frame,
    MalformedFrame,
    MessageTooLarge,
    framed,
)
from wayfed.federated.grids.rpc.outbound import Coordinator, Outbound
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from wayfed.federated.grids.rpc.identity import Identity

_FIRST_SECONDS: Final = 15.0
_AWAY_SECONDS: Final = 20.0
_STEP_SECONDS: Final = 0.1
_END_SECONDS: Final = 5.0


class RemoteDesk:
    """A place at a hub elsewhere; it connects when it is made, and stays.

    Parameters
    ----------
    coordinator
        Where the hub is.
    identity
        Who asks; the hub lists its fingerprint, and so does each party that serves it.
    message_bytes
        The most bytes of an answer.

    Raises
    ------
    PartyError
        The coordinator does not answer, or refuses.
    """

    def __init__(
        self, coordinator: Coordinator, identity: Identity, *, message_bytes: int = 1 << 30
    ) -> None:
        self._address = coordinator.address
        self._limit = message_bytes
        self._assembler = Assembler(message_bytes)
        self._changed = threading.Condition()
        self._listed: tuple[str, ...] | None = None
        self._present: dict[str, Presence] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._posted: dict[str, list[Batch]] = {}
        self._problem = ""
        self._away: threading.Timer | None = None
        self._fresh = False
        self._outbound = Outbound(
            coordinator,
            identity,
            method=REQUESTER_METHOD,
            first=Frame("knock", {"version": VERSION, "boot": uuid.uuid4().hex}),
            begin=self._begin,
            take=self._take,
            lost=self._lost,
        )
        self._thread = threading.Thread(target=self._outbound.run, name="wayfed-desk", daemon=True)
        self._thread.start()
        try:
            self._await_welcome()
        except BaseException:
            self.close()
            raise

    def open(self, session: str) -> Mailbox:
        """Begin a session, and return where its answers arrive."""
        with self._changed:
            mailbox = self._mailboxes[session] = Mailbox(dict(self._present))
            return mailbox

    def post(self, batch: Batch) -> None:
        """Send messages; each gets an answer, or words that say why there is none."""
        with self._changed:
            mailbox = self._mailboxes[batch.session]
            waiting = [b for b in self._posted.get(batch.session, []) if _unanswered(b, mailbox)]
            self._posted[batch.session] = [*waiting, batch]
            if self._problem:
                self._wait_for_it()
        self._send(batch)

    def end(self, session: str) -> None:
        """End a session at all parties."""
        with self._changed:
            self._mailboxes.pop(session, None)
            self._posted.pop(session, None)
        self._outbound.send((Frame("end", {"session": session, "fingerprint": ""}),))

    def names(self) -> tuple[str, ...]:
        """Return the parties that the hub lists, connected or not."""
        return self._listed or ()

    @property
    def present(self) -> dict[str, Presence]:
        """The parties that are connected, by name."""
        return dict(self._present)

    def require_place(self) -> None:
        """Raise PartyError where the coordinator has refused this requester since it connected."""
        if self._outbound.refused:
            raise self._unreachable(self._outbound.refused)

    def close(self) -> None:
        """Disconnect."""
        self._outbound.stop()
        self._thread.join(_END_SECONDS)  # it may be about to connect to a machine that is silent
        with self._changed:
            self._wait_no_more()

    def _await_welcome(self) -> None:
        end = monotonic() + _FIRST_SECONDS
        with self._changed:
            while self._listed is None:
                if self._problem or monotonic() > end:
                    raise self._unreachable(self._problem or "it does not answer")
                self._changed.wait(_STEP_SECONDS)

    def _unreachable(self, reason: str) -> PartyError:
        return PartyError(
            f"no connection to the coordinator at {self._address}: {reason}",
            hint="does it run, does it list this certificate as a requester's, and is the "
            "fingerprint in [coordinator] its own?",
        )

    def _send(self, batch: Batch) -> None:
        heads = {
            party: [number, base64.b64encode(head).decode()]
            for party, (number, head) in batch.heads.items()
        }
        number = min(number for number, _ in batch.heads.values())
        header = {"session": batch.session, "number": number, "heads": heads}
        self._outbound.send(framed("send", header, batch.content))

    # What follows is called on the connection's thread.

    def _begin(self) -> None:
        self._assembler = Assembler(self._limit)
        self._fresh = True

    def _lost(self, reason: str) -> None:
        with self._changed:
            self._problem = reason
            self._present = {}  # nobody knows until the coordinator is back
            self._changed.notify_all()
            if self._outbound.refused:  # whoever is refused has lost all that it was to be told
                self._give_up()
            elif self._listed is not None:
                self._wait_for_it()

    def _wait_for_it(self) -> None:
        """Give the coordinator some time to come back; what is asked later gets as much again."""
        if self._away is None:
            self._away = threading.Timer(_AWAY_SECONDS, self._give_up_if_away)
            self._away.daemon = True
            self._away.start()

    def _give_up_if_away(self) -> None:
        with self._changed:
            # It may have come back, and even gone again, just when the timer ran out.
            if self._away is threading.current_thread():
                self._give_up()

    def _give_up(self) -> None:
        self._wait_no_more()
        for mailbox in self._mailboxes.values():
            for number in list(mailbox.expected):
                mailbox.deliver(number, f"no connection to the coordinator: {self._problem}")

    def _wait_no_more(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None

    def _take(self, frame: Frame) -> None:
        header = frame.header
        match frame.kind:
            case "answer" | "part":
                try:
                    whole = self._assembler.take(frame)
                except MessageTooLarge as error:
                    reason = f"answered {error.message}"
                    self._deliver(header["session"], header["number"], reason)
                    return
                if whole is not None:
                    self._deliver(header["session"], header["number"], whole[1])
            case "undelivered":
                self._assembler.drop((header["session"], header["number"]))
                self._deliver(header["session"], header["number"], header["reason"])
            case "parties":
                self._see(header["listed"], header["present"])
            case _:
                raise MalformedFrame(f"a frame '{frame.kind}', which no coordinator sends")

    def _deliver(self, session: str, number: int, answer: bytes | str) -> None:
        mailbox = self._mailboxes.get(session)
        if mailbox is not None:
            mailbox.deliver(number, answer)

    def _see(self, listed: list[object], present: dict[str, object]) -> None:
        seen = {party: _presence(told) for party, told in present.items()}
        with self._changed:
            self._wait_no_more()
            self._problem = ""
            self._listed, self._present = tuple(map(str, listed)), seen
            self._changed.notify_all()
            mailboxes = list(self._mailboxes.values())
            again = self._unanswered() if self._fresh else []
            self._fresh = False
        for mailbox in mailboxes:
            mailbox.see(seen)
        for batch in again:
            self._send(batch)

    def _unanswered(self) -> list[Batch]:
        """Return what was sent over an earlier connection and has no answer yet."""
        return [
            left
            for session, batches in self._posted.items()
            for batch in batches
            if (left := _unanswered(batch, self._mailboxes[session]))
        ]


def _unanswered(batch: Batch, mailbox: Mailbox) -> Batch | None:
    heads = {
        party: (number, head)
        for party, (number, head) in batch.heads.items()
        if number in mailbox.expected
    }
    return Batch(batch.session, heads, batch.content) if heads else None


def _presence(told: object) -> Presence:
    match told:
        case [str(boot), list(tables), int(min_rows)]:
            return Presence(boot, tuple(map(str, tables)), min_rows)
    raise MalformedFrame("a party that is not described as one")
