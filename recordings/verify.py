"""Verify an evidence pack of a phone call, offline.

    python verify.py DIRECTORY [--checkpoint FILE] [--key VKEY]

Needs Python 3.11 and the package "cryptography", nothing else. Read it from top to bottom: first
what a pack is, then one function for each claim, then the list of all claims. A claim is a
function that yields what speaks against it; a claim holds when nothing does.

Exit status: 0 every claim holds, 1 some do not, 2 there is no pack to verify.
"""

import argparse
import base64
import json
import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest, sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# What is read from a pack is hostile: nothing is opened, or made room for, beyond these.
FILES_MAX = 200_000
DOCUMENT_BYTES_MAX = 128 * 1024 * 1024
CHUNK_BYTES_MAX = 2 * 1024 * 1024
WAV_BYTES_MAX = 1024 * 1024 * 1024
TOKEN_BYTES_MAX = 64 * 1024
COMPLAINTS_MAX = 20

# The recorder learns of a withdrawal after its commit: the last chunk may run on for this long.
GATE_CLOSING_US = 200_000
# Consent events after which the keys granted for their scope seal nothing more.
CLOSING = ("withdrawn", "refused", "expired")
# Sample 0 of both tracks is one instant. 16 bit, 8 or 16 kHz; a chunk that says no rate has 8.
PARTIES = ("caller", "agent")
SIDES = ("remote", "local")
RATES, SAMPLE_BYTES, GCM_TAG_BYTES = (8_000, 16_000), 2, 16

# The first checkpoint after the call that a time-stamping authority has signed, where one has.
STAMPED, TOKEN = "stamp/checkpoint.txt", "stamp/token.tsr"

# Entries out of the call's own chain: who ordered a call of ours, and on what basis.
ORDER, ORDER_PROOFS = "order/entries.jsonl", "order/proofs.json"

Row = dict[str, Any]


class Malformed(Exception):
    """The pack cannot be read at this place."""


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


class Entry(NamedTuple):
    """One line of entries.jsonl: an action of the call, and the rows it changed."""

    raw: bytes
    leaf: bytes
    body: Row
    seq: int
    at_us: int


class Change(NamedTuple):
    """A row that an entry added (old is None), changed, or removed (new is None)."""

    entry: Entry
    table: str
    old: Row | None
    new: Row | None

    @property
    def row(self) -> Row:
        return self.new or self.old or {}


