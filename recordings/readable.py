"""The parts of an evidence pack that people read."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

README = """\
Evidence pack of one call

CONFIDENTIAL. Where keys.json is in clear, whoever has this folder can hear the call; where it is
locked (JWE), only those whom it was made for. Read data/report.html first.

To verify it, offline (Python 3.11 with the package "cryptography", or Node.js 20 and no package):

    python verify.py . --key KEY --checkpoint FILE
    node verify.mjs . --key KEY --checkpoint FILE

KEY is the log's verifier key as you learned it before, FILE a checkpoint of the same log that
you received earlier. Both are optional, and both are what makes the proof strong: without KEY
you trust the key in this folder, and without FILE you trust that whoever holds the log key did
not write history anew. Nobody should take the verifier from the party it verifies: compare it
with a copy from elsewhere, or read it; it is one short file.

Where the keys are locked for you:

    python open_keys.py data/keys.json PRIVATE.pem > ../keys.json
    python verify.py . --keys ../keys.json

This folder is a bag (BagIt 1.0, RFC 8493): `sha256sum -c manifest-sha256.txt` checks it as well.

  data/report.html        the call in plain words, and its consent, gaps and readers as tables
  data/certificate-902.md a certification to be completed and signed (FRE 902(13), (14))
  data/call.wav           the call: caller left, agent right            (not where keys are locked)
  data/transcript.vtt     the words as subtitles (WebVTT)               (not where keys are locked)
  data/transcript.json    the words, and who called                     (not where keys are locked)
  data/call.vcon          the call as a vCon: signed (JWS), and locked (JWE) where the keys are
  data/call.txt           the id of the call
  data/entries.jsonl      its log entries, and those about it: orders, holds, votes (RFC 8785)
  data/proof.json         that they are in the log, which only grew (RFC 6962)
  data/checkpoint.txt     size and root of the log, signed (C2SP tlog-checkpoint)
  data/log.vkey           the public key of the log (C2SP signed-note)
  data/tsr/               an earlier checkpoint and its time stamp (RFC 3161), if any
  data/audio/             the sealed audio, each file named by its SHA-256
  data/keys.json          the keys of audio and words, base64 by id; or a JWE of that
  tagmanifest-sha256.sig  the log key's Ed25519 signature of tagmanifest-sha256.txt

What a pack cannot show: what happened after its last entry, what others did that is not among the
entries, and words or audio whose key was destroyed: of those, entries and hashes remain.

Card numbers were taken out before anything was kept; the label in their place is all there is.
Words that were only redacted are not shown, but keys.json opens them, and call.wav may hold them.
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


def _cue_time(offset_us: int) -> str:
    seconds, milliseconds = divmod(max(0, offset_us) // 1_000, 1_000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{milliseconds:03}"


def _cue_text(text: str) -> str:
    """One line: an empty line would end the cue, an angle bracket open a tag."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.split())
