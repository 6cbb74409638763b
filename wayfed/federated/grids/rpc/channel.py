"""How connections to a hub are made and kept: options of grpcio, and a server that is pinned."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

import grpc

from wayfed.federated.grids.rpc.frames import FRAME_BYTES, PART_BYTES
from wayfed.federated.grids.rpc.identity import fingerprint_of, server_name
from wayfed_optimizer.errors import TransferError

if TYPE_CHECKING:
    from wayfed.federated.grids.rpc.identity import Identity

SERVICE: Final = "wayfed.Hub"
PARTY_METHOD: Final = "Party"
REQUESTER_METHOD: Final = "Requester"

# A peer whose machine is gone is noticed by pings; one whose process died, at once.
_PING_MILLISECONDS: Final = 5_000
_PONG_MILLISECONDS: Final = 15_000
"""A process that is stopped lets its kernel answer for it, but no ping; grpcio would wait a minute.
An answer waits behind what is on its way: a few megabytes, where a line is slow."""
_BOTH: Final = (
    ("grpc.max_receive_message_length", FRAME_BYTES),
    ("grpc.max_send_message_length", FRAME_BYTES),
    ("grpc.keepalive_time_ms", _PING_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", _PING_MILLISECONDS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.ping_timeout_ms", _PONG_MILLISECONDS),
    ("grpc.http2.max_pings_without_data", 0),
    # What arrives is read as it comes: measuring the line would answer each message with a ping.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 2 * PART_BYTES),
    ("grpc.per_message_compression", 0),
    ("grpc.per_message_decompression", 0),
)
HUB_OPTIONS: Final = (
    *_BOTH,
    ("grpc.http2.min_ping_interval_without_data_ms", _PING_MILLISECONDS // 2),
    ("grpc.so_reuseport", 0),  # two hubs at one port would each get half of the parties
)
_CHANNEL_OPTIONS: Final = (
    *_BOTH,
    ("grpc.enable_retries", 0),  # a link of ours comes back by itself, in its own rhythm
    ("grpc.use_local_subchannel_pool", 1),  # a new channel shares no broken connection
)
_TIMEOUT_SECONDS: Final = 10.0


def pinned_certificate(address: str, fingerprint: str) -> bytes:
    """Fetch the certificate of the hub at ``host:port``, and insist that it is the pinned one.

    The hub's log then tells of a handshake without a certificate: nothing is shown to a server
    before it is known whose it is.

    Raises
    ------
    TransferError
        Nobody is there, or somebody else.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The fingerprint is what says whom this is; it is compared before anything is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            der = secured.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TransferError(f"no coordinator answers at {address}: {reason}") from error
    certificate = ssl.DER_cert_to_PEM_cert(der or b"").encode()
    found = fingerprint_of(certificate)
    if found != fingerprint:
        raise TransferError(
            f"the coordinator at {address} shows the certificate {found}, not {fingerprint}",
            hint="ask whoever runs it which is right; nothing was sent",
        )
    return certificate


def open_channel(address: str, certificate: bytes, identity: Identity) -> grpc.Channel:
    """Open a channel to a hub whose certificate is known."""
    credentials = grpc.ssl_channel_credentials(certificate, identity.key, identity.certificate)
    options = (*_CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", server_name(certificate)))
    return grpc.secure_channel(address, credentials, options)