class Pack:
    """A folder, read piece by piece. Raises Malformed for what is missing or nonsense."""

    def __init__(self, directory: Path, checkpoint: str | None, key: str | None) -> None:
        self.directory, self.older, self.trusted_key = directory, checkpoint, key

    @cached_property
    def files(self) -> dict[str, int]:
        """Sizes by name. No link is followed, so no name leads out of the folder."""
        found: dict[str, int] = {}
        for path in self.directory.rglob("*"):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise Malformed(f"{path.name!r} is a link or a device; a pack holds plain files")
            if path.is_file():
                found[path.relative_to(self.directory).as_posix()] = path.stat().st_size
            if len(found) > FILES_MAX:
                raise Malformed(f"more than {FILES_MAX} files")
        return found

    def path(self, name: str, limit: int) -> Path:
        if name not in self.files:
            raise Malformed(f"{name} is missing")
        if self.files[name] > limit:
            raise Malformed(f"{name} is larger than {limit} bytes")
        return self.directory / name

    def read(self, name: str, limit: int = DOCUMENT_BYTES_MAX) -> bytes:
        return self.path(name, limit).read_bytes()

    def digest(self, name: str) -> str:
        with self.path(name, WAV_BYTES_MAX).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def json(self, name: str, kind: type) -> Any:
        return parse_json(self.read(name), name, kind)

    @cached_property
    def manifest(self) -> Row:
        return cast(Row, self.json("manifest.json", dict))

    @property
    def call(self) -> str:
        return cast(str, self.manifest["call"])

    @cached_property
    def key(self) -> tuple[str, Ed25519PublicKey]:
        """The log's name and public key."""
        return parse_verifier_key(self.read("log.vkey").decode().strip())

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return parse_checkpoint(self.read("checkpoint.txt").decode(), *self.key)

    @cached_property
    def entries(self) -> list[Entry]:
        return self.lines("entries.jsonl")

    @cached_property
    def order(self) -> list[Entry]:
        return self.lines(ORDER) if ORDER in self.files else []

    def lines(self, name: str) -> list[Entry]:
        *lines, rest = self.read(name).split(b"\n")
        if not lines or rest:
            raise Malformed(f"{name} is not a list of lines")
        return [parse_entry(raw) for raw in lines]

    @cached_property
    def changes(self) -> list[Change]:
        return changes_of(self.entries)

    def rows(self, table: str, identity: tuple[str, ...]) -> list[Row]:
        """The rows of a table as the entries leave them, in order of their first appearance."""
        rows: dict[tuple[Any, ...], Row | None] = {}
        for change in self.changes:
            if change.table == table:
                rows[tuple(change.row[name] for name in identity)] = change.new
        return [row for row in rows.values() if row is not None]

    @cached_property
    def chunks(self) -> list[Row]:
        return self.rows("chunk", ("call", "party", "epoch", "n"))

    @cached_property
    def keys(self) -> dict[str, AESGCM]:
        keys = cast("dict[str, str]", self.json("keys.json", dict))
        return {name: AESGCM(unbase64(text)) for name, text in keys.items()}

    def pcm(self, chunk: Row) -> bytes | None:
        """The chunk's audio, or None when it does not open. Its key must be at hand."""
        try:
            ciphertext = self.read(f"chunks/{chunk['sha256']}", CHUNK_BYTES_MAX)
            nonce = struct.pack(">IQ", chunk["epoch"], chunk["n"])
            bound = "{call}|{party}|{epoch}|{n}".format(**chunk)
            if rate_of(chunk) != RATES[0]:
                bound += f"|{rate_of(chunk)}"
            key = self.keys[chunk["key_id"]]
            if wrapped := chunk.get("wrapped_key", ""):
                box = unbase64(wrapped)
                key = AESGCM(key.decrypt(box[:12], box[12:], bound.encode()))
            return key.decrypt(nonce, ciphertext, bound.encode())
        except (InvalidTag, Malformed):
            return None


# --- The folder is what its maker signed -------------------------------------------------------


def the_files_are_those_of_the_manifest(pack: Pack) -> Iterator[str]:
    listed = cast("dict[str, Row]", pack.manifest["files"])
    present = pack.files.keys() - {"manifest.json", "manifest.sig"}
    yield from (f"{name} is not in the manifest" for name in sorted(present - listed.keys()))
    yield from (f"{name!r} is missing" for name in sorted(listed.keys() - present))
    for name in sorted(present & listed.keys()):
        if listed[name] != {"bytes": pack.files[name], "sha256": pack.digest(name)}:
            yield f"{name} is not the file of the manifest"


def the_manifest_is_signed(pack: Pack) -> Iterator[str]:
    try:
        pack.key[1].verify(unbase64(pack.read("manifest.sig")), pack.read("manifest.json"))
    except InvalidSignature:
        yield "the manifest is not signed by the log key"


def the_key_is_the_trusted_one(pack: Pack) -> Iterator[str]:
    if pack.trusted_key is not None:
        origin, key = parse_verifier_key(pack.trusted_key)
        if (origin, key.public_bytes_raw()) != (pack.key[0], pack.key[1].public_bytes_raw()):
            yield "the log key is not the one you trust"


# --- The entries are in the signed log ---------------------------------------------------------


def the_checkpoint_is_signed(pack: Pack) -> Iterator[str]:
    # Reading it has verified it.
    if pack.checkpoint.size < len(pack.entries):
        yield "the checkpoint is of a log smaller than the call"


def the_entries_are_canonical(pack: Pack) -> Iterator[str]:
    for entry in pack.entries:
        if canonical(entry.body) != entry.raw:
            yield f"entry {entry.seq} is not canonical JSON"
        if entry.body["scope"] != pack.call:
            yield f"entry {entry.seq} is not of this call"
    for entry in pack.order:
        if canonical(entry.body) != entry.raw:
            yield f"entry {entry.seq} is not canonical JSON"


