"""What both sides do at a SuperLink: store the objects of a message there, and fetch them."""

from __future__ import annotations

import ssl
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx
from flwr.app import ConfigRecord

from wayfed.federated.grids.rpc.messages import MalformedMessage
from wayfed.federated.grids.superlink import private
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator

    from flwr.app import Message

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 2.0
_UPLOAD_DELAY: Final = 0.02
_UPLOAD_SECONDS: Final = 60.0
_AWAY: Final = (502, 503, 504)


class Objects(Protocol):
    """Those requests that the clients of Flower's two interfaces have in common."""

    def PushObject(self, request: Any) -> Any: ...  # noqa: D102  # Flower's names

    def PullObject(self, request: Any) -> Any: ...  # noqa: D102  # Flower's names

    def ConfirmMessageReceived(self, request: Any) -> Any: ...  # noqa: D102  # Flower's names


class Depot:
    """Where the objects of one run's messages lie, as one node of it sees them.

    Parameters
    ----------
    client
        A connection.
    node, run
        The numbers of both.
    limit
        The largest message in bytes.
    """

    def __init__(self, client: Objects, node: int, run: int, limit: int = 1 << 30) -> None:
        self._client = client
        self._node = private.Node(node_id=node)
        self._run = run
        self._limit = limit

    def store(self, messages: Collection[Message], wanted: Collection[str], session: str) -> None:
        """Store the objects of messages that the SuperLink wants, each once."""
        found: dict[str, Any] = {}
        for message in messages:
            found.update(private.get_all_nested_objects(message))
        # Whoever has a message's records confirms it, which nothing of it may come after.
        for name in sorted(wanted, key=lambda name: not found[name].children):
            answer = self._client.PushObject(
                private.PushObjectRequest(
                    node=self._node,
                    run_id=self._run,
                    session_id=session,
                    object_id=name,
                    object_content=found[name].deflate(),
                )
            )
            if not answer.stored:
                raise TransferError("the SuperLink did not take a part of a message")

    def fetch(self, tree: Any) -> list[ConfigRecord]:
        """Fetch a message's records, and let the SuperLink forget it.

        What lies around them, the message's head has told already.

        Raises
        ------
        MalformedMessage
            Its leaves are other things than our records are.
        TransferError
            They did not come.
        """
        records = []
        size = 0
        end = monotonic() + _UPLOAD_SECONDS
        try:
            for name in _leaves(tree):
                content = self._content(name, end)
                size += len(content)
                if size > self._limit:
                    raise MalformedMessage(f"more than {self._limit:,} bytes")
                try:
                    records.append(ConfigRecord.inflate(content))
                except Exception as error:
                    raise MalformedMessage(f"an object that is none of ours: {error}") from error
        finally:
            self._client.ConfirmMessageReceived(
                private.ConfirmMessageReceivedRequest(
                    node=self._node, run_id=self._run, message_object_id=tree.object_id
                )
            )
        return records

    def _content(self, name: str, end: float) -> bytes:
        while True:
            answer = self._client.PullObject(
                private.PullObjectRequest(node=self._node, run_id=self._run, object_id=name)
            )
            if not answer.object_found:
                raise TransferError("a part of a message is not at the SuperLink any more")
            if answer.object_available:
                content: bytes = answer.object_content
                return content
            if monotonic() > end:
                raise TransferError("a message was announced, and did not come")
            sleep(_UPLOAD_DELAY)  # whoever sends it is at it


def patient(seconds: float | None, stopping: threading.Event) -> Any:
    """Make what repeats a request while the SuperLink is away, until it is to stop.

    Flower's own waits up to 20 seconds between two, and ends the process where it is refused.
    """

    def is_for_good(error: Exception) -> bool:
        return stopping.is_set() or _is_for_good(error)

    return private.RetryInvoker(
        lambda: private.exponential(base_delay=_FIRST_DELAY, max_delay=_LONGEST_DELAY),
        (httpx.TransportError, httpx.HTTPStatusError),
        max_tries=None,
        max_time=seconds,
        should_giveup=is_for_good,
        wait_function=stopping.wait,
    )


def told(error: httpx.HTTPError) -> str:
    """Say in one line what a SuperLink answered, or why it did not."""
    if isinstance(error, httpx.HTTPStatusError):
        said = private.FlowerError.from_json(error.response.text)
        code = f"{error.response.status_code} for {error.request.url.path}"
        return f"{code}: {said.message}" if said is not None else code
    return f"{type(error).__name__}: {error}"


def _is_for_good(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code not in _AWAY
    causes = (error.__cause__, error.__context__)
    return any(isinstance(cause, ssl.SSLError) for cause in causes) or "certificate" in str(error)


def _leaves(tree: Any) -> Iterator[str]:
    if not tree.children:
        yield str(tree.object_id)
    for child in tree.children:
        yield from _leaves(child)
