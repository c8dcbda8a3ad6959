"""Claims about a recording as it sounds: to the sample, and a second at a time."""

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from recordings import playing, vault
from recordings.audio_files import write_opus, write_wav
from recordings.heard import Silence, Vault, Why, joined, silences
from recordings.playing import Span
from recordings.vault import Chunk
from runtime.keystore import KeyDestroyed
from tests.recordings.call import GRANTED_US, KEYS, SECOND_US, Call, granted, honest

RATE = 8_000


def chunk(n: int, first: int, *, party: str = "caller", epoch: int = 1, rate: int = RATE) -> Chunk:
    return Chunk("c", party, epoch, n, f"key-{party}", first, rate, "", 0, 0, 0, "x", 0, rate)


def pcm_of(value: int, rate: int = RATE) -> bytes:
    return np.full(rate, value, np.int16).tobytes()


def key(key_id: str) -> bytes:
    if key_id not in KEYS:
        raise KeyDestroyed(key_id)
    return KEYS[key_id]


def stored(call: Call, tmp_path: Path) -> Vault:
    call.store(tmp_path / "recordings")
    return Vault(tmp_path / "recordings", key)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_it_sounds_as_the_track_of_an_evidence_pack(tmp_path: Path, rate: int) -> None:
    call = granted()
    for n in (0, 1, 3):
        captured_us = GRANTED_US + n * SECOND_US + 12_345
        call.record("caller", 1, n, captured_us, captured_us, rate=rate if n else 8_000)
        call.record("agent", 1, n, captured_us, captured_us)
    pack = call.write(tmp_path)
    span = playing.whole(call.chunks)
    file = io.BytesIO()
    read = Vault(tmp_path / "recordings", key).read
    write_wav(file, playing.stereo(call.chunks, read, span), span, 2)
    assert file.getvalue() == (pack / "data" / "call.wav").read_bytes()


def test_chunks_are_opened_when_they_are_due_and_forgotten_after() -> None:
    opened: list[int] = []

    def read(one: Chunk) -> bytes:
        opened.append(one.n)
        return pcm_of(one.n)

    chunks = [chunk(n, n * RATE + 100) for n in range(8 * 3_600 - 1)]
    blocks = playing.mono(chunks, read, playing.whole(chunks))
    for second in range(100):
        block = np.frombuffer(next(blocks), np.int16)
        assert set(block[:100]) == ({second - 1} if second else {0})
        assert set(block[100:]) == {second}
    assert opened == list(range(100))


