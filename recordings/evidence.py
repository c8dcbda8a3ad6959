"""What an evidence pack holds, decided without touching a disk. The layout: docs/EVIDENCE.md."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recordings import readable
from recordings.pack import report
from recordings.pack.frontier import frontier
from recordings.pack.locking import PublicKey, locked
from recordings.vault import Chunk
from runtime import canonical, checkpoint, merkle

CUTS_MAX = 1_000
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = "tagmanifest-sha256.sig"
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
SIDES = ("remote", "local")
SEGMENT_FIELDS = ("id", "party", "text", "start_us", "end_us")


class PackError(ValueError):
    """Inputs that do not belong together."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint, of a size in `older`, with the time stamp (RFC 3161) it was given."""

    size: int
    note: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything a pack is made of.

    `entries` are the canonical bytes of log entries in order: those of the call, and those of
    elsewhere that are about it (who ordered it, holds, votes). `leaves` are the leaf hashes of
    the whole log up to the size of `checkpoint`; `older` are sizes it had before, at which it can
    be compared. `chunks` are the rows; `keys` are data keys by id; `transcript` are dicts with
    the SEGMENT_FIELDS, text None where its key is gone; `callers` are the SIDES of the call, None
    likewise; `vcon` is the call as a vCon. For `recipients` keys and vCon are locked, and nothing
    that can be read or heard lies beside them.
    """

    call: str
    created_us: int
    entries: Sequence[bytes]
    leaves: Sequence[bytes]
    origin: str
    key: Ed25519PublicKey
    checkpoint: str
    older: Sequence[int]
    chunks: Sequence[Chunk]
    keys: Mapping[str, bytes]
    transcript: Sequence[Mapping[str, object]]
    callers: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    stamp: Stamped | None = None
    vcon: bytes | None = None
    recipients: Sequence[PublicKey] = ()


def documents(pack: Pack) -> dict[str, bytes]:
    """The files below data/ but for audio, by name."""
    if not any(canonical.decode(entry)["scope"] == pack.call for entry in pack.entries):
        raise PackError(f"the log holds no entry of call {pack.call}")
    tree = merkle.Tree(pack.leaves)
    signed = checkpoint.verify(pack.checkpoint, pack.origin, pack.key)
    if (signed.size, signed.root) != (tree.size, tree.root()):
        raise PackError("the leaves are not those of the checkpoint")
    keys = {name: base64.b64encode(key).decode() for name, key in sorted(pack.keys.items())}
    clear = readable.pretty(keys)
    found = {
        "data/call.txt": pack.call.encode() + b"\n",
        "data/entries.jsonl": b"".join(entry + b"\n" for entry in pack.entries),
        "data/proof.json": _proof(pack, tree),
        "data/checkpoint.txt": pack.checkpoint.encode(),
        "data/log.vkey": checkpoint.verifier_key(pack.origin, pack.key).encode() + b"\n",
        "data/keys.json": locked(clear, pack.recipients) if pack.recipients else clear,
        **_people(pack),
    }
    if pack.stamp is not None:
        found["data/tsr/checkpoint.txt"] = pack.stamp.note.encode()
        found["data/tsr/checkpoint.tsr"] = pack.stamp.token
    if pack.vcon is not None:
        found["data/call.vcon"] = pack.vcon
    return found if pack.recipients else {**found, **_words(pack)}


def is_clear(pack: Pack) -> bool:
    """Whether it holds what can be read and heard without a private key."""
    return not pack.recipients


def bag_info(pack: Pack, sizes: Mapping[str, int]) -> bytes:
    """RFC 8493 section 2.2.2; `sizes` are of the files below data/."""
    day = datetime.fromtimestamp(pack.created_us // 1_000_000, UTC).date()
    lines = {
        "Bagging-Date": f"{day}",
        "External-Identifier": pack.call,
        "External-Description": "Evidence pack of one call",
        "Payload-Oxum": f"{sum(sizes.values())}.{len(sizes)}",
        "Parley-Evidence-Version": "2",
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()


def manifest(digests: Mapping[str, str]) -> bytes:
    """SHA-256 in hex by name: as `sha256sum` writes it, and reads it with -c."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def sign(tag_manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Base64. It begins with 64 hex digits and two spaces, which no checkpoint does."""
    return base64.b64encode(key.sign(tag_manifest)) + b"\n"


def _proof(pack: Pack, tree: merkle.Tree) -> bytes:
    shown: list[int] = []
    for raw in pack.entries:
        seq: int = canonical.decode(raw)["seq"]
        if not 0 < seq <= tree.size or pack.leaves[seq - 1] != merkle.leaf_hash(raw):
            raise PackError(f"entry {seq} is not a leaf of the log")
        shown.append(seq - 1)
    if shown != sorted(shown):
        raise PackError("the entries are not in the order of the log")
    cuts = [size for size in sorted(pack.older) if 0 < size <= tree.size]
    told = frontier(tree, shown, cuts[-CUTS_MAX:])
    return b"[" + b",\n".join(json.dumps(one).encode() for one in told) + b"]\n"


def _people(pack: Pack) -> dict[str, bytes]:
    """What is read before anything else; no words, and not who called."""
    entries: list[dict[str, Any]] = [canonical.decode(entry) for entry in pack.entries]
    own = [entry for entry in entries if entry["scope"] == pack.call]
    leaf = next(
        merkle.leaf_hash(raw).hex()
        for raw, entry in zip(reversed(pack.entries), reversed(entries), strict=True)
        if entry["scope"] == pack.call
    )
    exported = readable.instant(pack.created_us)
    return {
        "data/report.html": report.page(pack.call, report.rows_of(entries, pack.call)),
        "data/certificate-902.md": report.certificate(
            pack.call, exported, own, leaf, pack.checkpoint
        ),
    }


def _words(pack: Pack) -> dict[str, bytes]:
    transcript = [{name: item[name] for name in SEGMENT_FIELDS} for item in pack.transcript]
    told = {**pack.callers, "segments": transcript}
    return {
        "data/transcript.json": readable.pretty(told),
        "data/transcript.vtt": readable.webvtt(transcript, _audio_begins_us(pack)),
    }


def _audio_begins_us(pack: Pack) -> int:
    """When sample 0 of the tracks was heard; without audio, when the first words were."""
    if pack.chunks:
        first = min(pack.chunks, key=lambda chunk: chunk.captured_from_us)
        return first.captured_from_us - readable.samples_us(first.first_sample, first.rate)
    return min((_integer(item["start_us"]) for item in pack.transcript), default=0)


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise PackError(f"a time in microseconds is an integer, not {value!r}")
    return value
