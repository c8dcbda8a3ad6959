"""What `parley verify` checks beyond verify.py: that what people see and hear is what was sealed.

Each check yields (rule, what speaks against the pack), as verify.py does. A locked pack shows
nothing, so there is nothing to check in it.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from recordings import vault
from runtime import canonical, checkpoint, sealed

Faults = Iterator[tuple[str, str]]
Row = dict[str, Any]


def check(pack: Path) -> dict[str, list[str]]:
    """Rule -> what speaks against it. For a pack in which verify.py found no fault."""
    faults: dict[str, list[str]] = {}
    try:
        rows = _rows(pack)
        for rule, where in (*_stamp(pack), *_shown(pack, rows), *_sound(pack, rows), *_basis(rows)):
            faults.setdefault(rule, []).append(where)
    # A hostile pack can provoke any error at all; each one is a reason not to believe it.
    except Exception as error:
        faults.setdefault("readable", []).append(f"{type(error).__name__}: {error}")
    return faults


def _rows(pack: Path) -> dict[str, dict[str, Row]]:
    """Table -> id -> row, as the entries leave them; of this call, and what is about it."""
    call = (pack / "data/call.txt").read_text(encoding="utf-8").strip()
    found: dict[str, dict[str, Row]] = {"call": {}}
    for line in (pack / "data/entries.jsonl").read_bytes().split(b"\n")[:-1]:
        entry = canonical.decode(line)
        if canonical.encode(entry) != line:
            raise ValueError(f"entry {entry['seq']} is not canonical JSON")
        for table, _, new in entry["deltas"]:
            if new is not None and new.get("call", call) == call and "id" in new:
                found.setdefault(table, {})[new["id"]] = {**new, "entry_us": entry["at_us"]}
    found["call"] = {name: row for name, row in found["call"].items() if name == call}
    return found


def _keys(pack: Path) -> dict[str, bytes]:
    found: dict[str, str] = json.loads((pack / "data/keys.json").read_bytes())
    return {name: base64.b64decode(key) for name, key in found.items()}


def _stamp(pack: Path) -> Faults:
    """RFC 3161 section 2.4.2: the token holds the digest; openssl checks whose signature it is."""
    note, token = pack / "data/tsr/checkpoint.txt", pack / "data/tsr/checkpoint.tsr"
    if not note.exists():
        return
    text = note.read_text(encoding="utf-8")
    origin, key = checkpoint.parse_verifier_key((pack / "data/log.vkey").read_text())
    checkpoint.verify(text, origin, key)
    if sha256(text.encode()).digest() not in token.read_bytes():
        yield "stamp", "the time stamp is of another text than the checkpoint beside it"


def _shown(pack: Path, rows: dict[str, dict[str, Row]]) -> Faults:
    """The words, and who called: the last revision of each segment, as it was sealed."""
    if not (pack / "data/transcript.json").exists():
        return
    shown, keys = json.loads((pack / "data/transcript.json").read_bytes()), _keys(pack)
    words = {name: row["text"] for name, row in rows.get("segment", {}).items()}
    revisions = rows.get("transcript_revision", {}).values()
    words |= {row["segment"]: row["text"] for row in sorted(revisions, key=lambda row: row["n"])}
    told = {one["id"]: one["text"] for one in shown["segments"]}
    if told != {name: _opened(text, keys) for name, text in words.items()}:
        yield "transcript", "transcript.json does not show the words that were sealed"
    for call in rows["call"].values():
        for side in ("remote", "local"):
            if side in call and shown.get(side) != _opened(call[side], keys):
                yield "callers", f"transcript.json does not say who was {side} as it was sealed"


def _opened(text: Any, keys: dict[str, bytes]) -> str | None:
    one = sealed.from_json(text)
    return sealed.unseal(one, keys[one.key_id]) if one.key_id in keys else None


def _sound(pack: Path, rows: dict[str, dict[str, Row]]) -> Faults:
    """call.wav is the sealed audio, each piece in its place, and silence elsewhere."""
    wav = pack / "data/call.wav"
    if not wav.exists():
        return
    names, keys = [field.name for field in fields(vault.Chunk)], _keys(pack)
    chunks = [
        vault.Chunk(**{name: row[name] for name in names if name in row})
        for row in rows.get("chunk", {}).values()
    ]
    rate = vault.track_rate(chunks)
    samples = vault.track_samples(chunks, rate)
    tracks = {party: vault.timeline([], samples, rate) for party in vault.PARTIES}
    for chunk in sorted(chunks, key=lambda chunk: (chunk.epoch, chunk.n)):
        if chunk.key_id in keys and (pack / "data/audio" / chunk.sha256).exists():
            box = (pack / "data/audio" / chunk.sha256).read_bytes()
            pcm = vault.raised(vault.open_chunk(box, keys[chunk.key_id], chunk), chunk.rate, rate)
            vault.place(tracks[chunk.party], chunk.first_sample * (rate // chunk.rate), pcm)
    both = vault.stereo(*(tracks[party] for party in vault.PARTIES))
    if wav.read_bytes() != vault.wav_header(len(both), 2, rate) + both:
        yield "sound", "call.wav is not what was sealed"


def _basis(rows: dict[str, dict[str, Row]]) -> Faults:
    """A call of ours was ordered, and placed on a basis that held (GDPR Art 6 (1))."""
    if not any(row.get("direction") == "outbound" for row in rows["call"].values()):
        return
    dials = [*rows.get("dial", {}).values()]
    if not dials:
        yield "basis", "the call is one of ours, and no entry says who ordered it"
    for dial in dials:
        basis = rows.get("basis", {}).get(dial["basis"])
        placed_us = None if basis is None else basis["placed_us"]
        if basis is None or placed_us is None:
            yield "basis", "no entry shows the basis that the call was placed on"
        elif not holds(basis, dial["ordered_us"]) or not holds(basis, placed_us):
            yield "basis", f"basis {basis['id']} did not hold when the call was made"


def holds(basis: Row, at_us: int) -> bool:
    """Whether somebody could be called on it at that moment."""
    begun = basis["granted_us"] <= at_us
    ends = [basis["expires_us"], basis["withdrawn_us"]]
    return begun and all(end is None or at_us < end for end in ends)
