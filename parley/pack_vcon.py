"""The vCon that lies in an evidence pack: signed by the installation, locked where the keys are."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import vcon_keys, vcons
from parley.plain import Key
from recordings.pack.locking import PublicKey
from recordings.vcon import building, certificates, encrypting, signing
from recordings.vcon.values import uuid8
from runtime import checkpoint
from runtime.log_key import ORIGIN


def made(
    rows: apsw.Connection,
    call: str,
    *,
    data: Path,
    key: Key,
    recordings: Path,
    log_key: Ed25519PrivateKey,
    now_us: int,
    recipients: Sequence[PublicKey] = (),
) -> bytes:
    """The call, its audio as Opus. Raises vcons.TooMuchAudio and VconError."""
    public = log_key.public_key()
    domain = f"parley-{sha256(public.public_bytes_raw()).hexdigest()[:16]}.invalid"
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    identity = vcon_keys.own(data, "RS256", domain, now)
    uuid = uuid8(now_us, secrets.randbits(12), certificates.domain_of(identity.chain[0]))
    gathered = vcons.gather(
        rows,
        call,
        key=key,
        recordings=recordings,
        verifier_key=checkpoint.verifier_key(ORIGIN, public),
        uuid=uuid,
        created_us=now_us,
        audio="opus",
        shelf=vcons.Inline(),
    )
    signed = signing.sign(building.build(gathered.told), uuid, identity.key, identity.chain)
    return encrypting.encrypt(signed, uuid, recipients) if recipients else signed
