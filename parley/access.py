"""What one person is given who asks what is known of them (GDPR Art 15): their own, nobody else's.

Of each call: their own track and words, what was done for them, what they were asked and
answered. The other side's voice and words are left out (Art 15(4)).
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from parley import moment, words
from parley.plain import Key, Plain
from parley.record import record
from parley.sounding import chunks_of
from recordings import vault
from recordings.access import Access
from runtime.keystore import KeyDestroyed
from runtime.tables import select
from sessions.tables import Call

OWN = "caller"
"""The party of the other side, whoever called whom."""

README = """\
What is known of you

This folder was made because you asked for it. It is confidential: it is about you.

calls.json            every call with you, and what is kept of each
CALL/your-voice.wav   what you said, as it was recorded; the other side is left out
CALL/your-words.json  the same in words, as far as a machine understood it
CALL/actions.json     what was done for you
CALL/consent.json     what you were asked, and what you answered

CALL/who-looked.json  when somebody of us listened, read or exported, and what

Where something was destroyed, it says so. Who else got any of your data is told to you by whoever
gave you this folder.
"""


class AccessError(Exception):
    """The folder cannot be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a subject's data is read from."""

    rows: apsw.Connection
    key: Key
    recordings: Path


def write(source: Source, calls: Iterable[Call], directory: Path) -> list[Plain]:
    """Write the folder, whole or not at all. Answers what `calls.json` says; raises AccessError."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise AccessError(f"{directory} exists and is not an empty folder")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Made with mode 700, which the folder keeps.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise AccessError(f"{directory} cannot be made: {error.strerror}") from error
    try:
        listed = [_call(source, call, unfinished / call.id) for call in calls]
        _json(unfinished / "calls.json", listed)
        (unfinished / "README.txt").write_text(README, encoding="utf-8")
        os.rename(unfinished, directory)
    except BaseException as error:
        shutil.rmtree(unfinished)
        if isinstance(error, OSError):
            raise AccessError(f"{directory} cannot be written: {error.strerror}") from error
        raise
    return listed


def _call(source: Source, call: Call, folder: Path) -> Plain:
    """One call's folder, and its line in the list."""
    found = record(source.rows, source.key, call.id)
    folder.mkdir()
    own = [
        {"at": moment.clock(one["start_us"]), "text": one["text"] or words.ERASED}
        for one in found["transcript"]
        if one["party"] == OWN
    ]
    actions = [
        {
            "at": moment.clock(one["proposed_us"]),
            "what": one["tool"],
            "with": words.ERASED if one["erased"] else one["args"],
            "result": words.ERASED if one["erased"] else one["result"],
        }
        for one in found["actions"]
    ]
    consent = [
        {"at": moment.clock(at_us), "what": text}
        for at_us, text in words.story(found["consent"], found["prompts"])
    ]
    # Who of the house looked is not said by name: that is their data, not the subject's.
    looked = [
        {"at": moment.clock(row.at_us), "how": row.looked.value, "what": list(row.what)}
        for row in select(source.rows, Access, ("call",), (call.id,))
    ]
    for name, content in (
        ("your-words", own),
        ("actions", actions),
        ("consent", consent),
        ("who-looked", looked),
    ):
        _json(folder / f"{name}.json", content)
    kept, seconds = _voice(source, call, folder / "your-voice.wav")
    return {
        "call": call.id,
        "began": moment.clock(call.offered_us),
        "direction": call.direction,
        "seconds_of_your_voice": seconds,
        "voice": kept,
        "words": len(own),
        "actions": len(actions),
    }


def _voice(source: Source, call: Call, path: Path) -> tuple[str, int]:
    """The caller's own track: what became of it, and how many seconds of it there are."""
    chunks = [chunk for chunk in chunks_of(source.rows, call.id) if chunk.party == OWN]
    if not chunks:
        return "not recorded", 0
    rate = vault.track_rate(chunks)
    track = vault.timeline([], vault.track_samples(chunks, rate), rate)
    try:
        for chunk in chunks:
            ciphertext = vault.read_chunk(source.recordings, chunk)
            if ciphertext is not None:
                pcm = vault.open_chunk(ciphertext, source.key(chunk.key_id), chunk)
                first = chunk.first_sample * (rate // chunk.rate)
                vault.place(track, first, vault.raised(pcm, chunk.rate, rate))
            elif source.key(chunk.key_id):
                return "missing", 0
    except KeyDestroyed:
        return "destroyed", 0
    path.write_bytes(vault.wav_header(len(track), 1, rate) + track)
    return "recorded", len(track) // (vault.SAMPLE_BYTES * rate)


def _json(path: Path, content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
