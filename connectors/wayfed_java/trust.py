"""The certificate authorities that this machine trusts, as a JVM reads them."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wayfed_java.cache import cache_directory, cannot_write
from wayfed_optimizer.errors import ExecutionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PASSWORD: Final = "changeit"  # noqa: S105  Java's own word: a trust store holds nothing secret
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)
# JKS, as sun.security.provider.JavaKeyStore reads it: a head, entries, a salted SHA-1 of all that.
_MAGIC: Final = 0xFEEDFEED
_VERSION: Final = 2
_TRUSTED: Final = 2
_SALT: Final = b"Mighty Aphrodite"


def trust_options() -> tuple[str, ...]:
    """Return the JVM's options that have it trust whom this machine trusts.

    A Java from a package has a list of its own, without a company's authority; then every download
    fails as "not found". Returns nothing where the machine has no list of its own either.

    Raises
    ------
    ExecutionError
        Where ``SSL_CERT_FILE`` names a file that holds no certificates.
    """
    # Slow to load, and every context imports this file.
    import ssl

    listed = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if not listed or not Path(listed).exists():
        return ()
    store = _store(Path(listed))
    return (
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=JKS",
    )


def trust_store(certificates: Iterable[bytes]) -> bytes:
    """Return a Java key store, in the format JKS, that trusts each certificate (in DER)."""
    entries = [
        struct.pack(">I", _TRUSTED)
        + _text(f"authority {number}")
        + struct.pack(">q", 0)
        + _text("X.509")
        + struct.pack(">I", len(each))
        + each
        for number, each in enumerate(certificates)
    ]
    body = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(_PASSWORD.encode("utf-16-be") + _SALT + body)
    return body + digest.digest()


def _store(listed: Path) -> Path:
    """Return the store of a list of certificates, which is called by what the list holds."""
    try:
        text = listed.read_bytes()
    except OSError as error:
        raise ExecutionError(
            f"{listed}, which lists the authorities to trust, cannot be read: {error.strerror}",
            hint="set SSL_CERT_FILE to one that can be",
        ) from error
    store = cache_directory() / f"trust-{hashlib.sha256(text).hexdigest()[:16]}.jks"
    if not store.exists():
        try:
            _write(store, trust_store(_certificates(text.decode("utf-8", "replace"), listed)))
        except OSError as error:
            raise cannot_write(store, error) from error
    return store


def _certificates(text: str, listed: Path) -> list[bytes]:
    import ssl

    try:
        found = [ssl.PEM_cert_to_DER_cert(each) for each in _CERTIFICATE.findall(text)]
    except ValueError as error:
        raise ExecutionError(f"{listed} holds a certificate that is none: {error}") from error
    if not found:
        raise ExecutionError(
            f"{listed} holds no certificates in PEM",
            hint="SSL_CERT_FILE should name a file of them",
        )
    return found


def _write(store: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=store.parent, prefix=".trust-", delete=False) as file:
        file.write(content)
    Path(file.name).replace(store)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
