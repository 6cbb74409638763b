"""What requests to a SuperLink say to the guard that lets them pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from wayfed.federated.grids.superlink import private
from wayfed.federated.grids.superlink.news import Announced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wayfed.federated.grids.superlink.news import News

_FLEET: Final = "/v1/fleet/"
_RUNTIME: Final = "/v1/runtime/"
PULLS: Final = (f"{_FLEET}pull-messages", f"{_RUNTIME}pull-messages")
_MESSAGES: Final[dict[str, tuple[Any, Any]]] = {
    f"{_FLEET}push-messages": (private.PushMessagesRequest, private.PushMessagesResponse),
    f"{_RUNTIME}push-messages": (private.PushAppMessagesRequest, private.PushAppMessagesResponse),
}
_OBJECTS: Final = (f"{_FLEET}push-object", f"{_RUNTIME}push-object")
PUSHES: Final = (*_MESSAGES, *_OBJECTS)


def receiver_of(path: str, body: bytes, requesters: int) -> int | None:
    """Say who asks for messages; None where the request cannot be read."""
    if not path.startswith(_FLEET):
        return requesters
    try:
        return int(private.PullMessagesRequest.FromString(body).node.node_id)
    except DecodeError:
        return None


def take_note(news: News, path: str, request: bytes, response: bytes) -> None:
    """Take note of what a request brought that was answered."""
    if path in _OBJECTS:
        news.arrived(private.PushObjectRequest.FromString(request).object_id)
        return
    asked, answered = _MESSAGES[path]
    pushed = asked.FromString(request)
    messages = zip(pushed.messages_list, pushed.message_object_trees, strict=True)
    news.announce(
        [Announced(int(each.metadata.dst_node_id), frozenset(_names(t))) for each, t in messages],
        answered.FromString(response).objects_to_push,
    )


def _names(tree: Any) -> Iterator[str]:
    yield str(tree.object_id)
    for child in tree.children:
        yield from _names(child)
