"""The private names of Flower of which the guarded SuperLink is made; see `private`."""

from __future__ import annotations

from flwr.common.constant import (
    ISOLATION_MODE_PROCESS,
    SUPERLINK_NODE_ID,
    TRANSPORT_TYPE_GRPC_RERE,
)
from flwr.superlink.cli.flower_superlink import SuperLinkLifespan
from flwr.superlink.config_loader import SuperLinkLifespanConfig, load_control_authn_plugin
from flwr.superlink.main import create_app
from starlette.middleware import Middleware

__all__ = [
    "ISOLATION_MODE_PROCESS",
    "SUPERLINK_NODE_ID",
    "TRANSPORT_TYPE_GRPC_RERE",
    "Middleware",
    "SuperLinkLifespan",
    "SuperLinkLifespanConfig",
    "create_app",
    "load_control_authn_plugin",
]
