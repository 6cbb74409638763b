"""Certificates for servers that tests start: an authority, what it signed, and a stranger."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

_VALID = datetime.timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs certificates.

    Parameters
    ----------
    certificate
        The PEM file that those who trust it are given.

    Examples
    --------
    >>> directory = getfixture("tmp_path")
    >>> authority = Authority.make(directory, "test-authority")
    >>> authority.sign(directory / "server.pem", "broker").name
    'server.pem'
    """

    certificate: Path
    _key: EllipticCurvePrivateKey
    _issued: Certificate

    @classmethod
    def make(cls, directory: Path, name: str) -> Authority:
        """Make an authority and write ``NAME.pem``."""
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        issued = _certificate(name, key, issuer=name, signer=key, authority=True)
        path = directory / f"{name}.pem"
        path.write_bytes(_pem(issued))
        return cls(path, key, issued)

    def sign(
        self, path: Path, name: str, *, host: str = "localhost", address: str | None = "127.0.0.1"
    ) -> Path:
        """Write a private key and its certificate, for a client or for the server `host`."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.stem
        signed = _certificate(
            name, key, issuer=issuer, signer=self._key, host=host, address=address
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.touch(mode=0o600)
        path.write_bytes(private + _pem(signed) + _pem(self._issued))
        return path


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    *,
    issuer: str,
    signer: EllipticCurvePrivateKey,
    authority: bool = False,
    host: str = "localhost",
    address: str | None = "127.0.0.1",
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    def named(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if authority:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(identifier, False).add_extension(usage, True)
    else:
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if address is not None:
            names.append(x509.IPAddress(ip_address(address)))
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        builder = builder.add_extension(by, False)
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)