def every_entry_is_in_the_log(pack: Pack) -> Iterator[str]:
    yield from not_in_the_log(pack, pack.entries, "proofs.json")
    if pack.order:
        yield from not_in_the_log(pack, pack.order, ORDER_PROOFS)


def not_in_the_log(pack: Pack, entries: list[Entry], proofs: str) -> Iterator[str]:
    log = pack.checkpoint
    for entry, proof in zip(entries, pack.json(proofs, list), strict=True):
        index, path = entry.seq - 1, hashes(proof["path"])
        within = 0 <= index < log.size and proof["index"] == index
        if not within or included(index, log.size, entry.leaf, path) != log.root:
            yield f"entry {entry.seq} is not proved to be in the signed log"


def the_chain_of_the_call_is_whole(pack: Pack) -> Iterator[str]:
    previous = None
    for number, entry in enumerate(pack.entries, 1):
        link = previous.leaf.hex() if previous else None
        if (entry.body["scope_seq"], entry.body["scope_prev"]) != (number, link):
            yield f"entry {entry.seq} does not follow as number {number} of the call"
        if previous and previous.seq + 1 == entry.seq and entry.body["prev"] != link:
            yield f"entry {entry.seq} does not follow the entry before it in the log"
        previous = entry
    if [pack.manifest["entries"], pack.manifest["last_leaf"]] != [
        len(pack.entries),
        pack.entries[-1].leaf.hex(),
    ]:
        yield "the manifest names another last entry"


def time_goes_forward(pack: Pack) -> Iterator[str]:
    for before, after in pairwise(pack.entries):
        if after.at_us < before.at_us or after.seq <= before.seq:
            yield f"entry {after.seq} is earlier than entry {before.seq} before it"


# --- The log was not rewritten -----------------------------------------------------------------


def the_log_extends_the_checkpoints_in_the_pack(pack: Pack) -> Iterator[str]:
    for proof in pack.json("consistency.json", list):
        older = parse_checkpoint(proof["checkpoint"], *pack.key, "an older checkpoint")
        if not extends(older, pack.checkpoint, hashes(proof["path"])):
            yield f"the log does not extend its own checkpoint of size {older.size}"


def the_log_extends_your_checkpoint(pack: Pack) -> Iterator[str]:
    if pack.older is None:
        return
    older = parse_checkpoint(pack.older, *pack.key, "your checkpoint")
    paths = {
        parse_checkpoint(proof["checkpoint"], *pack.key).size: hashes(proof["path"])
        for proof in pack.json("consistency.json", list)
    }
    # From size 0, and from the same size, there is nothing to prove but the root itself.
    paths |= {pack.checkpoint.size: [], 0: []}
    if older.size not in paths:
        yield f"the pack has no proof from your checkpoint of size {older.size}"
    elif older.size and not extends(older, pack.checkpoint, paths[older.size]):
        yield f"the log was rewritten after your checkpoint of size {older.size}"


def the_time_stamp_is_on_a_checkpoint_of_the_log(pack: Pack) -> Iterator[str]:
    if STAMPED not in pack.files:
        return
    note = pack.read(STAMPED).decode()
    stamped = parse_checkpoint(note, *pack.key, "the stamped checkpoint")
    if stamped.size < pack.entries[-1].seq:
        yield "the stamped checkpoint does not cover the call"
    # The proof that the log extends it is one of the claims above.
    if note not in [proof["checkpoint"] for proof in pack.json("consistency.json", list)]:
        yield "the stamped checkpoint is not one of those that the log extends"
    # RFC 3161 section 2.4.2: the token holds the digest; openssl checks whose signature it is.
    if sha256(note.encode()).digest() not in pack.read(TOKEN, TOKEN_BYTES_MAX):
        yield "the time stamp is of another text than the stamped checkpoint"


# --- Nothing was recorded without consent ------------------------------------------------------


def consent_and_audio_rows_are_never_changed(pack: Pack) -> Iterator[str]:
    for change in pack.changes:
        if change.table == "consent_event" and (change.old is not None or change.new is None):
            yield f"entry {change.entry.seq} changes an event of consent"
        # A chunk may be removed when its time has come, but not become another.
        if change.table == "chunk" and change.old is not None and change.new is not None:
            yield f"entry {change.entry.seq} changes a chunk of the recording"
        if change.table in ("consent_event", "chunk") and change.row["call"] != pack.call:
            yield f"entry {change.entry.seq} holds a {change.table} of another call"


