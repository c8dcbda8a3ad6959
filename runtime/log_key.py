"""The key that signs the log."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.checkpoint import private_key_from_pem, private_key_to_pem

ORIGIN = "parley/log"
"""The log's name on its checkpoints."""


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The log's Ed25519 key (PEM, readable by its owner only); made at the first start."""
    try:
        return private_key_from_pem(path.read_bytes())
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, private_key_to_pem(key))
        os.fsync(handle)
    finally:
        os.close(handle)
    return key
