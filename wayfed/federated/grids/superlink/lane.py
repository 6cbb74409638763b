"""A short way to those handlers of a SuperLink's that parties and requesters ask all the time.

Flower's way to each of them takes four layers of middleware and five changes of thread, some eight
milliseconds of CPU for what its state in memory knows at once. Here a request is checked by
Flower's own functions, answered by its own handlers, and goes the long way where either refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from wayfed.federated.grids.superlink import private
from wayfed.federated.grids.superlink import private_superlink as flower

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.grids.superlink.guard import Application, Event, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class _Handled:
    """What is asked at a path.

    Parameters
    ----------
    request
        The class of its content.
    handle
        Answers it, given the request, the SuperLink's state, and the task that asks.
    """

    request: Any
    handle: Callable[[Any, Any, Any], Any]


_FLEET: Final = flower.fleet_handlers
_RUNTIME: Final = flower.runtime_handlers
_PARTIES: Final = {
    "send-node-heartbeat": _Handled(
        private.SendNodeHeartbeatRequest, lambda r, s, _: _FLEET.send_node_heartbeat(r, s)
    ),
    "pull-messages": _Handled(
        private.PullMessagesRequest, lambda r, s, _: _FLEET.pull_messages(r, s, s.object_store)
    ),
    "push-messages": _Handled(
        private.PushMessagesRequest, lambda r, s, _: _FLEET.push_messages(r, s)
    ),
    "pull-object": _Handled(private.PullObjectRequest, lambda r, s, _: _FLEET.pull_object(r, s)),
    "push-object": _Handled(private.PushObjectRequest, lambda r, s, _: _FLEET.push_object(r, s)),
    "confirm-message-received": _Handled(
        private.ConfirmMessageReceivedRequest,
        lambda r, s, _: _FLEET.confirm_message_received(r, s, s.object_store),
    ),
}
_REQUESTERS: Final = {
    "get-nodes": _Handled(private.GetNodesRequest, _RUNTIME.get_nodes),
    "pull-messages": _Handled(private.PullAppMessagesRequest, _RUNTIME.pull_messages),
    "push-messages": _Handled(private.PushAppMessagesRequest, _RUNTIME.push_messages),
    "pull-object": _Handled(private.PullObjectRequest, _RUNTIME.pull_object),
    "push-object": _Handled(private.PushObjectRequest, _RUNTIME.push_object),
    "confirm-message-received": _Handled(
        private.ConfirmMessageReceivedRequest, _RUNTIME.confirm_message_received
    ),
}
_FOR_PARTIES: Final = "/v1/fleet/"
_HANDLED: Final = {
    **{f"{_FOR_PARTIES}{name}": handled for name, handled in _PARTIES.items()},
    **{f"/v1/runtime/{name}": handled for name, handled in _REQUESTERS.items()},
}


class Lane:
    """Answers the requests that it knows, and passes on all others.

    Parameters
    ----------
    app
        Flower's application.
    state
        Its state, which is in memory.
    """

    def __init__(self, app: Application, state: Any) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope.get("method") != "POST" or path not in _HANDLED:
            await self._app(scope, receive, send)
            return
        events: list[Event] = []
        while not events or events[-1].get("more_body"):
            events.append(await receive())
            if events[-1]["type"] != "http.request":  # its sender is gone
                return
        body = b"".join(event.get("body", b"") for event in events)
        content = self._answer(path, Request(dict(scope)), body)
        if content is None:
            await self._app(scope, _then(events, receive), send)
            return
        headers = [
            (b"content-type", flower.PROTOBUF_MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, path: str, request: Request, body: bytes) -> bytes | None:
        """Give the answer to a request; None where it is not one to be answered here."""
        if request.headers.get("content-type") != flower.PROTOBUF_MEDIA_TYPE:
            return None
        handled = _HANDLED[path]
        try:
            asked = handled.request.FromString(body)
            request.state.protobuf_request = asked
            task = None
            if path.startswith(_FOR_PARTIES):
                flower.authenticate_node(request)
            else:
                token = request.headers.get(flower.TASK_TOKEN_HEADER)
                task = flower.authenticate_task(request, token, self._state)
            answer: bytes = handled.handle(asked, self._state, task).SerializeToString()
        except Exception:  # noqa: BLE001  # raised again on Flower's own way, which tells it
            return None
        return answer


def _then(events: list[Event], receive: Receive) -> Receive:
    kept = iter(events)

    async def replay() -> Event:
        return next(kept, None) or await receive()

    return replay