def test_where_chunks_meet_the_later_epoch_is_heard() -> None:
    chunks = [chunk(0, 0, epoch=2), chunk(1, RATE // 2, epoch=1)]
    pcm = b"".join(playing.mono(chunks, lambda one: pcm_of(one.epoch), playing.whole(chunks)))
    samples = np.frombuffer(pcm, np.int16)
    assert len(samples) == RATE + RATE // 2
    assert list(np.flatnonzero(np.diff(samples))) == [RATE - 1]


def test_a_call_longer_than_a_call_is_refused() -> None:
    far = chunk(0, vault.TRACK_S_MAX * RATE + 1)
    with pytest.raises(vault.VaultError, match="longer"):
        playing.whole([far])


def test_what_was_recorded_begins_with_its_first_sample() -> None:
    chunks = [chunk(1, 9_000), chunk(0, 2 * 4_321, party="agent", rate=16_000)]
    assert playing.recorded(chunks) == Span(8_642, 34_000, 16_000)
    assert playing.recorded([]) == Span(0, 0, RATE)


def tone(span: Span, begin: int, channels: int = 2) -> list[bytes]:
    """Silence, but for a tone of 20 ms on the left from `begin` on; in blocks of a second."""
    sound = np.zeros((span.end, channels), np.int16)
    length = span.rate // 50
    sound[begin : begin + length, 0] = 12_000 * np.sin(np.arange(length) * 2 * np.pi / 8)
    return [sound[one:other].tobytes() for one, other in span.blocks()]


def decoded(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Channels by samples, at 48 kHz."""
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)


@pytest.mark.parametrize(
    ("rate", "samples"), [(8_000, 26_667), (16_000, 48_001), (8_000, 8_000), (16_000, 401)]
)
def test_opus_is_as_long_as_the_recording_to_the_sample(rate: int, samples: int) -> None:
    span, file = Span(0, samples, rate), io.BytesIO()
    write_opus(file, tone(span, 0), span, 2)
    assert decoded(file.getvalue()).shape == (2, samples * 48_000 // rate)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_is_heard_in_opus_is_heard_in_its_place_and_on_its_side(rate: int) -> None:
    span, file, begin = Span(0, 3 * rate, rate), io.BytesIO(), 2 * rate + 123
    write_opus(file, tone(span, begin), span, 2)
    left, right = np.abs(decoded(file.getvalue()))
    loud = np.flatnonzero(left > 0.1)
    expected = begin * 48_000 // rate
    assert abs(int(loud[0]) - expected) < 48
    assert abs(int(loud[-1]) - expected - 960) < 96
    assert right.max() < 0.1


def test_the_same_recording_is_the_same_file() -> None:
    span = Span(0, 9_000, RATE)
    one, other = io.BytesIO(), io.BytesIO()
    for file in (one, other):
        write_opus(file, tone(span, 500, 1), span, 1)
    assert one.getvalue() == other.getvalue()
    assert one.getvalue().startswith(b"OggS")


def test_a_wav_says_how_long_it_is() -> None:
    span, file = Span(1_000, 9_001, RATE), io.BytesIO()
    write_wav(file, playing.mono([], lambda _: None, span), span, 1)
    file.seek(0)
    with wave.open(file) as read:
        assert (read.getnframes(), read.getnchannels(), read.getframerate()) == (8_001, 1, RATE)


def test_silence_says_why(tmp_path: Path) -> None:
    call = granted()
    for epoch, n, second in ((1, 0, 0), (1, 1, 2), (2, 2, 4)):
        begun_us = GRANTED_US + second * SECOND_US
        call.record("caller", epoch, n, begun_us, begun_us)
    opened = stored(call, tmp_path)
    second = 16_000
    agent = Silence("agent", 2 * second, 7 * second, Why.NOT_SEALED)
    assert joined(silences(call.chunks, opened)) == [
        agent,
        Silence("caller", 3 * second, 4 * second, Why.NOT_SEALED),
        Silence("caller", 5 * second, 6 * second, Why.GATE_CLOSED),
    ]


def test_a_call_without_gaps_has_no_silences(tmp_path: Path) -> None:
    call = honest()
    assert joined(silences(call.chunks, stored(call, tmp_path))) == []


def test_what_will_not_open_is_silent_and_named(tmp_path: Path) -> None:
    call = honest()
    first = call.chunks[0]
    call.ciphertexts[first.name] = b"x" * first.bytes
    opened = stored(call, tmp_path)
    span = playing.recorded(call.chunks)
    caller = [one for one in call.chunks if one.party == "caller"]
    left = list(playing.mono(caller, opened.read, span))
    assert (any(left[0]), any(left[1])) == (False, True)
    assert opened.unreadable == {first.name}
    assert [one.why for one in silences(call.chunks, opened)] == [Why.UNREADABLE]


def test_what_was_erased_is_silent_and_not_called_damaged(tmp_path: Path) -> None:
    call = honest()
    call.store(tmp_path / "recordings")
    opened = Vault(tmp_path / "recordings", lambda key_id: key(key_id.replace("caller", "none")))
    assert [opened.read(one) for one in call.chunks if one.party == "caller"] == [None, None]
    assert opened.unreadable == set()
    (gap,) = joined(silences(call.chunks, opened))
    assert (gap.party, gap.why) == ("caller", Why.ERASED)
