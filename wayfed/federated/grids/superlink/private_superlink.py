"""The private names of Flower of which the guarded SuperLink is made; see `private`."""

from __future__ import annotations

from flwr.common.constant import (
    ISOLATION_MODE_PROCESS,
    SUPERLINK_NODE_ID,
    TRANSPORT_TYPE_GRPC_RERE,
)
from flwr.supercore.constant import TASK_TOKEN_HEADER
from flwr.supercore.dependencies.task import authenticate_task
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.superlink.cli.flower_superlink import SuperLinkLifespan
from flwr.superlink.config_loader import SuperLinkLifespanConfig, load_control_authn_plugin
from flwr.superlink.main import create_app
from flwr.superlink.routers.fleet.node_auth import authenticate_node
from flwr.superlink.servicer.fleet import fleet_handlers
from flwr.superlink.servicer.runtime import runtime_handlers
from starlette.middleware import Middleware

__all__ = [
    "ISOLATION_MODE_PROCESS",
    "PROTOBUF_MEDIA_TYPE",
    "SUPERLINK_NODE_ID",
    "TASK_TOKEN_HEADER",
    "TRANSPORT_TYPE_GRPC_RERE",
    "Middleware",
    "SuperLinkLifespan",
    "SuperLinkLifespanConfig",
    "authenticate_node",
    "authenticate_task",
    "create_app",
    "fleet_handlers",
    "load_control_authn_plugin",
    "runtime_handlers",
]
