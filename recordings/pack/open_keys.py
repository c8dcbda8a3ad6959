"""Open the keys of an evidence pack with your private key; nothing of who made it is needed.

    python open_keys.py data/keys.json PRIVATE.pem > keys.json
    python verify.py . --keys keys.json

Python 3.11 and "cryptography". JWE (RFC 7516): RSA-OAEP-256 or ECDH-ES+A256KW, and A256GCM.
"""

import json
import sys
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def agreed(private: ec.EllipticCurvePrivateKey, header: dict[str, Any]) -> bytes:
    """The key that wraps the key: ECDH-ES (RFC 7518 section 4.6)."""
    theirs = header["epk"]
    x, y = (int.from_bytes(octets(theirs[name]), "big") for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, CURVES[theirs["crv"]]).public_key()
    parts = [header["alg"].encode(), *(octets(header.get(name, "")) for name in ("apu", "apv"))]
    info = b"".join(len(one).to_bytes(4, "big") + one for one in parts) + (256).to_bytes(4, "big")
    return ConcatKDFHash(SHA256(), 32, info).derive(private.exchange(ec.ECDH(), public))


def opened(jwe: dict[str, Any], private: object) -> bytes:
    """What is locked. ValueError where it is not locked for this key."""
    for one in jwe["recipients"]:
        header, wrapped = one["header"], octets(one["encrypted_key"])
        try:
            if isinstance(private, rsa.RSAPrivateKey) and header["alg"] == "RSA-OAEP-256":
                key = private.decrypt(wrapped, OAEP)
            elif isinstance(private, ec.EllipticCurvePrivateKey) and "epk" in header:
                key = aes_key_unwrap(agreed(private, header), wrapped)
            else:
                continue
            box = octets(jwe["ciphertext"]) + octets(jwe["tag"])
            return AESGCM(key).decrypt(octets(jwe["iv"]), box, jwe["protected"].encode())
        except (ValueError, InvalidUnwrap, InvalidTag):
            continue
    raise ValueError("the keys are not locked for this private key")


if __name__ == "__main__":
    pem = Path(sys.argv[2]).read_bytes()
    jwe = json.loads(Path(sys.argv[1]).read_bytes())
    sys.stdout.buffer.write(opened(jwe, load_pem_private_key(pem, None)))
