"""A SuperLink of which only what parties need can be reached from other machines.

Flower serves three interfaces on one port, and its Control interface asks nobody who they are: as
it is shipped, whoever reaches the port may list nodes, register one, and start and stop runs. Here
all but ``/v1/fleet/``, where nodes sign what they ask, is for this machine alone. Besides, who asks
for messages waits until there are some, instead of asking again.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed.federated.grids.processes import quiet_environment
from wayfed.federated.grids.superlink.private_database import leave_out

if TYPE_CHECKING:
    from collections.abc import Callable

_UNUSED: Final = frozenset(
    {
        "ControlSensitiveResponseMiddleware",
        "ControlLicenseMiddleware",
        "ControlEventLogMiddleware",
        "FleetEventLogMiddleware",
        "RuntimeTracingMiddleware",
    }
)
"""Parts of Flower's that do nothing here, and take half of the time of each request."""
DATABASE: Final = ":flwr-in-memory:"
_HEARTBEAT_SECONDS: Final = 10.0
"""After twice that without one, a party counts as away whose connection nobody saw break."""


def start() -> subprocess.Popen[bytes]:
    """Begin a process that becomes one when it is told what it is to be."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=quiet_environment(),
    )


def serve(
    listening: socket.socket,
    certificate: bytes,
    key: bytes,
    secret: bytes,
    *,
    database: str = DATABASE,
    ready: Callable[[int], None],
) -> None:
    """Be a SuperLink until the process is told to end.

    Parameters
    ----------
    listening
        A socket that is bound.
    certificate, key
        Its own, in PEM.
    secret
        What those know who may take runs over.
    database
        A file in which runs and messages outlive the process; by default its memory.
    ready
        Called with the port when it can be asked.
    """
    import uvicorn

    with tempfile.TemporaryDirectory() as directory:
        paths = Path(directory, "certificate.pem"), Path(directory, "key.pem")
        for path, content in zip(paths, (certificate, key), strict=True):
            path.touch(0o600)
            path.write_bytes(content)
        configuration = uvicorn.Config(
            _application(certificate, key, secret, database),
            ssl_certfile=paths[0],
            ssl_keyfile=paths[1],
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
        )
        configuration.load()
    ready(listening.getsockname()[1])
    uvicorn.Server(configuration).run(sockets=[listening])


def _application(certificate: bytes, key: bytes, secret: bytes, database: str) -> Any:
    """Make Flower's application, behind the guard."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
    from wayfed.federated.grids.superlink import private_superlink as private
    from wayfed.federated.grids.superlink.guard import Guard
    from wayfed.federated.grids.superlink.lane import Lane

    logging.getLogger("flwr").setLevel(logging.WARNING)  # else it tells of each request
    configuration = private.SuperLinkLifespanConfig(
        control_address="",
        health_server_address=None,
        host="",
        port=0,
        insecure=False,
        certificates=(certificate, certificate, key),
        superexec_auth_secret=secret,
        authn_plugin=private.load_control_authn_plugin(),
        event_log_plugin=None,
        fleet_event_log_plugin=None,
        enable_event_log=False,
        artifact_provider=None,
        enable_supernode_auth=True,
        fleet_api_type=private.TRANSPORT_TYPE_GRPC_RERE,
        fleet_api_address=None,
        simulation=False,
        ssl_ca_certfile=None,
        ssl_certfile=None,
        ssl_keyfile=None,
        database=database,
        isolation=private.ISOLATION_MODE_PROCESS,
        runtime_dependency_install=False,
    )
    application = private.create_app(configuration, private.SuperLinkLifespan)
    kept = [each for each in application.user_middleware if each.cls.__name__ not in _UNUSED]
    state = application.state.linkstate_factory.state()
    guard = private.Middleware(Guard, roll=_Roll(state), requesters=private.SUPERLINK_NODE_ID)
    # What waits for a disk does so in threads, on Flower's way.
    lane = [private.Middleware(Lane, state=state)] if database == DATABASE else []
    application.user_middleware[:] = [guard, *lane, *kept]
    return application


class _Roll:
    """Where a SuperLink has written down which nodes are there."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def left(self, node: int) -> None:
        """Strike a node off, as if it had said that it goes."""
        self._state.deactivate_node(node)

    def returned(self, node: int) -> None:
        """Write a node down, as if it had come; its heartbeats tell from then on."""
        self._state.activate_node(node, _HEARTBEAT_SECONDS)


def main() -> None:
    """Be what a line of JSON says, until whoever wrote it is gone."""
    gc.disable()  # what is imported is no garbage: to look for some is a fifth of the time
    leave_out()
    _import_all()
    gc.freeze()
    gc.enable()
    line = sys.stdin.readline()
    if not line:  # whoever started it is gone already
        return
    told = json.loads(line)
    threading.Thread(target=_end_with_input, daemon=True).start()
    listening = socket.create_server(("127.0.0.1", 0))

    def ready(port: int) -> None:
        os.write(1, f"{port}\n".encode())

    written = (told[name].encode() for name in ("certificate", "key", "secret"))
    serve(listening, *written, ready=ready)


def _import_all() -> None:
    import wayfed.federated.grids.superlink.guard
    import wayfed.federated.grids.superlink.lane  # noqa: F401  # for `serve`


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
