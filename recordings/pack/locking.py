"""The keys of a pack for those who may have them: a JWE (RFC 7516), general JSON serialization."""

import json
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
RECIPIENTS_MAX = 32


def locked(content: bytes, recipients: Sequence[PublicKey]) -> bytes:
    """For each of them: RSA-OAEP-256 or ECDH-ES+A256KW, and A256GCM over the content."""
    if not 0 < len(recipients) <= RECIPIENTS_MAX:
        raise ValueError(f"a pack is for 1 to {RECIPIENTS_MAX} recipients")
    jwe = JWE(content, protected=json.dumps({"enc": "A256GCM"}))
    for key in recipients:
        algorithm = "RSA-OAEP-256" if isinstance(key, rsa.RSAPublicKey) else "ECDH-ES+A256KW"
        jwe.add_recipient(JWK.from_pyca(key), header=json.dumps({"alg": algorithm}))
    flat: dict[str, object] = json.loads(jwe.serialize())
    if "recipients" not in flat:
        # One recipient alone is written flat by the library.
        flat["recipients"] = [{name: flat.pop(name) for name in ("header", "encrypted_key")}]
    return json.dumps(flat, indent=1).encode() + b"\n"
