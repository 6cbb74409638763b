"""Py4J's gateway, but for what it says to people's loggers; imported where a JVM runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from py4j.java_gateway import GatewayClient, JavaGateway

if TYPE_CHECKING:
    from py4j.java_gateway import GatewayConnection
    from py4j.protocol import Py4JNetworkError


class QuietGateway(JavaGateway):  # type: ignore[misc]  # Py4J has no types
    """Raises what it notices of a JVM that has ended; Py4J logs a traceback at the root."""

    def _create_gateway_client(self) -> _QuietClient:
        return _QuietClient(gateway_parameters=self.gateway_parameters)


class _QuietClient(GatewayClient):  # type: ignore[misc]  # Py4J has no types
    def _should_retry(
        self, retry: bool, connection: GatewayConnection, pne: Py4JNetworkError
    ) -> bool:
        if super()._should_retry(retry, connection, pne):
            return True
        raise pne
