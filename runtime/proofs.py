"""Proofs that leave the house: text files, checked without a store.

An entry is proved with a C2SP tlog-proof (https://c2sp.org/tlog-proof), whose extra data is the
entry itself. That the log only grew is proved with the body of an add-checkpoint request of C2SP
tlog-witness (https://c2sp.org/tlog-witness): a witness takes the same bytes.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime import checkpoint, merkle
from runtime.checkpoint import Checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
TEXT_BYTES_MAX = 16 * 1024 * 1024
PATH_MAX = 64
"""A tree of 2^63 leaves has no longer path; C2SP tlog-witness allows 63."""

_NUMBER = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Included:
    """`entry` is number `seq` of the log that `checkpoint` was signed over."""

    seq: int
    entry: bytes
    checkpoint: Checkpoint
    note: str


@dataclass(frozen=True, slots=True)
class Grown:
    """The log of `checkpoint` begins with the log of `older`."""

    older: Checkpoint
    checkpoint: Checkpoint
    note: str


def inclusion(entry: bytes, seq: int, path: Sequence[bytes], note: str) -> str:
    """The tlog-proof of an entry. `seq` counts from one; in the file it counts from zero."""
    head = (HEADER, f"extra {_base64(entry)}", f"index {seq - 1}")
    return _written(head, path, note)


def consistency(old: int, path: Sequence[bytes], note: str) -> str:
    """That the log of `note` begins with its own first `old` entries."""
    return _written((f"old {old}",), path, note)


def is_inclusion(text: str) -> bool:
    """Whether the text says of itself that it proves an entry."""
    return text.startswith(HEADER)


def check_inclusion(text: str, origin: str, key: Ed25519PublicKey) -> Included:
    """The entry that is proved. ValueError where it is not proved, or not with this key."""
    lines, note = _split(text)
    if len(lines) < 3 or lines[0] != HEADER:
        raise ValueError(f"not a proof of an entry: its first line is not {HEADER}")
    entry = _unbase64(_after("extra", lines[1]))
    index = _number(_after("index", lines[2]))
    signed = checkpoint.verify(note, origin, key)
    leaf, path = merkle.leaf_hash(entry), _path(lines[3:])
    if not merkle.verify_inclusion(leaf, index, signed.size, path, signed.root):
        raise ValueError("the entry is not in the log that the checkpoint was signed over")
    return Included(index + 1, entry, signed, note)


def check_consistency(text: str, older: str, origin: str, key: Ed25519PublicKey) -> Grown:
    """What has grown out of the checkpoint `older`. ValueError where this does not prove it."""
    lines, note = _split(text)
    old = _number(_after("old", lines[0]))
    held, signed = (checkpoint.verify(one, origin, key) for one in (older, note))
    if held.size != old:
        raise ValueError(f"the proof is from size {old}, your checkpoint is of size {held.size}")
    path = _path(lines[1:])
    if not merkle.verify_consistency(old, signed.size, held.root, signed.root, path):
        raise ValueError("the log was rewritten: it does not begin with that of your checkpoint")
    return Grown(held, signed, note)


def _written(head: Sequence[str], path: Sequence[bytes], note: str) -> str:
    return "\n".join([*head, *map(_base64, path), "", note])


def _split(text: str) -> tuple[list[str], str]:
    """The lines above the first empty one, and the note below it."""
    if len(text) > TEXT_BYTES_MAX:
        raise ValueError(f"a proof takes at most {TEXT_BYTES_MAX} bytes")
    head, blank, note = text.partition("\n\n")
    if not blank:
        raise ValueError("not a proof: there is no checkpoint in it")
    return head.split("\n"), note


def _after(word: str, line: str) -> str:
    if not line.startswith(f"{word} "):
        raise ValueError(f"not a proof: a line with {word!r} is missing")
    return line.removeprefix(f"{word} ")


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:32]!r} is not a number of an entry")
    return int(text)


def _path(lines: Sequence[str]) -> list[bytes]:
    path = [_unbase64(line) for line in lines]
    if len(path) > PATH_MAX or any(len(node) != merkle.HASH_BYTES for node in path):
        raise ValueError(f"not a proof: at most {PATH_MAX} hashes of {merkle.HASH_BYTES} bytes")
    return path


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not a proof: something is not base64") from error
    if _base64(data) != text:
        raise ValueError("not a proof: base64 with stray bits")
    return data