@dataclass
class Grant:
    """A scope to which the call agreed, and under which keys were born."""

    scope: str
    granted_us: int
    withdrawn_us: int | None = None


def nothing_was_recorded_without_consent(pack: Pack) -> Iterator[str]:
    """The rules of consent, applied anew to the entries in their order."""
    grants: dict[str, Grant] = {}
    epochs: dict[str, int] = {}
    recording: Row = {}
    for change in pack.changes:
        row, at_us = change.new, change.entry.at_us
        if change.table == "recording":
            recording = row or {}
        if row is None or change.old is not None:
            continue
        if change.table == "consent_event" and row["kind"] == "granted":
            epochs[row["scope"]] = max(whole(row, "epoch"), epochs.get(row["scope"], 0))
            for key_id in (row["key_id"] or "").split():
                grants[key_id] = Grant(row["scope"], at_us)
        elif change.table == "consent_event" and row["kind"] in CLOSING:
            for grant in grants.values():
                if grant.scope == row["scope"] and grant.withdrawn_us is None:
                    grant.withdrawn_us = at_us
        elif change.table == "chunk":
            yield from against_chunk(row, grants.get(row["key_id"]), epochs)
            yield from against_pause(row, recording)


def against_chunk(chunk: Row, grant: Grant | None, epochs: dict[str, int]) -> Iterator[str]:
    begin_us = whole(chunk, "captured_from_us")
    end_us = begin_us + samples_us(chunk)
    if grant is None:
        yield f"{title(chunk)} was sealed under a key that no grant gave"
        return
    if begin_us < grant.granted_us:
        yield f"{title(chunk)} was captured before consent was granted"
    if whole(chunk, "epoch") < epochs[grant.scope]:
        yield f"{title(chunk)} is of an epoch before the last grant"
    if grant.withdrawn_us is not None and (
        begin_us >= grant.withdrawn_us or end_us > grant.withdrawn_us + GATE_CLOSING_US
    ):
        yield f"{title(chunk)} was captured after consent was withdrawn"


def against_pause(chunk: Row, recording: Row) -> Iterator[str]:
    """While somebody was heard who had not agreed, nothing was recorded.

    Who ended a pause may have been another call, whose entries are not here: of later epochs
    nothing is known then.
    """
    if chunk["epoch"] != recording.get("epoch"):
        return
    end_us = whole(chunk, "captured_from_us") + samples_us(chunk)
    suspended_us = recording.get("suspended_us")
    if whole(chunk, "captured_from_us") < recording.get("opened_us", 0) or (
        suspended_us is not None and end_us > suspended_us
    ):
        yield f"{title(chunk)} was captured while the recording was suspended"


# --- Nobody was called without a basis ---------------------------------------------------------


def a_call_of_ours_was_placed_on_a_basis(pack: Pack) -> Iterator[str]:
    """It was ordered on a basis that was recorded before, and that held when it went out."""
    calls = pack.rows("call", ("id",))
    if not any(row.get("direction") == "outbound" for row in calls):
        return
    own = [change for change in pack.changes if change.table == "dial" and change.new]
    placed = next((change for change in own if change.row["state"] == "placed"), None)
    elsewhere = changes_of(pack.order)
    ordered = [
        c for c in elsewhere if c.table == "dial" and c.old is None and c.row["id"] == pack.call
    ]
    if placed is None or len(ordered) != 1:
        yield "the call is one of ours, and no entry says who ordered and placed it"
        return
    basis = placed.row["basis"]
    if placed.row["id"] != pack.call or ordered[0].row["basis"] != basis:
        yield "the call was placed on another basis than it was ordered on"
    told = [c for c in elsewhere if c.table == "basis" and c.row["id"] == basis]
    told += [c for c in pack.changes if c.table == "basis" and c.entry is placed.entry]
    yield from against_basis(sorted(told, key=lambda change: change.entry.seq), placed, ordered[0])
    party = unseal(told[0].row["party"], pack.keys) if told else None
    if party is not None and party != pack.json("callers.json", dict).get("remote"):
        yield f"basis {basis} is about somebody else than was called"


