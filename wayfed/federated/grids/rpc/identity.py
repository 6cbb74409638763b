"""Who somebody is: a certificate, its key, and the fingerprint by which others know it."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidOption, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

_PREFIX: Final = "sha256:"
_DIGITS: Final = 64
_VALID: Final = timedelta(days=730)
SERVER_NAME: Final = "wayfed"
"""The name in the certificates made here; who somebody is, the fingerprint says."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, both as PEM.

    Examples
    --------
    >>> bank = make_identity("bank_a")
    >>> bank.fingerprint[:7], bank.expires > datetime.now(UTC)
    ('sha256:', True)
    >>> bank
    Identity(bank_a)
    """

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What names this certificate to others: ``sha256:`` and 64 digits."""
        return fingerprint_of(self.certificate)

    @property
    def expires(self) -> datetime:
        """Until when the certificate is valid."""
        return _parsed(self.certificate).not_valid_after_utc

    @property
    def problem(self) -> str | None:
        """What keeps the certificate from being taken now: its time is over, or yet to come."""
        try:
            check_valid(self.certificate, f"of '{self.name}'")
        except InvalidOption as error:
            return f"{error.message}; {error.hint}" if error.hint else error.message
        return None

    @property
    def name(self) -> str:
        """The name in the certificate; nothing is decided by it."""
        return common_name(self.certificate)

    def __repr__(self) -> str:
        return f"Identity({self.name})"


def make_identity(name: str, *, valid: timedelta = _VALID) -> Identity:
    """Make a key on the curve P-256, and a certificate of it that it signs itself.

    Parameters
    ----------
    name
        The name in the certificate.
    valid
        How long it is valid; from an hour ago on, since clocks differ.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    return _identity(ec.generate_private_key(ec.SECP256R1()), name, valid)


def renewed(identity: Identity, *, valid: timedelta = _VALID) -> Identity:
    """Make another certificate of the same key and name; its fingerprint is another one.

    Examples
    --------
    >>> bank = make_identity("bank_a")
    >>> again = renewed(bank)
    >>> again.name, again.key == bank.key, again.fingerprint == bank.fingerprint
    ('bank_a', True, False)
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(identity.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidOption(
            f"the key of {identity.name} is on no elliptic curve",
            hint="renew its certificate where it was made",
        )
    return Identity(_identity(key, identity.name, valid).certificate, identity.key)


def _identity(key: EllipticCurvePrivateKey, name: str, valid: timedelta) -> Identity:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(UTC)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    serial = x509.random_serial_number()
    # Of the certificate, not of its key, which another one may have: TLS takes it for the same.
    key_identifier = x509.SubjectKeyIdentifier(serial.to_bytes(20, "big"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        # They tell certificates of one name apart, which there are while one is replaced.
        .add_extension(key_identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def load_identity(certificate: Path, key: Path, *, valid_now: bool = True) -> Identity:
    """Read a certificate and its key, and check that they belong together and are valid now.

    Parameters
    ----------
    certificate, key
        Their files.
    valid_now
        Whether a certificate that has expired is refused.

    Raises
    ------
    SourceError
        A file cannot be read, or is no PEM.
    InvalidOption
        They do not belong together, have expired, or others on this machine can read the key.
    """
    from cryptography.hazmat.primitives import serialization

    identity = Identity(_read(certificate), _read(key))
    if key.stat().st_mode & 0o077:
        raise InvalidOption(f"others can read the key {key}", hint=f"chmod 600 {key}")
    try:
        private = serialization.load_pem_private_key(identity.key, password=None)
    except (ValueError, TypeError) as error:
        raise SourceError(f"{key} is not a key in PEM without a password") from error
    found = _parsed(identity.certificate, str(certificate))
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
        raise InvalidOption(f"{key} is not the key of {certificate}")
    if valid_now:
        check_valid(identity.certificate, str(certificate))
    return identity


def check_valid(certificate: bytes, place: str) -> None:
    """Raise InvalidOption where a certificate is not valid now."""
    found = _parsed(certificate, place)
    now = datetime.now(UTC)
    if now > found.not_valid_after_utc:
        raise InvalidOption(
            f"the certificate {place} expired on {found.not_valid_after_utc:%Y-%m-%d}",
            hint="`wayfed party renew` makes another one of the same key, as coordinator renew and "
            "requester renew do; tell the others its fingerprint",
        )
    if now < found.not_valid_before_utc:
        raise InvalidOption(
            f"the certificate {place} is not valid before {found.not_valid_before_utc:%Y-%m-%d}"
        )


def fingerprint_of(certificate: bytes) -> str:
    """Return the fingerprint of a certificate in PEM."""
    der = ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))
    return f"{_PREFIX}{hashlib.sha256(der).hexdigest()}"


def as_fingerprint(text: str, place: str) -> str:
    """Return a fingerprint as people write it in the form in which it is compared.

    Examples
    --------
    >>> as_fingerprint("SHA256:" + ":".join(["AB"] * 32), "party.toml")[:11]
    'sha256:abab'
    """
    digits = text.strip().lower().removeprefix(_PREFIX).replace(":", "")
    if len(digits) != _DIGITS or not all(digit in "0123456789abcdef" for digit in digits):
        raise InvalidOption(
            f"{place}: {text!r} is not a fingerprint",
            hint=f"it is '{_PREFIX}' and {_DIGITS} hexadecimal digits",
        )
    return _PREFIX + digits


def common_name(certificate: bytes) -> str:
    """Return the name in a certificate."""
    from cryptography.x509 import NameOID

    names = _parsed(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "?"


def server_name(certificate: bytes) -> str:
    """Return a name under which TLS takes a server's certificate that was pinned."""
    from cryptography import x509

    try:
        names = _parsed(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return common_name(certificate)
    return next(iter(names.value.get_values_for_type(x509.DNSName)), SERVER_NAME)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(certificate: bytes, place: str = "") -> Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate)
    except ValueError as error:
        raise SourceError(f"{place or 'this'} is not a certificate in PEM") from error
