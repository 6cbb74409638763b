"""A guarded SuperLink of this process's own, where the parties of the runner `flower` are asked."""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import httpcore  # noqa: F401  # else the first connection of each party imports it

from wayfed.federated.grids.lines import Lines
from wayfed.federated.grids.rpc.identity import make_identity
from wayfed.federated.grids.superlink.address import SuperLinkAddress
from wayfed.federated.grids.superlink.coordinator import SuperLinkRun
from wayfed.federated.grids.superlink.grid import SuperLinkGrid
from wayfed.federated.grids.superlink.link import node_of
from wayfed.federated.wire import flower_process
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wayfed.federated.parties.member import Member

LOG: Final = logging.getLogger("wayfed.federated.grid")
_PATIENCE_SECONDS: Final = 120.0
"""How long no further party may come: those of a busy machine come one after the other."""
_STEP_SECONDS: Final = 0.1


class SuperLinkDoor:
    """A guarded SuperLink in a process of its own, on a free port of this machine.

    Parameters
    ----------
    names
        The parties.
    process
        What becomes the SuperLink when it is told what it is to be.
    """

    def __init__(self, names: tuple[str, ...], process: subprocess.Popen[bytes]) -> None:
        self._process = process
        try:
            # The SuperLink still imports what it is made of; parties do not need this at all.
            from wayfed.federated.grids.superlink import private_bundle  # noqa: F401

            own = make_identity("wayfed")
            self._identities = {name: make_identity(name) for name in names}
            secret = secrets.token_hex(32)
            port = self._tell(
                certificate=own.certificate.decode(), key=own.key.decode(), secret=secret
            )
            self._superlink = SuperLinkAddress(f"127.0.0.1:{port}", own.certificate)
            LOG.info("a SuperLink listens at %s", self._superlink.address)
            with flower_process():
                self._run = SuperLinkRun(
                    self._superlink,
                    secret.encode(),
                    {name: identity.certificate for name, identity in self._identities.items()},
                )
        except BaseException:
            self._end()
            raise

    def told(self, party: str) -> dict[str, Any]:
        """Say where the SuperLink is, and who the party is there."""
        return {
            "address": self._superlink.address,
            "certificate": self._superlink.certificate.decode(),
            "key": self._identities[party].key.decode(),
        }

    def await_all(self, check: Callable[[], None]) -> None:
        """Wait until all parties are nodes that are there."""
        names = self._run.nodes.keys()
        there: set[str] = set()
        end = monotonic() + _PATIENCE_SECONDS
        while there != names:
            check()
            before, there = there, self._run.present()
            if there - before:
                end = monotonic() + _PATIENCE_SECONDS
                LOG.info("%d of %d parties are at the SuperLink", len(there), len(names))
            elif monotonic() > end:
                raise PartyError(
                    "the processes of these parties did not start: "
                    + ", ".join(sorted(names - there)),
                    hint="what they wrote to the standard error says why",
                )
            else:
                sleep(_STEP_SECONDS)

    def open(self) -> SuperLinkGrid:
        """Open a session with every party."""
        return SuperLinkGrid(self._run)

    def close(self) -> None:
        """Let the SuperLink end."""
        self._run.close()
        self._end()

    def _tell(self, **what: str) -> int:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both were asked for")
        self._process.stdin.write(f"{json.dumps(what)}\n".encode())
        self._process.stdin.flush()
        lines = Lines(self._process.stdout)
        end = monotonic() + _PATIENCE_SECONDS
        while not (told := lines.take(_STEP_SECONDS)):
            if lines.ended or monotonic() > end:
                raise PartyError(
                    "the SuperLink did not start",
                    hint="what it wrote to the standard error says why",
                )
        return int(told[0])

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(member: Member, told: dict[str, Any]) -> None:
    """Be a party that was told of a SuperLink."""
    superlink = SuperLinkAddress(told["address"], told["certificate"].encode())
    node_of(member, superlink, told["key"].encode()).serve()
