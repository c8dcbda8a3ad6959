"""Time stamps on checkpoints (RFC 3161): that a log of this size existed, and when.

The authority signs the SHA-256 of the whole signed note, so that without any of our code

    openssl ts -verify -data checkpoint.txt -in checkpoint.tsr -CAfile authority.pem

checks one too. Needs the extra "timestamps", which is imported when the first one is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.x509 import Certificate, DirectoryName, load_pem_x509_certificates

TOKEN_BYTES_MAX = 64 * 1024
GRANTED = 0


class NotStamped(Exception):
    """There is no time stamp, or not one to be believed; the message says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is sent to the authority, in DER; its answer must carry the same nonce."""

    der: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an answer says. `chained` is whether its signature led to a certificate we trust."""

    at: datetime
    authority: str
    chained: bool


def query(note: str) -> Query:
    """Ask for a stamp on a signed note, with a nonce of the library's drawing."""
    library = _library()
    builder = library.TimestampRequestBuilder(data=note.encode())
    made = builder.hash_algorithm(library.HashAlgorithm.SHA256).build()
    return Query(made.as_bytes(), made.nonce)


def check(
    token: bytes, note: str, trusted: Sequence[Certificate] = (), nonce: int | None = None
) -> Stamp:
    """What the answer says of the note. NotStamped where it says nothing, or a false thing.

    `token` is a TimeStampResp in DER. Without `trusted` certificates nobody's signature is
    checked, only what is stamped; without `nonce` it may be the answer to another query.
    """
    library = _library()
    if len(token) > TOKEN_BYTES_MAX:
        raise NotStamped(f"a time stamp takes at most {TOKEN_BYTES_MAX} bytes")
    try:
        reply = library.decode_timestamp_response(token)
        if reply.status != GRANTED:
            raise NotStamped(f"the authority refused, status {reply.status}: {_why(reply)}")
        # The library checks the imprint with the signature; without a chain it is ours to check.
        if trusted:
            verifier = library.VerifierBuilder(roots=list(trusted), nonce=nonce).build()
            verifier.verify_message(reply, note.encode())
        else:
            _check_imprint(library, reply, note, nonce)
        return Stamp(reply.tst_info.gen_time, _name(reply), bool(trusted))
    except (ValueError, TypeError, library.VerificationError) as error:
        raise NotStamped(f"the time stamp does not hold: {error}") from error


def certificates(pem: bytes) -> list[Certificate]:
    """Those that a PEM file holds. NotStamped where there is none."""
    try:
        return load_pem_x509_certificates(pem)
    except ValueError as error:
        raise NotStamped(f"the authority's certificate cannot be read: {error}") from error


def _check_imprint(library: Any, reply: Any, note: str, nonce: int | None) -> None:
    wanted = library.TimestampRequestBuilder(data=note.encode(), nonce=False)
    ours = wanted.hash_algorithm(library.HashAlgorithm.SHA256).build().message_imprint
    theirs = reply.tst_info.message_imprint
    if (theirs.hash_algorithm, theirs.message) != (ours.hash_algorithm, ours.message):
        raise ValueError("it is of another text than this checkpoint")
    if nonce is not None and reply.tst_info.nonce != nonce:
        raise ValueError("it answers another query")


def _why(reply: Any) -> str:
    return "; ".join(map(str, reply.status_string or ())) or "no reason was given"


def _name(reply: Any) -> str:
    name = reply.tst_info.name
    return name.value.rfc4514_string() if isinstance(name, DirectoryName) else ""


def _library() -> Any:
    try:
        import rfc3161_client  # noqa: PLC0415 (heavy, and only servers with an authority have it)
    except ImportError as error:
        raise NotStamped("time stamps need: pip install 'parley[timestamps]'") from error
    return rfc3161_client