def against_basis(told: list[Change], placed: Change, ordered: Change) -> Iterator[str]:
    """All that is told of a basis, in order, against the two moments in which it had to hold."""
    known: Row | None = None
    for change in told:
        if without(known) != without(change.old):
            yield f"entry {change.entry.seq} changes a basis that is not the one before it"
        known = change.new
    for moment in (ordered.entry, placed.entry):
        then = [change.new for change in told if change.entry.seq <= moment.seq]
        if not then or not holds(then[-1], moment.at_us):
            yield f"no entry shows a basis that held when entry {moment.seq} was made"
    if all(change.entry.seq != placed.entry.seq for change in told):
        yield "the entry that places the call does not show its basis"


def without(basis: Row | None) -> Row | None:
    """That other calls were placed on it is no part of this call's story."""
    return None if basis is None else {**basis, "placed_us": None}


def holds(basis: Row | None, at_us: int) -> bool:
    if basis is None or basis["withdrawn_us"] is not None or basis["granted_us"] > at_us:
        return False
    return basis["expires_us"] is None or basis["expires_us"] > at_us


# --- The audio and the words are those of the entries ------------------------------------------


def no_nonce_was_used_twice(pack: Pack) -> Iterator[str]:
    used: set[tuple[str, int, int]] = set()
    for change in pack.changes:
        if change.table == "chunk" and change.old is None and change.new is not None:
            chunk = change.new
            nonce = (chunk["key_id"], chunk["epoch"], chunk["n"])
            if nonce in used:
                yield f"{title(chunk)} repeats a nonce of its key"
            used.add(nonce)


def every_ciphertext_is_the_one_in_the_log(pack: Pack) -> Iterator[str]:
    stray = {name for name in pack.files if name.startswith("chunks/")}
    for chunk in pack.chunks:
        name = f"chunks/{chunk['sha256']}"
        stray.discard(name)
        # What no key opens any more need not be kept.
        if name not in pack.files and chunk["key_id"] not in pack.keys:
            continue
        ciphertext = pack.read(name, CHUNK_BYTES_MAX)
        facts = (sha256(ciphertext).hexdigest(), len(ciphertext))
        if facts != (chunk["sha256"], chunk["bytes"]):
            yield f"the ciphertext of {title(chunk)} is not the one that was logged"
    yield from (f"{name} belongs to no chunk of the call" for name in sorted(stray))


def the_audio_is_what_was_sealed(pack: Pack) -> Iterator[str]:
    """The tracks are at the highest rate of the recording; what has half of it is raised."""
    rate = max(map(rate_of, pack.chunks), default=RATES[0])
    ends = [
        (whole(row, "first_sample") + whole(row, "samples")) * times(row, rate)
        for row in pack.chunks
    ]
    track_bytes = max(ends, default=0) * SAMPLE_BYTES
    # Nothing is made room for that the files themselves do not fill.
    if pack.path("audio/stereo.wav", WAV_BYTES_MAX).stat().st_size != 44 + 2 * track_bytes:
        raise Malformed("audio/stereo.wav is not as long as the recording")
    tracks = {party: bytearray(track_bytes) for party in PARTIES}
    for chunk in sorted(pack.chunks, key=lambda row: (row["epoch"], row["n"])):
        if chunk["key_id"] in pack.keys:
            pcm = pack.pcm(chunk)
            if pcm is None or len(pcm) != chunk["samples"] * SAMPLE_BYTES:
                yield f"{title(chunk)} does not open as the audio that was logged"
            else:
                start = chunk["first_sample"] * times(chunk, rate) * SAMPLE_BYTES
                pcm = pcm if rate_of(chunk) == rate else raised(pcm)
                tracks[chunk["party"]][start : start + len(pcm)] = pcm
    both = array("h", bytes(2 * track_bytes))
    for channel, party in enumerate(PARTIES):
        both[channel::2] = array("h", bytes(tracks[party]))
        if pack.digest(f"audio/{party}.wav") != wav_digest(tracks[party], 1, rate):
            yield f"audio/{party}.wav is not what was sealed"
    if pack.digest("audio/stereo.wav") != wav_digest(both.tobytes(), 2, rate):
        yield "audio/stereo.wav is not the two tracks side by side"


