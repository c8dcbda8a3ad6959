"""The audio of a spoken yes: kept in the commit that grants, or not at all."""

import struct
from dataclasses import dataclass

import numpy as np

from consent.machine import Event, State
from consent.story import CALLER
from consent.tables import ConsentClip, ConsentEvent
from media.codecs.g711 import ULAW_ENCODE
from runtime import Context, Refused, Sealed

CLIP_MS_MAX = 6_000
"""An answer is shorter; of what is longer the end is kept."""

RATES = (8_000, 16_000)
SAMPLE_BYTES = 2

MULAW = 7
"""WAVE_FORMAT_MULAW, RFC 2361."""

WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
CLIP_BYTES_MAX = WAV_HEADER.size + CLIP_MS_MAX * max(RATES) // 1_000


@dataclass(frozen=True, slots=True)
class Clip:
    """A sealed clip, under a key of its own, and how long it sounds."""

    sealed: Sealed[bytes]
    duration_ms: int


def prepared(pcm: bytes, rate: int, from_ms: int = 0) -> tuple[bytes, int]:
    """A WAVE file of G.711 for s16le mono at `rate`, and its length in ms.

    `from_ms`: what came before was said over the question, and is no part of the answer. Raises
    ValueError for a rate that no leg has, and where nothing is left.
    """
    if rate not in RATES:
        raise ValueError(f"a clip has {RATES} samples a second, not {rate}")
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], dtype="<i2")
    kept = samples[max(0, from_ms) * rate // 1_000 :][-CLIP_MS_MAX * rate // 1_000 :]
    if not len(kept):
        raise ValueError("nothing was said after the question")
    payload = ULAW_ENCODE[kept.astype(np.int16).view(np.uint16)].tobytes()
    return _wav(payload, rate), len(kept) * 1_000 // rate


def _wav(payload: bytes, rate: int) -> bytes:
    """RIFF: a format, how many samples, and the samples; padded to whole words."""
    pad = len(payload) % 2
    header = WAV_HEADER.pack(
        *(b"RIFF", WAV_HEADER.size - 8 + len(payload) + pad, b"WAVE"),
        *(b"fmt ", 18, MULAW, 1, rate, rate, 1, 8, 0),
        *(b"fact", 4, len(payload), b"data", len(payload)),
    )
    return header + payload + bytes(pad)


def name_of(prompt: str) -> str:
    """The id of the clip of the answer to a prompt: there is one, as there is one answer."""
    return f"{prompt}/clip"


def kept(ctx: Context, call: str, prompt: str, clip: Clip) -> bool:
    """Keep the clip of the answer to `prompt` where this very commit granted by it.

    Answers whether it did; where not, nothing is kept and the clip's key is to be destroyed.
    """
    events = ctx.table(ConsentEvent).where(call=call, prompt=prompt, event=Event.YES_VOICE)
    granting = [one for one in events if one.state is State.GRANTED and one.at_us == ctx.now]
    if not granting:
        return False
    if not 0 < clip.duration_ms <= CLIP_MS_MAX:
        raise Refused(f"a clip is 1 to {CLIP_MS_MAX} ms long, not {clip.duration_ms}")
    ctx.table(ConsentClip).insert(
        ConsentClip(
            id=name_of(prompt),
            call=call,
            party=CALLER,
            event=granting[0].id,
            clip=clip.sealed,
            duration_ms=clip.duration_ms,
            at_us=ctx.now,
        )
    )
    return True
