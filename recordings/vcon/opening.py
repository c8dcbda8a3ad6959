"""A vCon from a stranger, opened layer by layer: only the payload is read, nothing beside it.

Encrypted, signed and plain forms lie in one another in any depth that makes sense: what is kept
for long is signed again, around what was signed before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings.vcon import checking, encrypting, signing, strict_json, tolerating
from recordings.vcon.certificates import Certificate
from recordings.vcon.encrypting import PrivateKey
from recordings.vcon.errors import VconError
from recordings.vcon.signing import Signer

LAYERS_MAX = 5
NOTES_MAX = 200

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file holds. `vcon` is in the syntax of today; `payload` as it was signed.

    `dropped` are names of what stood beside something that was signed or encrypted: it says
    nothing. `problems` speak against the vCon, `notes` only say how it had to be read.
    """

    vcon: Object
    payload: bytes
    forms: tuple[str, ...]
    signers: tuple[Signer, ...]
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_signed(self) -> bool:
        return bool(self.signers)


@dataclass(slots=True)
class _Layers:
    forms: list[str] = field(default_factory=list[str])
    signers: list[Signer] = field(default_factory=list[Signer])
    dropped: list[str] = field(default_factory=list[str])
    uuids: list[str] = field(default_factory=list[str])


def open_vcon(
    data: bytes,
    *,
    now: datetime,
    anchors: Sequence[Certificate] = (),
    key: PrivateKey | None = None,
) -> Opened:
    """VconError where a layer does not open: a signature that fails hides what it was to cover."""
    layers = _Layers()
    for _ in range(LAYERS_MAX):
        found = strict_json.parse_object(strict_json.inflated(data))
        if {"ciphertext", "recipients"} <= found.keys():
            data = _decrypt(found, key, layers)
        elif {"payload", "signatures"} <= found.keys():
            data = _verify(found, anchors, now, layers)
        else:
            return _read(found, data, layers)
    raise VconError(f"it is wrapped more than {LAYERS_MAX} times")


def _decrypt(found: Object, key: PrivateKey | None, layers: _Layers) -> bytes:
    layers.forms.append("encrypted")
    layers.dropped += sorted(found.keys() - set(encrypting.FIELDS))
    if key is None:
        raise VconError("it is encrypted: --key PEM opens it, if it is for you")
    plain, uuid = encrypting.open_encrypted(found, key)
    layers.uuids += [] if uuid is None else [uuid]
    return plain


def _verify(found: Object, anchors: Sequence[Certificate], now: datetime, layers: _Layers) -> bytes:
    layers.forms.append("signed")
    layers.dropped += sorted(found.keys() - set(signing.FIELDS))
    plain, signers = signing.open_signed(found, anchors, now)
    layers.signers += signers
    layers.uuids += [one.uuid for one in signers if one.uuid is not None]
    return plain


def _read(found: Object, data: bytes, layers: _Layers) -> Opened:
    if layers.forms[-1:] == ["encrypted"]:
        # The draft has it signed first: whoever knows a public key can encrypt.
        raise VconError("it was encrypted without being signed: nobody stands for what it says")
    vcon, notes = tolerating.modern(found)
    problems = checking.problems(vcon)
    if any(uuid != vcon.get("uuid") for uuid in layers.uuids):
        problems.append("the uuid in a header is of another vCon than the one inside")
    return Opened(
        vcon=vcon,
        payload=data,
        forms=(*layers.forms, "unsigned"),
        signers=tuple(layers.signers),
        dropped=tuple(layers.dropped[:NOTES_MAX]),
        notes=tuple(notes[:NOTES_MAX]),
        problems=tuple(problems),
    )
