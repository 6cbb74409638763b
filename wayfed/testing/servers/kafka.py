"""A real Apache Kafka of one node or several (KRaft), started from jars."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from wayfed.testing.servers.certificates import Authority
from wayfed.testing.servers.process import ProcessGroup, accepts, free_ports, java_program
from wayfed_java import jars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from wayfed.testing.servers.process import Report

_SECONDS = 120
_ADMIN = "admin"
_MECHANISM = "SCRAM-SHA-512"
_CONTROLLER = "CONTROLLER"
_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
_LOGGING = """
Configuration:
  Appenders:
    Console: {name: out, target: SYSTEM_OUT, PatternLayout: {pattern: "[%d] %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: out}]}
"""
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")
_SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "controller.listener.names": _CONTROLLER,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.backoff.ms": 500,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.retention.ms": -1,
        "num.io.threads": 4,
        "num.network.threads": 2,
        "num.partitions": 1,
        "offsets.topic.num.partitions": 4,
        "share.coordinator.state.topic.num.partitions": 2,
        # Looks for transactions whose time is over, every 10 seconds unless told otherwise.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
        "transaction.state.log.num.partitions": 4,
    }
)


@dataclass(frozen=True, slots=True)
class Security:
    """How a secured server is entered.

    Its listeners are ``SASL`` (TLS, SCRAM-SHA-512), ``MTLS`` (a client's certificate) and
    ``MISNAMED`` (as SASL, with a certificate for another host). Nobody may do anything there but
    the administrator, until :meth:`KafkaServer.allow` says so.

    Parameters
    ----------
    authority
        The PEM file of the authority that signed the server's certificate.
    stranger
        That of an authority which did not.
    client
        The PEM file of a client's key and certificate: the user ``CN=ada``.
    passwords
        By user; ``admin`` may do everything.
    """

    authority: Path
    stranger: Path
    client: Path
    passwords: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    ports: Mapping[str, int]


class KafkaServer:
    """Apache Kafka on loopback ports; its data lives in a temporary directory.

    It ends with the ``with`` block or with :meth:`stop`; failing both, with the interpreter, even
    one that was killed.

    Parameters
    ----------
    group
        Its processes.
    nodes
        Each is a broker and a controller.
    security
        How it is entered; None where anybody may do anything.

    Examples
    --------
    >>> with KafkaServer.start() as server:  # doctest: +SKIP
    ...     server.create_topic("sales", partitions=2)
    ...     server.url("sales")
    'kafka://127.0.0.1:.../sales'
    """

    def __init__(
        self, group: ProcessGroup, nodes: tuple[_Node, ...], security: Security | None
    ) -> None:
        self.security = security
        self._group = group
        self._nodes = nodes

    @classmethod
    def start(
        cls,
        nodes: int = 1,
        *,
        users: Iterable[str] | None = None,
        settings: Mapping[str, object] = MappingProxyType({}),
        report: Report = lambda sentence: None,
    ) -> Self:
        """Make a new, empty server and wait until it takes connections (some seconds).

        Parameters
        ----------
        nodes
            How many; topics are replicated to three of them, two of which must have each record.
        users
            Where given, the server is secured, and these may enter besides the administrator.
        settings
            Settings of each node over the usual ones.
        report
            Is told what is fetched and started, before it is.

        Raises
        ------
        ExecutionError
            Where there is no Java or no jar, or it does not start.
        """
        classpath = jars("kafka-broker", report)
        group = ProcessGroup("kafka")
        try:
            security = None if users is None else _secure(group.directory, users)
            server = cls(group, _nodes(nodes, security), security)
            report(f"Kafka: making {nodes} node{'s' if nodes > 1 else ''} in {group.directory}")
            server._install(classpath, settings)
            for node in range(1, nodes + 1):
                server.start_node(node, wait=False)
            for node in range(1, nodes + 1):
                server.wait_for_node(node)
        except BaseException:
            group.stop()
            raise
        report(f"Kafka: listening on {server.bootstrap()}")
        return server

    def bootstrap(self, listener: str | None = None) -> str:
        """Return ``host:port`` of every node, separated by commas."""
        name = listener or self._listener
        return ",".join(f"127.0.0.1:{node.ports[name]}" for node in self._nodes)

    def url(self, topic: str, listener: str | None = None) -> str:
        """Return the URL of a topic, as ``wayfed`` takes it."""
        return f"kafka://{self.bootstrap(listener)}/{topic}"

    def client(self, user: str = _ADMIN, password: str | None = None) -> dict[str, Any]:
        """Return the settings with which a client of confluent-kafka enters."""
        settings: dict[str, Any] = {"bootstrap.servers": self.bootstrap(), "log_level": 0}
        if self.security is not None:
            settings |= {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": _MECHANISM,
                "sasl.username": user,
                "sasl.password": password or self.security.passwords[user],
                "ssl.ca.location": str(self.security.authority),
            }
        return settings

    def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        settings: Mapping[str, object] = MappingProxyType({}),
    ) -> str:
        """Make a topic, wait until it can be used, and return its name."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient(self.client())
        configured = {key: str(value) for key, value in settings.items()}
        topic = NewTopic(name, num_partitions=partitions, config=configured)
        for future in admin.create_topics([topic]).values():
            future.result(_SECONDS)
        self._group.wait(
            self._nodes[0].name, lambda: self._led(admin, name) == partitions, seconds=_SECONDS
        )
        return name

    def leader(self, topic: str, partition: int = 0) -> int:
        """Return the number of the node that leads a partition."""
        from confluent_kafka.admin import AdminClient

        found = AdminClient(self.client()).list_topics(topic, timeout=_SECONDS)
        return int(found.topics[topic].partitions[partition].leader)

    def allow(self, user: str, operation: str, *, topic: str = "*", kind: str = "TOPIC") -> None:
        """Let a user do something, for example READ or WRITE, with a topic (or another `kind`)."""
        from confluent_kafka.admin import (
            AclBinding,
            AclOperation,
            AclPermissionType,
            AdminClient,
            ResourcePatternType,
            ResourceType,
        )

        admin = AdminClient(self.client())
        rule = AclBinding(
            ResourceType[kind],
            topic,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for future in admin.create_acls([rule]).values():
            future.result(_SECONDS)

    def pid(self, node: int = 1) -> int:
        """Return a node's process id."""
        return self._group.pid(self._nodes[node - 1].name)

    def running(self, node: int = 1) -> bool:
        """Whether a node has started and not ended."""
        return self._group.running(self._nodes[node - 1].name)

    def kill(self, node: int = 1) -> None:
        """End a node as a crash would (SIGKILL); :meth:`start_node` starts it again."""
        self._group.kill(self._nodes[node - 1].name)

    def pause(self, node: int = 1) -> None:
        """Hold a node still, as a machine that hangs, until :meth:`resume`."""
        self._group.pause(self._nodes[node - 1].name)

    def resume(self, node: int = 1) -> None:
        """Let a paused node go on."""
        self._group.resume(self._nodes[node - 1].name)

    def start_node(self, node: int, *, wait: bool = True) -> None:
        """Start a node, with the data that it has."""
        each = self._nodes[node - 1]
        command = [*self._java("512m"), "kafka.Kafka", self._settings_of(each)]
        self._group.start(each.name, command)
        if wait:
            self.wait_for_node(node)

    def wait_for_node(self, node: int) -> None:
        """Wait until a node takes connections, which it does when it is ready and not before."""
        each = self._nodes[node - 1]
        self._group.wait(each.name, lambda: accepts(each.ports[self._listener]))

    def stop(self) -> None:
        """End the nodes and remove their data; a second call does nothing."""
        self._group.stop()

    @property
    def _listener(self) -> str:
        return next(iter(self._nodes[0].ports))

    def _led(self, admin: Any, topic: str) -> int:
        """Return how many partitions of a topic have a leader."""
        found = admin.list_topics(topic, timeout=_SECONDS).topics[topic].partitions.values()
        return sum(1 for partition in found if partition.leader > 0 and not partition.error)

    def _install(self, classpath: tuple[Path, ...], settings: Mapping[str, object]) -> None:
        directory = self._group.directory
        (directory / "log4j2.yaml").write_text(_LOGGING)
        (directory / "classpath").write_text(f"-cp {':'.join(map(str, classpath))}\n")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        voters = ",".join(
            f"{number}@127.0.0.1:{node.ports[_CONTROLLER]}"
            for number, node in enumerate(self._nodes, 1)
        )
        own = {**_SETTINGS, **_replicated(len(self._nodes)), "controller.quorum.voters": voters}
        if self.security is not None:
            own |= _secured(directory, self.security)
        for number, node in enumerate(self._nodes, 1):
            lines = {**own, **_listening(node, number, directory, self.security), **settings}
            path = self._settings_of(node)
            path.touch(mode=0o600)
            path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
            tool = [
                *self._java("128m"),
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster}",
            ]
            self._group.start(f"format-{node.name}", [*tool, "-c", path, *self._accounts()])
        for node in self._nodes:
            self._group.finish(f"format-{node.name}")

    def _accounts(self) -> Iterable[str]:
        if self.security is not None:
            for user, password in self.security.passwords.items():
                yield "--add-scram"
                yield f"{_MECHANISM}=[name={user},password={password}]"

    def _java(self, heap: str) -> list[str | Path]:
        directory = self._group.directory
        logging = f"-Dlog4j2.configurationFile={directory}/log4j2.yaml"
        program = java_program(self._group)
        return [program, f"-Xmx{heap}", *_JVM, logging, f"@{directory}/classpath"]

    def _settings_of(self, node: _Node) -> Path:
        return self._group.directory / f"{node.name}.properties"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _nodes(count: int, security: Security | None) -> tuple[_Node, ...]:
    listeners = (*_protocols(security), _CONTROLLER)
    ports = iter(free_ports(count * len(listeners)))
    return tuple(
        _Node(f"node-{number}", {listener: next(ports) for listener in listeners})
        for number in range(1, count + 1)
    )


def _protocols(security: Security | None) -> dict[str, str]:
    if security is None:
        return {"PLAINTEXT": "PLAINTEXT"}
    return {"SASL": "SASL_SSL", "MTLS": "SSL", "MISNAMED": "SASL_SSL"}


def _listening(
    node: _Node, number: int, directory: Path, security: Security | None
) -> dict[str, object]:
    controller = "PLAINTEXT" if security is None else "SSL"
    protocols = _protocols(security)
    addresses = [f"{name}://127.0.0.1:{port}" for name, port in node.ports.items()]
    return {
        "node.id": number,
        "listeners": ",".join(addresses),
        "advertised.listeners": ",".join(addresses[: len(protocols)]),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}"
            for name, protocol in {**protocols, _CONTROLLER: controller}.items()
        ),
        "inter.broker.listener.name": next(iter(protocols)),
        "log.dirs": directory / f"{node.name}-data",
    }


def _replicated(nodes: int) -> dict[str, object]:
    factor, least = min(3, nodes), min(2, nodes)
    logs = ("transaction.state.log", "share.coordinator.state.topic")
    return {
        "default.replication.factor": factor,
        "min.insync.replicas": least,
        "offsets.topic.replication.factor": factor,
        **{f"{log}.replication.factor": factor for log in logs},
        **{f"{log}.min.isr": least for log in logs},
        # A single node has nobody to hand its partitions to.
        "controlled.shutdown.enable": "true" if nodes > 1 else "false",
    }


def _secure(directory: Path, users: Iterable[str]) -> Security:
    authority = Authority.make(directory, "authority")
    stranger = Authority.make(directory, "stranger")
    authority.sign(directory / "broker.pem", "kafka-broker")
    authority.sign(directory / "misnamed.pem", "elsewhere", host="kafka.example", address=None)
    client = authority.sign(directory / "client.pem", "ada")
    passwords = {user: secrets.token_hex(12) for user in (_ADMIN, *users)}
    return Security(authority.certificate, stranger.certificate, client, passwords)


def _secured(directory: Path, security: Security) -> dict[str, object]:
    password = security.passwords[_ADMIN]
    login = f'{_LOGIN} required username="{_ADMIN}" password="{password}";'
    mechanism = _MECHANISM.lower()
    return {
        "sasl.enabled.mechanisms": _MECHANISM,
        "sasl.mechanism.inter.broker.protocol": _MECHANISM,
        f"listener.name.sasl.{mechanism}.sasl.jaas.config": login,
        f"listener.name.misnamed.{mechanism}.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": directory / "broker.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": security.authority,
        "listener.name.misnamed.ssl.keystore.type": "PEM",
        "listener.name.misnamed.ssl.keystore.location": directory / "misnamed.pem",
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.mtls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{_ADMIN};User:CN=kafka-broker",
    }
