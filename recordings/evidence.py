"""What an evidence pack holds, decided without touching a disk."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recordings import readable
from recordings.vault import Chunk
from runtime import canonical, checkpoint, merkle

CHECKPOINTS_MAX = 1_000
VERSION = 1
MANIFEST = "manifest.json"
MANIFEST_SIGNATURE = "manifest.sig"
SIDES = ("remote", "local")
SEGMENT_FIELDS = ("id", "party", "text", "start_us", "end_us")


class PackError(ValueError):
    """Inputs that do not belong together."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint, one of `older`, with the time stamp (RFC 3161) it was given."""

    size: int
    note: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything a pack is made of.

    `entries` are the canonical bytes of the call's log entries in order; `leaves` are the leaf
    hashes of the whole log up to the size of `checkpoint`; `older` are checkpoints signed
    before, oldest first; `chunks` are the rows that still stand; `keys` are data keys by id;
    `transcript` are dicts with the SEGMENT_FIELDS, text None where its key is gone; `callers` are
    the SIDES of the call, None likewise; `summary` is plain data to be read by people. `order` are
    entries of elsewhere: of a call of ours, who ordered it, and why its party may be called.
    """

    call: str
    created_us: int
    entries: Sequence[bytes]
    leaves: Sequence[bytes]
    origin: str
    key: Ed25519PublicKey
    checkpoint: str
    older: Sequence[str]
    chunks: Sequence[Chunk]
    keys: Mapping[str, bytes]
    transcript: Sequence[Mapping[str, object]]
    summary: Mapping[str, object]
    callers: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    stamp: Stamped | None = None
    order: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class FileDigest:
    bytes: int
    sha256: str


def documents(pack: Pack, unreadable: Sequence[str] = ()) -> dict[str, bytes]:
    """The files of the pack but for audio and manifest, by name.

    `unreadable` are the names of chunks that would not open, for people to see.
    """
    tree = merkle.Tree(pack.leaves)
    signed = checkpoint.verify(pack.checkpoint, pack.origin, pack.key)
    if (signed.size, signed.root) != (tree.size, tree.root()):
        raise PackError("the leaves are not those of the checkpoint")
    entries = [canonical.decode(entry) for entry in pack.entries]
    transcript = [{name: item[name] for name in SEGMENT_FIELDS} for item in pack.transcript]
    return {
        **_stamp(pack),
        **_order(pack, tree),
        "entries.jsonl": _lines(pack.entries),
        "proofs.json": canonical.encode(_inclusion(pack, pack.entries, tree)),
        "checkpoint.txt": pack.checkpoint.encode(),
        "consistency.json": canonical.encode(_consistency(pack, tree)),
        "log.vkey": checkpoint.verifier_key(pack.origin, pack.key).encode() + b"\n",
        "keys.json": canonical.encode(
            {key_id: base64.b64encode(key).decode() for key_id, key in pack.keys.items()}
        ),
        "transcript.json": readable.pretty(transcript),
        "callers.json": readable.pretty(dict(pack.callers)),
        "transcript.vtt": readable.webvtt(transcript, _audio_begins_us(pack)),
        "record.json": readable.pretty(
            readable.record(pack.call, pack.summary, entries, pack.chunks, unreadable)
        ),
        "README.txt": readable.README.encode(),
    }


def _stamp(pack: Pack) -> dict[str, bytes]:
    if pack.stamp is None:
        return {}
    return {"stamp/checkpoint.txt": pack.stamp.note.encode(), "stamp/token.tsr": pack.stamp.token}


def _order(pack: Pack, tree: merkle.Tree) -> dict[str, bytes]:
    if not pack.order:
        return {}
    proofs = canonical.encode(_inclusion(pack, pack.order, tree))
    return {"order/entries.jsonl": _lines(pack.order), "order/proofs.json": proofs}


def manifest(pack: Pack, files: Mapping[str, FileDigest]) -> bytes:
    """The list of every other file, to be signed: canonical JSON."""
    if not pack.entries:
        raise PackError(f"the log holds no entry of call {pack.call}")
    return canonical.encode(
        {
            "v": VERSION,
            "call": pack.call,
            "created_us": pack.created_us,
            "entries": len(pack.entries),
            "last_leaf": merkle.leaf_hash(pack.entries[-1]).hex(),
            "files": {
                name: {"bytes": digest.bytes, "sha256": digest.sha256}
                for name, digest in files.items()
            },
        }
    )


def sign_manifest(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Base64. The log key signs: a manifest is one line of JSON, a checkpoint never is."""
    return base64.b64encode(key.sign(manifest)) + b"\n"


def _lines(entries: Sequence[bytes]) -> bytes:
    return b"".join(entry + b"\n" for entry in entries)


def _inclusion(pack: Pack, entries: Sequence[bytes], tree: merkle.Tree) -> list[dict[str, object]]:
    proofs: list[dict[str, object]] = []
    for raw in entries:
        seq: int = canonical.decode(raw)["seq"]
        index = seq - 1
        if not 0 <= index < tree.size or pack.leaves[index] != merkle.leaf_hash(raw):
            raise PackError(f"entry {seq} is not a leaf of the log")
        proofs.append({"index": index, "path": _hexes(tree.inclusion_proof(index))})
    return proofs


def _consistency(pack: Pack, tree: merkle.Tree) -> list[dict[str, object]]:
    """A proof from each older checkpoint, newest first. One per size is enough."""
    proofs: dict[int, dict[str, object]] = {}
    for text in reversed(pack.older):
        size = checkpoint.parse(text).size
        if 0 < size <= tree.size and size not in proofs:
            path = _hexes(tree.consistency_proof(size))
            proofs[size] = {"checkpoint": text, "path": path}
        if len(proofs) == CHECKPOINTS_MAX:
            break
    return list(proofs.values())


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


def _hexes(hashes: Sequence[bytes]) -> list[str]:
    return [node.hex() for node in hashes]
