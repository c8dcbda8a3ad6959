"""Claims about the file that sealed chunks stand in, read without anything else."""

import random
from dataclasses import replace

import pytest

from media import segment
from media.segment import Frame

BOOT = "0123456789abcdef"
FRAME = Frame("call-1", "caller", "key_1", 3, 7, 16_000, 96_000, 500)


def chunk(frame: Frame) -> bytes:
    return segment.encode(frame) + random.Random(frame.n).randbytes(frame.length)


def test_a_frame_is_read_as_it_was_written() -> None:
    longest = "k" * segment.NAME_BYTES_MAX
    extreme = Frame(longest, longest, longest, 2**32 - 1, 2**64 - 1, 8_000, 2**64 - 1, 2**32 - 1)
    for frame in (FRAME, extreme):
        data = segment.encode(frame)
        assert len(data) == segment.FRAME_BYTES
        assert segment.decode(data) == frame


@pytest.mark.parametrize(
    "changes",
    [{"call": "c" * 65}, {"key_id": "ü" * 33}, {"epoch": 2**32}, {"n": -1}, {"length": 2**32}],
)
def test_what_has_no_room_in_a_frame_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"chunk|name"):
        segment.encode(replace(FRAME, **changes))  # type: ignore[arg-type]


def test_every_changed_bit_of_a_frame_is_seen() -> None:
    data = segment.encode(FRAME)
    for at in range(8 * len(data)):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        assert segment.decode(bytes(changed)) is None


def test_all_chunks_are_found_in_a_segment_alone() -> None:
    frames = [replace(FRAME, n=n, call=f"call-{n % 2}") for n in range(4)]
    data = segment.header(BOOT, 0) + b"".join(map(chunk, frames))
    found = list(segment.frames(data))
    assert [frame for _, frame in found] == frames
    for begin, frame in found:
        assert data[begin : begin + frame.length] == chunk(frame)[segment.FRAME_BYTES :]


def test_what_was_erased_or_torn_is_passed_over() -> None:
    frames = [replace(FRAME, n=n) for n in range(3)]
    first, second, third = map(chunk, frames)
    torn = third[: segment.FRAME_BYTES + 10]
    data = segment.header(BOOT, 0) + first + bytes(len(second)) + third + segment.FRAME_MAGIC + torn
    assert [frame.n for _, frame in segment.frames(data)] == [0, 2]


def test_noise_holds_no_chunks() -> None:
    noise = random.Random(1).randbytes(10_000) + segment.FRAME_MAGIC * 100
    assert list(segment.frames(noise)) == []


@pytest.mark.parametrize("name", ["x-1.seg", f"{BOOT}.seg", f"{BOOT}-1.seg\n", f"a/{BOOT}-1.seg"])
def test_only_a_segment_has_a_boot(name: str) -> None:
    assert segment.boot_of(segment.path(BOOT, 12)) == BOOT
    assert segment.boot_of(name) is None
