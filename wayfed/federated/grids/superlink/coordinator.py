"""The requester's side at a SuperLink: it registers the parties, and holds a run of its own.

A run of Flower's is a place through which messages pass; many of ours, one after the other, go
through one. Its application is none: whoever started it would get an error.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from wayfed.federated.grids.rpc.messages import MalformedMessage
from wayfed.federated.grids.superlink import private
from wayfed.federated.grids.superlink.depot import Depot, told
from wayfed.federated.grids.superlink.envelope import Envelope
from wayfed_optimizer.errors import PartyError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flwr.app import Message

    from wayfed.federated.grids.superlink.address import SuperLinkAddress

LOG: Final = logging.getLogger("wayfed.federated.grid")
_PATIENCE_SECONDS: Final = 30.0
_CLAIM_SECONDS: Final = 20.0
_HEARTBEAT_SECONDS: Final = 10.0
_STEP_SECONDS: Final = 0.05
_ACQUIRE: Final = "/flwr.proto.Runtime/AcquireTask"
_TASK: Final = "flwr-serverapp"
_REMEDY: Final = "wayfed coordinator serve --superlink starts one that does"
_REMEDIES: Final[dict[int | None, str]] = {
    401: "secret in [superlink] names the file that it was given as --superexec-auth-secret-file",
}
"""What helps against what a SuperLink answers."""
_NO_APP: Final = {
    "pyproject.toml": b"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "wayfed"
version = "1.0.0"
description = ""
license = "Apache-2.0"
dependencies = ["flwr>=1.41.0"]
[tool.flwr.app]
publisher = "wayfed"
[tool.flwr.app.components]
serverapp = "wayfed_run.none:app"
clientapp = "wayfed_run.none:app"
[tool.flwr.app.config]
""",
    "wayfed_run/__init__.py": b"",
    "wayfed_run/none.py": b"raise RuntimeError('this run has no application: wayfed drives it')\n",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What came for a message.

    Parameters
    ----------
    message_id
        Of the message it answers.
    envelope
        The answer; None where there is none.
    reason
        Why there is none.
    """

    message_id: str
    envelope: Envelope | None
    reason: str = ""


class SuperLinkRun:
    """A run at a SuperLink that this process drives.

    Parameters
    ----------
    superlink
        Where the SuperLink is: on this machine, for its Control interface asks nobody who they are.
    secret
        What it knows those by who may take runs over (``--superexec-auth-secret-file``).
    parties
        The certificates of the parties in PEM, by name.

    Raises
    ------
    PartyError
        The SuperLink does not answer, or refuses.
    """

    def __init__(
        self, superlink: SuperLinkAddress, secret: bytes, parties: Mapping[str, bytes]
    ) -> None:
        self._superlink = superlink
        self._stopping = threading.Event()
        try:
            self.nodes = self._register(parties)
            self.number = self._start()
            token = self._claim(secret)
            self._client = self._connect(token)
            self._task = self._client.PullTaskInput(private.PullTaskInputRequest()).task_id
        except httpx.HTTPError as error:
            raise PartyError(
                f"the SuperLink at {superlink.address} does not let a run begin: {told(error)}",
                hint=_REMEDIES.get(_status(error), _REMEDY),
            ) from error
        self._depot = Depot(self._client, private.SUPERLINK_NODE_ID, self.number)
        threading.Thread(target=self._beat, daemon=True).start()

    def present(self) -> set[str]:
        """Return the parties that are connected."""
        there = {node.node_id for node in self._client.GetNodes(private.GetNodesRequest()).nodes}
        return {name for name, node in self.nodes.items() if node in there}

    def push(self, messages: Sequence[Message]) -> list[str]:
        """Hand over messages; gives the numbers under which their answers come."""
        with private.no_object_id_recompute():
            for message in messages:
                message.metadata.__dict__.update(
                    _run_id=self.number,
                    _src_node_id=private.SUPERLINK_NODE_ID,
                    _src_task_id=self._task,
                )
                message.metadata.__dict__["_message_id"] = message.object_id
            answer = self._client.PushMessages(
                private.PushAppMessagesRequest(
                    messages_list=[
                        private.message_to_proto(private.remove_content_from_message(message))
                        for message in messages
                    ],
                    message_object_trees=[private.get_object_tree(each) for each in messages],
                )
            )
            self._depot.store(messages, answer.objects_to_push, answer.session_id)
        return list(answer.message_ids)

    def pull(self, numbers: Collection[str]) -> list[Answered]:
        """Fetch the answers to messages that have come; a SuperLink of ours waits a little."""
        found = self._client.PullMessages(private.PullAppMessagesRequest(message_ids=numbers))
        answered = []
        for each, tree in zip(found.messages_list, found.message_object_trees, strict=True):
            message = private.message_from_proto(each)
            asked = message.metadata.reply_to_message_id
            if message.has_error():
                answered.append(Answered(asked, None, str(message.error.reason)))
                continue
            try:
                answered.append(Answered(asked, Envelope.of(self._depot.fetch(tree))))
            except MalformedMessage as error:
                answered.append(Answered(asked, None, f"answered {error.message}"))
        return answered

    def close(self) -> None:
        """Let the run end."""
        self._stopping.set()
        try:
            request = private.PushTaskOutputRequest(sub_status="completed", details="")
            self._client.PushTaskOutput(request)
        except httpx.HTTPError as error:
            LOG.info("the run at the SuperLink could not be ended: %s", told(error))
        finally:
            self._client.close()

    def _control(self) -> Any:
        version = private.RuntimeVersionHttpInterceptor(component_name="flwr CLI")
        return self._superlink.client(
            private.ControlHttpClient, [version], self._stopping, seconds=_PATIENCE_SECONDS
        )

    def _register(self, parties: Mapping[str, bytes]) -> dict[str, int]:
        nodes = {}
        with self._control() as control:
            listed = control.ListNodes(private.ListNodesRequest()).nodes_info
            known = {node.public_key: int(node.node_id) for node in listed}
            for name, certificate in parties.items():
                key = load_pem_x509_certificate(certificate).public_key()
                written = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                if written not in known:
                    request = private.RegisterNodeRequest(public_key=written)
                    known[written] = int(control.RegisterNode(request).node_id)
                nodes[name] = known[written]
        return nodes

    def _start(self) -> int:
        from wayfed.federated.grids.superlink.private_bundle import build_fab_from_files

        bundle = build_fab_from_files(_NO_APP)[0]
        digest = hashlib.sha256(bundle).hexdigest()
        with self._control() as control:
            request = private.StartRunRequest(fab=private.Fab(hash_str=digest, content=bundle))
            return int(control.StartRun(request).run_id)

    def _claim(self, secret: bytes) -> str:
        """Take the run's task, which is what Flower's own process for applications would do."""
        interceptors = [
            private.RuntimeVersionHttpInterceptor(component_name="SuperExec"),
            private.SuperExecAuthHttpInterceptor(
                master_secret=secret, protected_methods={_ACQUIRE}
            ),
        ]
        end = monotonic() + _CLAIM_SECONDS
        with self._superlink.client(
            private.RuntimeHttpClient, interceptors, self._stopping, seconds=_PATIENCE_SECONDS
        ) as client:
            while True:
                request = private.AcquireTaskRequest(supported_task_types=[_TASK])
                found = client.AcquireTask(request)
                if found.token and found.task.run_id == self.number:
                    return str(found.token)
                if found.token:
                    LOG.warning("run %d was waiting at the SuperLink", found.task.run_id)
                if monotonic() > end:
                    raise PartyError(
                        f"the SuperLink at {self._superlink.address} gave the run to another",
                        hint="start it with --isolation process, and no flower-superexec",
                    )
                self._stopping.wait(_STEP_SECONDS)

    def _connect(self, token: str) -> Any:
        interceptors = [
            private.RuntimeVersionHttpInterceptor(component_name="flwr-serverapp"),
            private.RuntimeTokenHttpInterceptor(token=token),
        ]
        return self._superlink.client(
            private.RuntimeHttpClient, interceptors, self._stopping, seconds=_PATIENCE_SECONDS
        )

    def _beat(self) -> None:
        while not self._stopping.wait(_HEARTBEAT_SECONDS):
            try:
                self._client.SendTaskHeartbeat(private.SendTaskHeartbeatRequest())
            except httpx.HTTPError as error:
                if not self._stopping.is_set():
                    LOG.warning("the SuperLink: %s", told(error))


def _status(error: httpx.HTTPError) -> int | None:
    return error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
