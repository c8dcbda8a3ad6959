"""The parts of an evidence pack that people read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from recordings.vault import Chunk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

README = """\
Evidence pack of one call

KEEP THIS FOLDER CONFIDENTIAL. It is for a recipient who may hear the call: it holds the
recording in clear, the transcript in clear, who called in clear, and in keys.json the keys
that open what is sealed of these.

To verify it (Python 3.11 or later with the package "cryptography"; no network):

    python verify.py . --key KEY --checkpoint FILE

KEY is the log's verifier key as you learned it before, FILE a checkpoint of the same log that
you received earlier. Both are optional, and both are what makes the proof strong: without KEY
you trust the key in this folder, and without FILE you trust that whoever holds the log key did
not write history anew. Nobody should take the verifier from the party it verifies: compare
verify.py with a copy from elsewhere, or read it; it is one file.

Proved by verification
  entries.jsonl      every log entry of the call, one to a line, canonical JSON (RFC 8785)
  proofs.json        that each entry is in the signed log (RFC 6962 inclusion proofs)
  order/             the same for a call of ours: who ordered it, and why its party may be called
  checkpoint.txt     size and root of the log, signed (C2SP tlog-checkpoint)
  stamp/             an earlier checkpoint and the time it was stamped with (RFC 3161), if any
  consistency.json   that the log extends each earlier checkpoint (RFC 6962 consistency proofs)
  log.vkey           the public key of the log (C2SP signed-note verifier key)
  keys.json          keys of the sealed audio, of the text, and of who called whom, base64
  chunks/            the sealed audio as it was recorded, each file named by its SHA-256
  audio/             caller.wav, agent.wav and stereo.wav (caller left), from those chunks
  transcript.json    the words, from the sealed segments of the entries as they were last
                     corrected or redacted
  callers.json       who called whom, from what is sealed of it in the entries
  manifest.json      size and SHA-256 of every file here
  manifest.sig       Ed25519 signature of manifest.json by the log key, base64

For reading only, signed but not derived again
  transcript.vtt     the transcript as subtitles of the audio (WebVTT)
  record.json        the call in outline

What a pack cannot show: what happened after its last entry, and the words, audio or callers
whose key was destroyed. For those, entries and hashes remain and the verifier names them.

Card numbers were taken out before anything was kept; the label in their place is all there is.
Words that were only redacted are not shown, but keys.json opens them, and audio/ may hold them.
"""


def pretty(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def samples_us(samples: int, rate: int) -> int:
    return samples * 1_000_000 // rate


def instant(at_us: int) -> str:
    """ISO 8601, UTC."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat()


GAP_US = 10_000_000
"""Where nothing was kept for so long, the subtitles say so."""


def webvtt(transcript: Iterable[Mapping[str, Any]], begins_us: int) -> bytes:
    """Subtitles (W3C WebVTT) of the tracks whose sample 0 was heard at `begins_us`.

    Where there are no words, or none that can be read, a NOTE says so.
    """
    blocks = ["WEBVTT\n"]
    end_us = begins_us
    for item in sorted(transcript, key=lambda item: int(item["start_us"])):
        start = _cue_time(item["start_us"] - begins_us)
        if item["start_us"] - end_us >= GAP_US:
            blocks.append(f"NOTE no words from {_cue_time(end_us - begins_us)} to {start}\n")
        end_us = max(end_us, item["end_us"])
        end = _cue_time(item["end_us"] - begins_us)
        if item["text"] is None:
            blocks.append(f"NOTE words from {start} to {end} were erased\n")
            continue
        voice = _cue_text(item["party"]).capitalize()
        blocks.append(f"{start} --> {end}\n<v {voice}>{_cue_text(item['text'])}\n")
    return "\n".join(blocks).encode()


def record(
    call: str,
    summary: Mapping[str, object],
    entries: Sequence[Mapping[str, Any]],
    chunks: Sequence[Chunk],
    unreadable: Sequence[str],
) -> dict[str, object]:
    """The call in outline: what was done, what was agreed, what was recorded."""
    recorded_ms: dict[str, int] = {}
    for chunk in chunks:
        spoken = recorded_ms.get(chunk.party, 0) + samples_us(chunk.samples, chunk.rate) // 1_000
        recorded_ms[chunk.party] = spoken
    return {
        "call": call,
        "summary": dict(summary),
        "consent": [line for entry in entries for line in _consent_lines(entry)],
        "recorded_ms": recorded_ms,
        "unreadable_chunks": list(unreadable),
        "entries": [
            {
                "seq": entry["seq"],
                "at": instant(entry["at_us"]),
                "actor": entry["actor"],
                "reducer": entry["reducer"],
            }
            for entry in entries
        ],
    }


def _consent_lines(entry: Mapping[str, Any]) -> list[dict[str, object]]:
    at, facts = instant(entry["at_us"]), ("party", "scope", "event", "state")
    # A row that is not what it should be is for the verifier to complain of.
    return [
        {"at": at, **{name: cast("dict[str, object]", row).get(name) for name in facts}}
        for table, _, row in entry["deltas"]
        if table == "consent_event" and isinstance(row, dict)
    ]


def _cue_time(offset_us: int) -> str:
    seconds, milliseconds = divmod(max(0, offset_us) // 1_000, 1_000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{milliseconds:03}"


def _cue_text(text: str) -> str:
    """One line: an empty line would end the cue, an angle bracket open a tag."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.split())
