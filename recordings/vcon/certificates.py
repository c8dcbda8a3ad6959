"""Certificates of who signs: read, checked as a chain (RFC 5280 section 6), made for ourselves."""

import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from recordings.vcon.errors import VconError

Certificate = x509.Certificate
SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

T = TypeVar("T", bound=x509.ExtensionType)

CHAIN_MAX = 8
RSA_BITS_MIN = 2_048
RSA_BITS_MAX = 8_192
YEARS = 10

# What the library raises for a certificate that is none.
_UNREADABLE = (
    ValueError,
    CryptographyDeprecationWarning,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

# What may be critical in a certificate; any other such extension limits it in a way we do not know.
UNDERSTOOD = (
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
)


def self_signed(key: SigningKey, domain: str, serial: int, made: datetime) -> Certificate:
    """For an installation that has none from an authority: it vouches for itself alone."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.not_valid_before(made - timedelta(hours=1))
    builder = builder.not_valid_after(made + timedelta(days=365 * YEARS))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(usage, True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), False)
    return builder.sign(key, SHA256())


def read_chain(ders: Sequence[bytes]) -> list[Certificate]:
    """Certificates in DER, the signer's first."""
    if not 0 < len(ders) <= CHAIN_MAX:
        raise VconError(f"a chain is of 1 to {CHAIN_MAX} certificates")
    try:
        # What the library only warns of today, RFC 5280 forbids.
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            return [_read(der) for der in ders]
    except _UNREADABLE as error:
        raise VconError("a certificate in x5c cannot be read") from error


def _read(der: bytes) -> Certificate:
    """The library reads each part when it is asked for: all of them are, here."""
    found = x509.load_der_x509_certificate(der)
    for part in (found.subject, found.issuer):
        part.rfc4514_string()
    for extension in found.extensions:
        assert extension.oid
    assert found.not_valid_before_utc and found.not_valid_after_utc
    return found


def check_signer(certificate: Certificate, at: datetime) -> None:
    """VconError for one that is not valid now, or not for signing."""
    _check_time(certificate, at)
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise VconError(f"{named(certificate)} is not for signing")


def check_chain(chain: Sequence[Certificate], at: datetime) -> None:
    """Each certificate vouches for the one before it, all are valid now; VconError if not."""
    check_signer(chain[0], at)
    for depth, (below, certificate) in enumerate(pairwise(chain)):
        _check_time(certificate, at)
        if not _may_issue(certificate, depth):
            raise VconError(f"{named(certificate)} vouches for another, and is no authority")
        if not _issued(certificate, below):
            raise VconError("the chain in x5c is broken: one was not issued by the next")


def anchor_of(
    chain: Sequence[Certificate], anchors: Sequence[Certificate], at: datetime
) -> Certificate:
    """Which of the `anchors` a chain that holds comes from. VconError for none of them."""
    for anchor in anchors:
        for depth, certificate in enumerate(chain):
            if certificate == anchor:
                return anchor
            if _issued(anchor, certificate) and _may_issue(anchor, depth):
                _check_time(anchor, at)
                return anchor
    raise VconError("its certificate comes from none of the authorities that you trust")


def check_strength(certificate: Certificate) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """The key, where it is one that signatures are made with today."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise VconError("the key of the certificate cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey) and RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise VconError(f"the key of the certificate is neither RSA of {RSA_BITS_MIN} bits nor P-256")


def named(certificate: Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a name"


def domain_of(certificate: Certificate) -> str:
    """Its first domain name, else its whole name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = names.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        found = []
    return found[0] if found else named(certificate)


def fingerprint(certificate: Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()


def _check_time(certificate: Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise VconError(
            f"the certificate {named(certificate)} is valid from"
            f" {certificate.not_valid_before_utc:%Y-%m-%d} to"
            f" {certificate.not_valid_after_utc:%Y-%m-%d} only"
        )


def _may_issue(certificate: Certificate, below: int) -> bool:
    """Whether it may vouch for one with `below` further authorities under it."""
    basic = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return basic.path_length is None or below <= basic.path_length


def _extension(certificate: Certificate, kind: type[T]) -> T | None:
    found = certificate.extensions
    for one in found:
        if one.critical and one.oid not in UNDERSTOOD:
            raise VconError(f"{named(certificate)} is limited in a way that we do not know")
    try:
        return found.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
