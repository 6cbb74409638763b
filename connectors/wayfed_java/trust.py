"""The certificate authorities that this machine trusts, as a JVM reads them."""

from __future__ import annotations

import os
import ssl
import warnings
from pathlib import Path

from wayfed_java.cache import cache_directory

_PASSWORD = "changeit"  # noqa: S105  Java's own word: a trust store holds nothing secret
_STORE = "trust.p12"


def trust_options() -> tuple[str, ...]:
    """Return the JVM's options that have it trust whom this machine trusts.

    A Java from a package has a list of its own, without a company's authority; then every download
    fails as "not found". Returns nothing where the machine has no list of its own either.
    """
    listed = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if not listed or not Path(listed).exists():
        return ()
    store = cache_directory() / _STORE
    if not store.exists() or store.stat().st_mtime < Path(listed).stat().st_mtime:
        _write(Path(listed), store)
    return (
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    )


def _write(listed: Path, store: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import (
        PKCS12Certificate,
        serialize_java_truststore,
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of authorities whose serial numbers are against the rules
        found = x509.load_pem_x509_certificates(listed.read_bytes())
    entries = [PKCS12Certificate(each, str(n).encode()) for n, each in enumerate(found)]
    written = store.with_suffix(f".{os.getpid()}")
    written.write_bytes(
        serialize_java_truststore(entries, BestAvailableEncryption(_PASSWORD.encode()))
    )
    written.replace(store)
