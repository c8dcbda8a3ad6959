import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext

from media.codecs import CODECS, PAYLOAD_MS_MAX, Codec
from media.codecs.opus import duration_us
from media.units import Samples
from tests.media.voices import best_snr_db, voiced

WIDE = ["G722", "opus"]
HOSTILE_PAYLOADS = 3_000


def packets(codec: Codec, sound: Samples) -> list[bytes]:
    encoder, frame = codec.encoder(), codec.frame_samples
    return [encoder.encode(sound[s : s + frame]) for s in range(0, len(sound), frame)]


def decoded(codec: Codec, payloads: list[bytes]) -> Samples:
    decoder = codec.decoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


def opus_of_a_stranger(sound: Samples, layout: str, ms: str) -> list[bytes]:
    """What a telephone that knows nothing of us sends, at 48 kHz."""
    context = AudioCodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, layout, "s16"
    context.options = {"frame_duration": ms, "application": "audio"}
    step = int(48 * float(ms))
    payloads: list[bytes] = []
    for start in range(0, len(sound) - step + 1, step):
        piece = np.repeat(sound[start : start + step], 2 if layout == "stereo" else 1)
        frame = AudioFrame.from_ndarray(piece[None], format="s16", layout=layout)
        frame.sample_rate, frame.pts = 48_000, start
        payloads += [bytes(packet) for packet in context.encode(frame)]
    return payloads


def test_sdp_is_told_what_the_rfcs_say() -> None:
    assert {codec.rtpmap: codec.payload_type for codec in CODECS.values()} == {
        "PCMU/8000": 0,
        "PCMA/8000": 8,
        "G722/8000": 9,
        "opus/48000/2": 111,
    }
    assert all(name == codec.name for name, codec in CODECS.items())


@pytest.mark.parametrize(
    ("name", "frame_samples", "frame_ticks"),
    [("PCMU", 160, 160), ("PCMA", 160, 160), ("G722", 320, 160), ("opus", 320, 960)],
)
def test_a_frame_of_20_ms_in_samples_and_in_rtp_time(
    name: str, frame_samples: int, frame_ticks: int
) -> None:
    codec = CODECS[name]
    assert (codec.frame_samples, codec.frame_ticks) == (frame_samples, frame_ticks)
    assert codec.samples(frame_ticks) == frame_samples
    assert codec.ticks(frame_samples) == frame_ticks
    sound = voiced(codec.rate, 200)
    assert [len(codec.decode(p)) for p in packets(codec, sound)] == [frame_samples] * 10


# Opus keeps no waveform: at 24 kbit/s it is asked for the sound, not for the samples.
@pytest.mark.parametrize(
    ("name", "snr_db_min", "delay_max"),
    [("PCMU", 30, 1), ("PCMA", 30, 1), ("G722", 25, 40), ("opus", 6, 200)],
)
def test_speech_comes_through(name: str, snr_db_min: int, delay_max: int) -> None:
    codec = CODECS[name]
    sound = voiced(codec.rate, 2_000)
    heard = decoded(codec, packets(codec, sound))
    assert len(heard) == len(sound)
    _, snr = best_snr_db(sound, heard, delay_max)
    assert snr > snr_db_min


def test_opus_keeps_to_its_bit_rate() -> None:
    payloads = packets(CODECS["opus"], voiced(16_000, 4_000))
    assert 12_000 < sum(map(len, payloads)) * 8 / 4 < 30_000


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
@pytest.mark.parametrize("ms", [1, 5, 10, 15, 30, 60])
def test_a_packet_of_any_length_is_decoded(name: str, ms: int) -> None:
    codec = CODECS[name]
    stream = b"".join(packets(codec, voiced(codec.rate, 600)))
    pieces = [stream[n : n + 8 * ms] for n in range(0, len(stream), 8 * ms)]
    assert np.array_equal(
        decoded(codec, pieces), decoded(codec, packets(codec, voiced(codec.rate, 600)))
    )


