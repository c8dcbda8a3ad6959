"""The encrypted form: a JWE in its general JSON serialization (RFC 7516 section 7.2.1)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto.common import JWException
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from recordings.vcon import strict_json
from recordings.vcon.errors import VconError
from recordings.vcon.signing import united
from recordings.vcon.values import base64url, unbase64url

RECIPIENTS_MAX = 32
FIELDS = ("protected", "unprotected", "recipients", "iv", "ciphertext", "tag", "aad")
ENCRYPTION = "A256CBC-HS512"
ENCRYPTIONS = ("A256CBC-HS512", "A128CBC-HS256", "A256GCM", "A128GCM")
RSA_OAEP = "RSA-OAEP"
"""What every reader of vCons has; with SHA-1, which is sound here."""
RSA_OAEP_256 = "RSA-OAEP-256"
ECDH_ES = "ECDH-ES+A256KW"
ALGORITHMS = (RSA_OAEP, RSA_OAEP_256, ECDH_ES)
CONTENT_TYPE = "application/vcon"

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Object = Mapping[str, Any]


def encrypt(
    signed: bytes, uuid: str, recipients: Sequence[PublicKey], rsa_algorithm: str = RSA_OAEP
) -> bytes:
    """For each of the recipients, who need their own private key and nothing else."""
    if not 0 < len(recipients) <= RECIPIENTS_MAX:
        raise VconError(f"a vCon is encrypted for 1 to {RECIPIENTS_MAX} recipients")
    jwe = JWE(
        signed,
        protected=json.dumps({"enc": ENCRYPTION}),
        unprotected=json.dumps({"cty": CONTENT_TYPE, "uuid": uuid}),
    )
    for key in recipients:
        algorithm = rsa_algorithm if isinstance(key, rsa.RSAPublicKey) else ECDH_ES
        jwe.add_recipient(JWK.from_pyca(key), header=json.dumps({"alg": algorithm}))
    flat = json.loads(jwe.serialize())
    if "recipients" not in flat:
        # One recipient alone is written flat by the library; a vCon has a list of them.
        flat["recipients"] = [{name: flat.pop(name) for name in ("header", "encrypted_key")}]
    return json.dumps(flat).encode()


def open_encrypted(encrypted: Object, key: PrivateKey) -> tuple[bytes, str | None]:
    """What is inside, and the UUID that is told outside. VconError where the key opens nothing."""
    protected = strict_json.parse_object(unbase64url(_text(encrypted, "protected")))
    shared = united(protected, encrypted.get("unprotected", {}))
    recipients = encrypted["recipients"]
    if not isinstance(recipients, list):
        raise VconError("it is no JWE: recipients is a list")
    listed = cast("list[object]", recipients)
    if not 0 < len(listed) <= RECIPIENTS_MAX:
        raise VconError(f"it is for {len(listed)} recipients, not for 1 to {RECIPIENTS_MAX}")
    uuid = shared.get("uuid")
    for one in listed:
        plain = _opened(encrypted, protected, shared, one, key)
        if plain is not None:
            return plain, uuid if isinstance(uuid, str) else None
    raise VconError("it is not for the key that was given, or was changed")


def _opened(
    encrypted: Object, protected: Object, shared: Object, recipient: object, key: PrivateKey
) -> bytes | None:
    """What this recipient's entry opens; none where it is another's."""
    if not isinstance(recipient, dict):
        raise VconError("it is no JWE: a recipient is an object")
    entry = cast("dict[str, Any]", recipient)
    own = united(shared, entry.get("header", {}))
    if own.get("alg") not in ALGORITHMS:
        return None
    _check(own)
    flat = {
        "protected": base64url(unbase64url(_text(encrypted, "protected"))),
        # What is protected is not told again: names are used once (RFC 7516 section 4).
        "header": {name: own[name] for name in own if name not in protected},
        **{name: _text(encrypted, name) for name in ("iv", "ciphertext", "tag")},
        "encrypted_key": _text(entry, "encrypted_key"),
    }
    if "aad" in encrypted:
        flat["aad"] = _text(encrypted, "aad")
    jwe = JWE(algs=[*ALGORITHMS, *ENCRYPTIONS])
    try:
        jwe.deserialize(json.dumps(flat))
        jwe.decrypt(JWK.from_pyca(key))
    except (JWException, ValueError, TypeError, KeyError):
        return None
    plain: bytes = jwe.payload
    return plain


def _check(header: Object) -> None:
    if header.get("enc") not in ENCRYPTIONS:
        raise VconError(
            f"it is encrypted with {str(header.get('enc'))[:40]!r}: we do not take that"
        )
    # Compression before encryption tells lengths, and makes bombs; nothing in a vCon asks for it.
    if "zip" in header or "crit" in header:
        raise VconError("its header asks for what we do not take (zip, crit)")


def _text(item: Object, name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise VconError(f"it is no JWE: {name} is missing, or no string")
    return value
