"""Secrets of the server: of one the keys of logins are derived, by one SIP nonces are sealed."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def load_or_create(path: Path) -> bytes:
    """32 bytes in a file that only its owner reads; made at the first start.

    Whoever removes that of logins and restarts the server ends every login. Raises ValueError for a
    file that is no secret.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return _create(path)
    if len(found) != SECRET_BYTES:
        raise ValueError(
            f"{path} does not hold {SECRET_BYTES} bytes: remove it, and another is made"
        )
    return found


def _create(path: Path) -> bytes:
    # The draft is named when it is whole: a crash leaves no half of a secret.
    draft = path.with_name(f".{path.name}")
    secret = secrets.token_bytes(SECRET_BYTES)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secret)
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    return secret