@pytest.mark.parametrize("ms", ["2.5", "5", "10", "20", "40", "60"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_opus_of_any_frame_length_and_bandwidth_is_decoded(ms: str, layout: str) -> None:
    payloads = opus_of_a_stranger(voiced(48_000, 600), layout, ms)
    assert {duration_us(payload) for payload in payloads} == {int(float(ms) * 1_000)}
    heard = decoded(CODECS["opus"], payloads)
    assert len(heard) == 9_600
    assert best_snr_db(voiced(16_000, 600)[:9_000], heard, 300)[1] > 6


def test_several_opus_frames_in_a_packet_are_decoded() -> None:
    first, second = opus_of_a_stranger(voiced(48_000, 100), "mono", "20")[2:4]
    # RFC 6716 section 3.2.5: code 3, variable lengths, two frames.
    length = len(first) - 1
    coded = bytes([length]) if length < 252 else bytes([252 + length % 4, (length - 252) // 4])
    payload = bytes([first[0] | 3, 0x82]) + coded + first[1:] + second[1:]
    assert len(CODECS["opus"].decode(payload)) == 640


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("G722", b""),
        ("G722", bytes(8 * PAYLOAD_MS_MAX + 1)),
        ("opus", b""),
        ("opus", b"\x03"),  # Many frames, but how many?
        ("opus", b"\x03\x00"),  # None.
        ("opus", b"\x1b\x02\x00\x00"),  # Twice 60 ms.
        ("opus", b"\x0b\x3f" + bytes(100)),  # 63 frames of 20 ms.
        ("opus", b"\x09" + bytes(3)),  # Two frames of one size in three octets.
        ("opus", bytes(2_000)),
    ],
)
def test_what_is_no_payload_is_a_value_error_and_the_stream_goes_on(
    name: str, payload: bytes
) -> None:
    codec = CODECS[name]
    decoder, payloads = codec.decoder(), packets(codec, voiced(codec.rate, 100))
    decoder.decode(payloads[0])
    with pytest.raises(ValueError, match=r"G\.722|Opus|opus"):
        decoder.decode(payload)
    assert len(decoder.decode(payloads[1])) == codec.frame_samples


@pytest.mark.parametrize("name", CODECS)
def test_hostile_payloads_are_decoded_or_refused(name: str) -> None:
    random, codec = Random(4711), CODECS[name]
    decoder, longest = codec.decoder(), codec.rate * PAYLOAD_MS_MAX // 1_000
    good = packets(codec, voiced(codec.rate, 200))
    for n in range(HOSTILE_PAYLOADS):
        payload = bytearray(
            random.choice(good) if n % 2 else random.randbytes(random.randint(0, 500))
        )
        if n % 2:
            payload[random.randrange(len(payload))] ^= 1 << random.randrange(8)
            del payload[random.randint(1, len(payload)) :]
        try:
            assert len(decoder.decode(bytes(payload))) <= max(longest, len(payload))
        except ValueError:
            continue
    assert len(decoder.decode(good[0])) == codec.frame_samples


@pytest.mark.parametrize("name", WIDE)
def test_a_stream_starts_no_threads(name: str) -> None:
    codec = CODECS[name]
    codec.encoder()
    before = {task.name for task in Path("/proc/self/task").iterdir()}
    streams = [(codec.encoder(), codec.decoder()) for _ in range(20)]
    for encoder, decoder in streams:
        decoder.decode(encoder.encode(voiced(codec.rate, 20)))
    # Those of other tests may end meanwhile.
    assert {task.name for task in Path("/proc/self/task").iterdir()} <= before


def test_a_process_that_only_serves_g711_does_not_load_pyav() -> None:
    program = (
        "import sys; from media.codecs import CODECS; CODECS['PCMA'].decoder().decode(b'12');"
        "assert 'av' not in sys.modules; CODECS['G722'].decoder(); assert 'av' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
