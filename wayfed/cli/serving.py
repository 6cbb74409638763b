"""What ``party check``, ``party serve`` and ``coordinator serve`` do."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wayfed.federated.grids.superlink.link import SuperLinkLink
    from wayfed.federated.parties.files import OwnParty
    from wayfed.federated.parties.member import Member

_STEP_SECONDS: Final = 0.2
LOG: Final = logging.getLogger("wayfed.federated")


def check_party(file: Path, *, connect: bool) -> bool:
    """Tell all that keeps a party from serving; say whether there is nothing."""
    from wayfed.federated.grids.rpc.channel import pinned_certificate
    from wayfed.federated.parties.files import load_party
    from wayfed.federated.parties.member import Member

    party = load_party(file)
    problems: list[str] = []
    member = Member.of(party.name, party.configuration, party.published)
    try:
        problems += member.problems()
    finally:
        member.context.close()
    if not party.requesters and not party.superlink:
        problems.append("[requesters] lists nobody, so nobody is served")
    if connect:
        try:
            pinned_certificate(party.coordinator.address, party.coordinator.fingerprint)
        except TransferError as error:
            problems.append(error.message)
    expires = party.identity.expires
    missing = sorted(party.published.keys() - party.configuration.tables.keys())
    lines = [
        f"party '{party.name}', {party.identity.fingerprint}, valid until {expires:%Y-%m-%d}",
        f"tables: {', '.join(member.tables)}",
        _whom(party),
        *([f"published, but not here: {', '.join(missing)}"] if missing else []),
        *(problems or ["all fits"]),
    ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return not problems


def serve_party(file: Path) -> None:
    """Be a party until a signal comes."""
    from threadpoolctl import threadpool_limits

    from wayfed.federated.grids.rpc.serving import link_of
    from wayfed.federated.grids.rpc.watched import Watched
    from wayfed.federated.parties.files import load_party
    from wayfed.federated.parties.member import Member
    from wayfed.federated.wire import flower_process

    _log()
    party = load_party(file)
    requesters = Watched(lambda: load_party(file).requesters, [file])
    member = Member.of(party.name, party.configuration, party.published, key=party.identity.key)
    with flower_process(), threadpool_limits(1, user_api="blas"):
        link = (
            _node_of(party, member)
            if party.superlink
            else link_of(member, party.identity, party.coordinator, requesters.current)
        )
        served: Future[None] = Future()
        thread = threading.Thread(target=_into, args=(served, link.serve), daemon=True)
        thread.start()
        LOG.info("party '%s' %s", party.name, _whom(party))
        try:
            with _until_signal() as stopped:
                while not stopped.wait(_STEP_SECONDS) and not served.done():
                    pass
            if served.done():
                served.result()
        finally:
            link.stop()
            thread.join(_STEP_SECONDS)
            member.context.close()


def _whom(party: OwnParty) -> str:
    """Say whom a party serves."""
    if not party.superlink:
        return f"serves {', '.join(dict.fromkeys(party.requesters.values())) or 'nobody'}"
    at = party.coordinator.address
    ignored = "; [requesters] is not looked at" if party.requesters else ""
    return f"serves whoever may start runs at {at}: a SuperLink does not say who asks{ignored}"


def _node_of(party: OwnParty, member: Member) -> SuperLinkLink:
    from wayfed.federated.grids.rpc.channel import pinned_certificate
    from wayfed.federated.grids.superlink.address import SuperLinkAddress
    from wayfed.federated.grids.superlink.link import node_of

    at = party.coordinator
    certificate = at.certificate or pinned_certificate(at.address, at.fingerprint)
    return node_of(member, SuperLinkAddress(at.address, certificate), party.identity.key)


def serve_superlink(file: Path) -> None:
    """Be a SuperLink of which other machines reach no more than parties need."""
    from wayfed.federated.grids.superlink import guarded
    from wayfed.federated.parties.files import load_superlink

    _log()
    logging.getLogger("flwr").propagate = False  # it writes its lines by itself
    own = load_superlink(file)
    host, _, port = own.listen.rpartition(":")

    def ready(port: int) -> None:
        LOG.info("the SuperLink listens at %s, port %d", own.listen, port)
        LOG.info("its fingerprint is %s", own.identity.fingerprint)
        LOG.info("requesters here need its certificate, and the secret in %s", own.secret)

    with socket.create_server((host.strip("[]"), int(port))) as listening:
        secret = own.secret.read_bytes()
        guarded.serve(listening, own.identity.certificate, own.identity.key, secret, ready=ready)


def serve_coordinator(file: Path) -> None:
    """Be a coordinator until a signal comes."""
    from wayfed.federated.grids.rpc.exchange import Limits
    from wayfed.federated.grids.rpc.hub import Hub
    from wayfed.federated.grids.rpc.watched import Watched
    from wayfed.federated.parties.files import load_hub, missing_certificates, paths_of

    _log()
    own = load_hub(file)
    for name in missing_certificates(own.roster):
        LOG.warning(
            "there is no certificate of '%s', so it can connect only if its issuer's is there", name
        )
    roster = Watched(lambda: load_hub(file).roster, paths_of(file))
    hub = Hub(own.identity, roster, Limits(message_bytes=own.message_bytes))
    hub.start(own.listen)
    LOG.info("the coordinator listens at %s, port %d", own.listen, hub.port)
    LOG.info("its fingerprint is %s", own.identity.fingerprint)
    try:
        with _until_signal(on_hangup=hub.look_at_roster) as stopped:
            while not stopped.wait(_STEP_SECONDS):
                pass
    finally:
        hub.close()


def _into(served: Future[None], serve: Callable[[], None]) -> None:
    try:
        serve()
    except BaseException as error:  # noqa: BLE001  # raised again by whoever looks at the result
        served.set_exception(error)
    else:
        served.set_result(None)


@contextmanager
def _until_signal(on_hangup: Callable[[], None] | None = None) -> Iterator[threading.Event]:
    """Give what is set when this process is asked to end, by SIGTERM or Ctrl-C."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()

    def hang_up(*_: object) -> None:
        if on_hangup is not None:
            on_hangup()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hang_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    LOG.setLevel(logging.INFO)
