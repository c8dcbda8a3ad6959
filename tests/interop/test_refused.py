"""A caller who refuses leaves nothing of what they said."""

import base64
from pathlib import Path

import numpy as np
import pytest

from media.codecs import CODECS, G711
from media.units import SAMPLES_PER_MS, Samples, from_pcm, pcm
from parley.caller import CallScript, Press, Say, place, script
from tests.interop.agents import BOOK_KEY
from tests.interop.searching import forms, found_in
from tests.interop.server import Server

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

PHRASE = "The marmalade rhinoceros prefers a violet accordion"
SNIPPET_BYTES = 64
SNIPPETS = 40
VOICED_ABS_MEAN = 800
RARE_WORD_LETTERS = 9


def of_words(phrase: str) -> list[bytes]:
    """The phrase, and each word of it that nobody else says."""
    rare = [word for word in phrase.split() if len(word) >= RARE_WORD_LETTERS]
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    return [
        form
        for text in (phrase, phrase.lower(), *rare)
        for encoding in encodings
        for form in forms(text.encode(encoding))
        if len(form) >= RARE_WORD_LETTERS - 4
    ]


def of_audio(samples: Samples) -> list[bytes]:
    """Snippets from loud places, as PCM and in both laws, before and after coding."""
    wanted: list[bytes] = []
    for codec in G711.values():
        coded = codec.encode(samples)
        for start in voiced_places(samples):
            wanted += forms(coded[start : start + SNIPPET_BYTES])
            wanted += forms(pcm(codec.decode(coded)[start : start + SNIPPET_BYTES // 2]))
    for start in voiced_places(samples):
        wanted += forms(pcm(samples[start : start + SNIPPET_BYTES // 2]))
    return wanted


def voiced_places(samples: Samples) -> list[int]:
    """Starts of snippets without silence in them, spread over all of it."""
    windows = np.lib.stride_tricks.sliding_window_view(np.abs(samples.astype(int)), SNIPPET_BYTES)
    loud = np.flatnonzero(windows.mean(axis=1) > VOICED_ABS_MEAN)
    return [int(start) for start in loud[:: max(1, len(loud) // SNIPPETS)]]


async def test_a_refused_call_leaves_no_audio_and_no_words(server: Server) -> None:
    phrase = script.text(PHRASE)
    steps = (Press("2"), phrase, Say(phrase.audio, "again"), Press(BOOK_KEY))
    report = await place(CallScript(server.target, steps))
    assert report.completed, report
    (call,) = server.sealed(set())
    samples = from_pcm(phrase.audio)
    assert len(voiced_places(samples)) >= SNIPPETS
    assert found_in(server.data.parent, [*of_words(PHRASE), *of_audio(samples)]) == []
    shown = server.shown(call["id"])
    assert shown["recording"] is None
    assert [said for said in shown["transcript"] if said["party"] == "caller"] == []
    assert [path for end in ("chunk", "seg") for path in server.data.rglob(f"*.{end}")] == []


@pytest.mark.parametrize("lead", range(3))
def test_what_was_kept_would_be_found(tmp_path: Path, lead: int) -> None:
    samples = from_pcm(script.text(PHRASE).audio)
    start = 160 * (len(samples) // 320)
    heard = CODECS["PCMU"].decode(CODECS["PCMU"].encode(samples))
    second = pcm(heard[start : start + 1_000 * SAMPLES_PER_MS])
    (tmp_path / "audio").write_bytes(base64.b64encode(bytes(lead) + second))
    (tmp_path / "words").write_bytes(base64.b64encode(bytes(lead) + PHRASE.encode("utf-16-le")))
    (tmp_path / "law").write_bytes(bytes(lead) + CODECS["PCMU"].encode(samples))
    assert len(found_in(tmp_path, of_audio(samples))) == 2
    assert found_in(tmp_path, of_words(PHRASE)) == [str(tmp_path / "words")]