def the_transcript_is_what_was_sealed(pack: Pack) -> Iterator[str]:
    facts = ("id", "party", "start_us", "end_us")
    sealed = {
        row["id"]: {**{name: row[name] for name in facts}, "text": unseal(row["text"], pack.keys)}
        for row in pack.rows("segment", ("id",))
    }
    # What was corrected or redacted later is what a reader is shown.
    for row in sorted(pack.rows("transcript_revision", ("id",)), key=lambda row: row["n"]):
        if row["segment"] not in sealed:
            raise Malformed(f"{row['id']} changes a segment that is not there")
        sealed[row["segment"]]["text"] = unseal(row["text"], pack.keys)
    items = pack.json("transcript.json", list)
    shown = {item["id"]: item for item in items}
    if len(shown) != len(items):
        yield "transcript.json shows a segment twice"
    for segment in sorted(sealed.keys() | shown.keys()):
        if sealed.get(segment) != shown.get(segment):
            yield f"segment {segment} of transcript.json is not what was sealed"


def who_called_is_what_was_sealed(pack: Pack) -> Iterator[str]:
    sealed: Row = {}
    for row in pack.rows("call", ("id",)):
        sealed = {side: unseal(row[side], pack.keys) for side in SIDES}
    if pack.json("callers.json", dict) != sealed:
        yield "callers.json does not say who called whom as it was sealed"


# --- All claims, in order ----------------------------------------------------------------------

Claim = Callable[[Pack], Iterator[str]]

CLAIMS: tuple[Claim, ...] = (
    the_files_are_those_of_the_manifest,
    the_manifest_is_signed,
    the_key_is_the_trusted_one,
    the_checkpoint_is_signed,
    the_entries_are_canonical,
    every_entry_is_in_the_log,
    the_chain_of_the_call_is_whole,
    time_goes_forward,
    the_log_extends_the_checkpoints_in_the_pack,
    the_log_extends_your_checkpoint,
    the_time_stamp_is_on_a_checkpoint_of_the_log,
    consent_and_audio_rows_are_never_changed,
    nothing_was_recorded_without_consent,
    a_call_of_ours_was_placed_on_a_basis,
    no_nonce_was_used_twice,
    every_ciphertext_is_the_one_in_the_log,
    the_audio_is_what_was_sealed,
    the_transcript_is_what_was_sealed,
    who_called_is_what_was_sealed,
)


@dataclass
class Report:
    """`checks` hold, `failures` speak against the pack, `notes` say what it does not show."""

    checks: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        return not self.failures


def verify(directory: Path, checkpoint: str | None = None, key: str | None = None) -> Report:
    """Check every claim. `checkpoint` is the text of one you hold, `key` a verifier key."""
    pack, report = Pack(directory, checkpoint, key), Report()
    claims = CLAIMS
    if key is None:
        claims = tuple(claim for claim in claims if claim is not the_key_is_the_trusted_one)
    if checkpoint is None:
        claims = tuple(claim for claim in claims if claim is not the_log_extends_your_checkpoint)
    for claim in claims:
        complaints = list(islice(complaints_of(claim, pack), COMPLAINTS_MAX))
        if not complaints:
            report.checks.append(claim.__name__.replace("_", " "))
        # A file that cannot be read fails many claims for one reason.
        report.failures += [text for text in complaints if text not in report.failures]
    if report.ok:
        report.notes += notes(pack)
    return report


def complaints_of(claim: Claim, pack: Pack) -> Iterator[str]:
    try:
        yield from claim(pack)
    except Malformed as error:
        yield str(error)
    # A hostile pack can provoke any error at all; each one is a reason not to believe it.
    except Exception as error:
        yield f"{claim.__name__} cannot be checked: {type(error).__name__} {error}"


