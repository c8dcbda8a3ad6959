"""The signed form: a JWS in its general JSON serialization (RFC 7515 section 7.2.1)."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from recordings.vcon import certificates, strict_json
from recordings.vcon.certificates import Certificate, SigningKey
from recordings.vcon.errors import VconError
from recordings.vcon.values import unbase64url

SIGNATURES_MAX = 4
FIELDS = ("payload", "signatures")
# An algorithm goes with one kind of key. None of them takes a public key for a secret.
RSA_ALGORITHMS = ("RS256", "PS256")
ALGORITHMS = (*RSA_ALGORITHMS, "ES256")

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it was. `anchor` is who vouches for them, among those that were trusted.

    Where nobody was, `doubt` says what speaks against the chain, if anything does.
    """

    certificate: Certificate
    algorithm: str
    anchor: Certificate | None
    doubt: str | None
    uuid: str | None
    """Of the vCon, as the header says it."""


def sign(vcon: bytes, uuid: str, key: SigningKey, chain: Sequence[Certificate]) -> bytes:
    """RS256 or ES256, whichever the key is for. `chain` begins with the certificate of the key."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    if certificates.check_strength(chain[0]) != key.public_key():
        raise VconError("the certificate is of another key than the one to sign with")
    ders = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]
    jws = JWS(vcon)
    jws.add_signature(
        JWK.from_pyca(key),
        protected=json.dumps({"alg": algorithm}),
        header=json.dumps({"x5c": ders, "uuid": uuid}),
    )
    flat = json.loads(jws.serialize())
    # One signature alone is written flat by the library; a vCon has a list of them.
    signature = {name: flat[name] for name in ("protected", "header", "signature")}
    return json.dumps({"payload": flat["payload"], "signatures": [signature]}).encode()


def open_signed(
    signed: Object, anchors: Sequence[Certificate], now: datetime
) -> tuple[bytes, list[Signer]]:
    """What was signed, and by whom: every signature holds, or VconError."""
    payload, signatures = signed["payload"], signed["signatures"]
    if not isinstance(payload, str) or not isinstance(signatures, list):
        raise VconError("it is no JWS: payload is a string, signatures a list")
    listed = cast("list[object]", signatures)
    if not 0 < len(listed) <= SIGNATURES_MAX:
        raise VconError(f"it has {len(listed)} signatures, not 1 to {SIGNATURES_MAX}")
    signers = [_check(payload, one, anchors, now) for one in listed]
    return unbase64url(payload), signers


def _check(
    payload: str, signature: object, anchors: Sequence[Certificate], now: datetime
) -> Signer:
    if not isinstance(signature, dict):
        raise VconError("it is no JWS: a signature is an object")
    fields = cast("dict[str, Any]", signature)
    encoded, made = fields.get("protected"), fields.get("signature")
    if not isinstance(encoded, str) or not isinstance(made, str):
        raise VconError("a signature has no protected header, or is none")
    protected = strict_json.parse_object(unbase64url(encoded))
    header = united(protected, fields.get("header", {}))
    algorithm = protected.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise VconError(
            f"it is signed with {str(algorithm)[:20]!r}, not with {', '.join(ALGORITHMS)}"
        )
    if "crit" in header or "b64" in header:
        raise VconError("its header asks for what we do not know (crit, b64)")
    chain = certificates.read_chain(_ders(header))
    key = certificates.check_strength(chain[0])
    if isinstance(key, rsa.RSAPublicKey) != (algorithm in RSA_ALGORITHMS):
        raise VconError(f"{algorithm} does not go with the key of its certificate")
    _verify(payload, encoded, made, key, algorithm)
    certificates.check_signer(chain[0], now)
    anchor, doubt = _vouched(chain, anchors, now)
    uuid = header.get("uuid")
    return Signer(chain[0], algorithm, anchor, doubt, uuid if isinstance(uuid, str) else None)


def _vouched(
    chain: Sequence[Certificate], anchors: Sequence[Certificate], now: datetime
) -> tuple[Certificate | None, str | None]:
    """Where nobody is trusted, a chain proves nothing; but that it does not hold is told."""
    try:
        certificates.check_chain(chain, now)
    except VconError as error:
        if anchors:
            raise
        return None, str(error)
    return (certificates.anchor_of(chain, anchors, now) if anchors else None), None


def _verify(payload: str, protected: str, signature: str, key: Any, algorithm: str) -> None:
    """Only with what is protected: nothing beside it says how a signature is checked."""
    jws = JWS()
    jws.allowed_algs = [algorithm]
    flat = {"payload": payload, "protected": protected, "signature": signature}
    try:
        jws.deserialize(json.dumps(flat))
        jws.verify(JWK.from_pyca(key))
    except (JWException, ValueError, TypeError) as error:
        raise VconError("its signature does not hold: it was changed, or is of another") from error


def united(protected: Object, header: object) -> Object:
    """Both headers in one. They share no name (RFC 7515 section 4); the draft's examples repeat
    some, which is read where both say the same."""
    if not isinstance(header, dict):
        raise VconError("a header is an object")
    unprotected = cast("dict[str, Any]", header)
    for name in protected.keys() & unprotected.keys():
        if protected[name] != unprotected[name]:
            raise VconError(f"its protected header says another {name[:40]!r} than the other one")
    return {**unprotected, **protected}


def _ders(header: Object) -> list[bytes]:
    listed: object = header.get("x5c")
    if not isinstance(listed, list):
        named = "its certificate is only named by an address (x5u), which is never fetched"
        raise VconError(named if "x5u" in header else "it has no certificate (x5c)")
    try:
        return [base64.b64decode(str(one), validate=True) for one in cast("list[object]", listed)]
    except (binascii.Error, ValueError) as error:
        raise VconError("x5c is not a list of certificates in base64") from error
