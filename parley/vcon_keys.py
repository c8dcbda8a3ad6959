"""Who signs a vCon, for whom it is encrypted, and whom one trusts: PEM files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from recordings.vcon.certificates import Certificate, SigningKey, fingerprint, self_signed
from recordings.vcon.encrypting import PrivateKey, PublicKey

RSA_BITS = 3_072
PEM_BYTES_MAX = 1024 * 1024
ALGORITHMS = ("RS256", "ES256")


class BadPem(ValueError):
    """A file that does not hold what it should; the message says what that is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to sign with, and the certificates that go with it, its own first."""

    key: SigningKey
    chain: Sequence[Certificate]
    is_our_own: bool

    @property
    def note(self) -> str:
        """What the signature proves, and to whom."""
        print_ = fingerprint(self.chain[0])
        if self.is_our_own:
            return (
                f"signed with the certificate of this installation, SHA-256 {print_}: it proves to"
                " whoever has that from you that it came from here unchanged, and to nobody else;"
                " --sign-key and --sign-cert sign in a name that an authority vouches for"
            )
        return f"signed as {self.chain[0].subject.rfc4514_string()}, SHA-256 {print_}"


def named(key: Path, certificate: Path) -> Identity:
    return Identity(_signing_key(_read(key), key), authorities(certificate), False)


def own(data: Path, algorithm: str, domain: str, now: datetime) -> Identity:
    """That of the installation, beside the key of its log: made once, at the first export."""
    path = data / f"vcon-{algorithm.lower()}.pem"
    if not path.exists():
        _write(path, _made(algorithm), domain, now)
    return Identity(_signing_key(_read(path), path), authorities(path), True)


def authorities(path: Path) -> list[Certificate]:
    """The certificates of a file, in its order."""
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise BadPem(f"{path} holds no certificate in PEM") from error


def recipient(path: Path) -> PublicKey:
    """Whoever has the private key to this certificate, or public key."""
    content = _read(path)
    if content.lstrip().startswith(b"{"):
        return _jwk(content, path)
    try:
        is_certificate = b"BEGIN CERTIFICATE" in content
        key: object = (
            x509.load_pem_x509_certificate(content).public_key()
            if is_certificate
            else load_pem_public_key(content)
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPem(f"{path} holds neither a certificate nor a public key in PEM") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadPem(f"{path}: a vCon is encrypted for RSA and elliptic curve keys")
    return key


def _jwk(content: bytes, path: Path) -> PublicKey:
    """RFC 7517. A private one has a public one in it, and that is all that is taken."""
    try:
        key: object = JWK.from_json(content.decode()).get_op_key("wrapKey")
    except (JWException, ValueError, KeyError, TypeError) as error:
        raise BadPem(f"{path} holds no JSON Web Key: {error}") from error
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        key = key.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadPem(f"{path}: keys of recipients are RSA or elliptic curve keys")
    return key


def private(path: Path) -> PrivateKey:
    """In PEM, or as a JWK (RFC 7517)."""
    content = _read(path)
    if content.lstrip()[:1] == b"{":
        content = _of_jwk(content, path)
    return _signing_key(content, path)


def _of_jwk(content: bytes, path: Path) -> bytes:
    try:
        pem: bytes = JWK.from_json(content.decode()).export_to_pem(private_key=True, password=None)
    except (JWException, ValueError, TypeError) as error:
        raise BadPem(f"{path} holds no private key as a JWK") from error
    return pem


def _made(algorithm: str) -> SigningKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def _write(path: Path, key: SigningKey, domain: str, now: datetime) -> None:
    certificate = self_signed(key, domain, x509.random_serial_number(), now)
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content + certificate.public_bytes(Encoding.PEM))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _signing_key(content: bytes, path: Path) -> SigningKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadPem(f"{path} holds no private key in PEM without a password") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BadPem(f"{path}: vCons are for RSA and elliptic curve keys")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PEM_BYTES_MAX)
    except OSError as error:
        raise BadPem(f"{path} cannot be read: {error.strerror}") from error