def notes(pack: Pack) -> Iterator[str]:
    if pack.trusted_key is None:
        yield "no key was given: that the log key is genuine was not checked"
    if pack.older is None:
        yield "no checkpoint was given: its key holder could have written the log anew"
    if STAMPED in pack.files:
        command = f"openssl ts -verify -data {STAMPED} -in {TOKEN} -CAfile AUTHORITY.pem"
        yield f"whose time stamp it is was not checked: {command}"
    withheld = sum(chunk["key_id"] not in pack.keys for chunk in pack.chunks)
    if withheld:
        yield f"{withheld} of {len(pack.chunks)} chunks cannot be heard: their key is not here"
    words = pack.json("transcript.json", list)
    withheld = sum(item["text"] is None for item in words)
    if withheld:
        yield f"{withheld} of {len(words)} segments cannot be read: their key is not here"
    if None in pack.json("callers.json", dict).values():
        yield "who called cannot be read: the key is not here"


# --- Formats -----------------------------------------------------------------------------------


def parse_json(data: bytes, name: str, kind: type) -> Any:
    def refuse(text: str) -> None:
        raise ValueError(f"{text} is not an integer")

    try:
        value = json.loads(data.decode(), parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name} is not JSON: {error}") from error
    if not isinstance(value, kind):
        raise Malformed(f"{name} holds no {kind.__name__}")
    return value


def changes_of(entries: Sequence[Entry]) -> list[Change]:
    return [
        Change(entry, table, old, new)
        for entry in entries
        for table, old, new in entry.body["deltas"]
    ]


def parse_entry(raw: bytes) -> Entry:
    body = parse_json(raw, "an entry", dict)
    # RFC 6962 section 2.1: the hash of a leaf.
    leaf = sha256(b"\x00" + raw).digest()
    return Entry(raw, leaf, body, whole(body, "seq"), whole(body, "at_us"))


def whole(row: Row, name: str) -> int:
    if type(row[name]) is not int or row[name] < 0:
        raise Malformed(f"{name} is {row[name]!r}, not a whole number")
    return cast(int, row[name])


def title(chunk: Row) -> str:
    return f"chunk {chunk['party']}-{chunk['epoch']}-{chunk['n']}"


def canonical(value: Any) -> bytes:
    """RFC 8785: without spaces, keys sorted by UTF-16 code units."""
    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        names = sorted(cast(Row, value), key=lambda name: name.encode("utf-16-be"))
        return {name: ordered(value[name]) for name in names}
    if isinstance(value, list):
        return [ordered(item) for item in cast("Sequence[Any]", value)]
    return value


def parse_verifier_key(text: str) -> tuple[str, Ed25519PublicKey]:
    """C2SP signed-note: name+id+base64(0x01 || Ed25519 key)."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", text)
    raw = unbase64(match[3]) if match else b""
    if not match or len(raw) != 33 or raw[0] != 1 or match[2] != key_id(match[1], raw[1:]).hex():
        raise Malformed("log.vkey is not a verifier key")
    return match[1], Ed25519PublicKey.from_public_bytes(raw[1:])


def parse_checkpoint(
    text: str, origin: str, key: Ed25519PublicKey, name: str = "the checkpoint"
) -> Checkpoint:
    """C2SP tlog-checkpoint: origin, size and root, an empty line, signatures."""
    body, _, signatures = text.rpartition("\n\n")
    fields = body.split("\n")
    if len(fields) < 3 or not re.fullmatch("0|[1-9][0-9]{0,18}", fields[1], re.ASCII):
        raise Malformed(f"{name} is not a checkpoint")
    if fields[0] != origin:
        raise Malformed(f"{name} is of another log")
    ours = key_id(origin, key.public_bytes_raw())
    for line in signatures.splitlines():
        signature = unbase64(line.removeprefix(f"\u2014 {origin} "))
        if line.startswith(f"\u2014 {origin} ") and signature[:4] == ours:
            try:
                key.verify(signature[4:], f"{body}\n".encode())
            except InvalidSignature as error:
                raise Malformed(f"the signature of {name} is false") from error
            return Checkpoint(origin, int(fields[1]), unbase64(fields[2]))
    raise Malformed(f"{name} is not signed by the log key")


def key_id(origin: str, key: bytes) -> bytes:
    return sha256(f"{origin}\n".encode() + b"\x01" + key).digest()[:4]


def included(index: int, size: int, node: bytes, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to: RFC 6962 section 2.1.1, read backwards."""
    if size == 1 or not path:
        return node if size == 1 and not path else b""
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return parent(included(index, left, node, path[:-1]), path[-1])
    return parent(path[-1], included(index - left, size - left, node, path[:-1]))


def extends(old: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> bool:
    if not 0 < old.size <= new.size:
        return False
    return grown(old.size, new.size, old.root, path) == (old.root, new.root)


def grown(old: int, size: int, known: bytes | None, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Old and new root that a consistency proof leads to: RFC 6962 section 2.1.2, read backwards.

    `known` is the old root while it may still be a node of the new tree.
    """
    if old == size:
        nodes = path if known is None else [known, *path]
        return (nodes[0], nodes[0]) if len(nodes) == 1 else (b"", b"")
    if not path:
        return b"", b""
    left, last = 1 << (size - 1).bit_length() - 1, path[-1]
    if old <= left:
        before, after = grown(old, left, known, path[:-1])
        return before, parent(after, last)
    before, after = grown(old - left, size - left, None, path[:-1])
    return parent(last, before), parent(last, after)


def parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def hashes(path: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in path]


def unbase64(text: str | bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise Malformed("something is not base64") from error


def unseal(text: Any, keys: dict[str, AESGCM]) -> Any:
    """Sealed text is {"$sealed": [key id, base64(nonce || ciphertext), base64(commitment)]}.

    Inside is salt (16) || "t" || text, and the commitment is the SHA-256 of that.
    """
    if not isinstance(text, dict):
        return text
    name, sealed, commitment = cast("tuple[str, str, str]", text["$sealed"])
    if name not in keys:
        return None
    raw = unbase64(sealed)
    try:
        opening = keys[name].decrypt(raw[:12], raw[12:], name.encode())
    except InvalidTag as error:
        raise Malformed("a sealed text does not open with its key") from error
    if sha256(opening).digest() != unbase64(commitment):
        raise Malformed("a sealed text is not the one that was committed to")
    return opening[17:].decode()


def rate_of(chunk: Row) -> int:
    """Samples a second."""
    rate = chunk.get("rate", RATES[0])
    if type(rate) is not int or rate not in RATES:
        raise Malformed(f"{title(chunk)} has {rate!r} samples a second, not one of {RATES}")
    return rate


def samples_us(chunk: Row) -> int:
    """How long it lasts."""
    return whole(chunk, "samples") * 1_000_000 // rate_of(chunk)


def times(chunk: Row, rate: int) -> int:
    return rate // rate_of(chunk)


def raised(pcm: bytes) -> bytes:
    """PCM at twice its rate: between two samples stands their mean, after the last itself."""
    samples = array("h", pcm)
    both = array("h", bytes(2 * len(pcm)))
    both[0::2] = samples
    after = [*samples[1:], *samples[-1:]]
    both[1::2] = array("h", [(one + other) >> 1 for one, other in zip(samples, after, strict=True)])
    return both.tobytes()


def wav_digest(pcm: bytes | bytearray, channels: int, rate: int) -> str:
    frame = channels * SAMPLE_BYTES
    header = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(pcm), b"WAVE", b"fmt ", 16)
    header += struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 16)
    digest = sha256(header + struct.pack("<4sI", b"data", len(pcm)))
    digest.update(pcm)
    return digest.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an evidence pack, offline.")
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--checkpoint", type=Path, help="a checkpoint of the log you received before"
    )
    parser.add_argument("--key", help="the verifier key of the log as you know it")
    chosen = parser.parse_args(arguments)
    try:
        if not chosen.directory.is_dir():
            raise OSError(f"{chosen.directory} is not a folder")
        checkpoint = chosen.checkpoint and chosen.checkpoint.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return 2
    report = verify(chosen.directory, checkpoint, chosen.key)
    for check in report.checks:
        print(f"holds: {check}")
    for failure in report.failures:
        print(f"FAILS: {failure}")
    for note in report.notes:
        print(f"note: {note}")
    print(f"verify: ok ({len(report.checks)} checks)" if report.ok else "verify: not ok")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
