"""Claims about what is taken out of segments, while they grow and after their process died."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from media import segment
from media.appending import ALIVE, Appender
from media.segment import FRAME_BYTES, HEADER_BYTES, Frame
from recordings import segments
from recordings.segments import Range

ROOT = Path(__file__).parents[2]
BOOT, OTHER_BOOT = "0123456789abcdef", "fedcba9876543210"
PATH = segment.path(BOOT, 0)
SIZE = 20_000
LATER_US = 2**60


def chunk(call: str, n: int) -> bytes:
    """A frame and what may be its ciphertext."""
    frame = Frame(call, "caller", "key", 1, n, 8_000, 8_000 * n, SIZE)
    return segment.encode(frame) + random.Random(f"{call}{n}").randbytes(SIZE)


def laid(recordings: Path, *calls: str) -> list[Range]:
    """A segment of a dead process, with a chunk of each of these calls; where they lie."""
    data = segment.header(BOOT, 0) + b"".join(chunk(call, n) for n, call in enumerate(calls))
    (recordings / PATH).write_bytes(data)
    return [Range(PATH, begin, frame.length) for begin, frame in segment.frames(data)]


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.fixture(params=["holes", "zeros"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With a file system that can punch holes, and one that cannot."""
    if request.param == "zeros":
        monkeypatch.setattr(segments, "_fallocate", None)
    yield request.param


def test_a_chunk_that_was_erased_is_gone_with_its_frame_and_no_other(
    tmp_path: Path, way: str
) -> None:
    one, two, three = laid(tmp_path, "a", "b", "a")
    before = (tmp_path / PATH).read_bytes()
    segments.erase(tmp_path, [one, three])
    after = (tmp_path / PATH).read_bytes()
    assert len(after) == len(before)
    assert [frame.call for _, frame in segment.frames(after)] == ["b"]
    assert segments.read(tmp_path, one) is None and segments.read(tmp_path, three) is None
    assert segments.read(tmp_path, two) == before[two.offset :][: two.bytes]
    assert after[HEADER_BYTES : two.offset - FRAME_BYTES].strip(b"\0") == b""
    assert after[:HEADER_BYTES] == before[:HEADER_BYTES]
    if way == "holes":
        assert blocks(tmp_path / PATH) < 2 * SIZE
    segments.erase(tmp_path, [one, three])
    assert (tmp_path / PATH).read_bytes() == after


def test_what_is_not_there_needs_no_erasing(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "caller-1-0.chunk").write_bytes(b"as before")
    alone = Range("c/caller-1-0.chunk", 0, 9)
    for _ in range(2):
        segments.erase(tmp_path, [alone, Range(PATH, 1_000, 10)])
    assert segments.read(tmp_path, alone) is None
    assert segments.read(tmp_path, Range(PATH, 1_000, 10)) is None


def test_a_chunk_is_erased_from_a_segment_that_grows(tmp_path: Path) -> None:
    appender = Appender(tmp_path, BOOT)
    data = chunk("a", 0)
    path, first = appender.append(memoryview(data))
    segments.erase(tmp_path, [Range(path, first + FRAME_BYTES, SIZE)])
    _, second = appender.append(memoryview(data))
    appender.close()
    assert (tmp_path / path).read_bytes()[second:] == data
    assert [begin for begin, _ in segment.frames((tmp_path / path).read_bytes())] == [
        second + FRAME_BYTES
    ]


def test_only_what_rows_name_stays_in_the_segment_of_a_dead_process(
    tmp_path: Path, way: str
) -> None:
    one, two, three, four = laid(tmp_path, "a", "b", "c", "d")
    kept = [segments.read(tmp_path, each) for each in (one, three)]
    swept = segments.sweep(tmp_path, PATH, [three, one])
    assert (swept.gone, swept.done) == (2 * (FRAME_BYTES + SIZE), True)
    assert [segments.read(tmp_path, each) for each in (one, three)] == kept
    assert segments.read(tmp_path, two) is None and segments.read(tmp_path, four) is None
    assert (tmp_path / PATH).stat().st_size == three.offset + three.bytes
    calls = [frame.call for _, frame in segment.frames((tmp_path / PATH).read_bytes())]
    assert calls == ["a", "c"]
    if way == "holes":
        assert blocks(tmp_path / PATH) < 3 * SIZE
    assert segments.sweep(tmp_path, PATH, [three, one]) == (0, True)


def test_a_torn_tail_goes(tmp_path: Path) -> None:
    one, two = laid(tmp_path, "a", "b")
    os.truncate(tmp_path / PATH, two.offset + 100)
    assert segments.sweep(tmp_path, PATH, [one]).gone == FRAME_BYTES + 100
    assert (tmp_path / PATH).stat().st_size == one.offset + one.bytes


def test_a_segment_of_which_no_row_names_anything_is_deleted(tmp_path: Path) -> None:
    laid(tmp_path, "a", "b")
    assert segments.sweep(tmp_path, PATH, []).done
    assert list(tmp_path.iterdir()) == []


def test_chunks_of_a_call_that_records_wait_for_their_rows(tmp_path: Path) -> None:
    one, two, three = laid(tmp_path, "a", "b", "c")
    swept = segments.sweep(tmp_path, PATH, [one], recording={"c"})
    assert (swept.gone, swept.done) == (FRAME_BYTES + SIZE, False)
    assert segments.read(tmp_path, two) is None
    assert segments.read(tmp_path, three) == chunk("c", 2)[FRAME_BYTES:]
    assert not segments.sweep(tmp_path, PATH, [], recording={"c", "x"}).done
    assert segments.read(tmp_path, one) is None
    assert segments.read(tmp_path, three) == chunk("c", 2)[FRAME_BYTES:]
    assert segments.sweep(tmp_path, PATH, []).done


def test_the_segments_of_a_living_process_are_nobodys_to_sweep(tmp_path: Path) -> None:
    living = Appender(tmp_path, BOOT, bytes_max=1)
    for n in range(3):
        living.append(memoryview(chunk("a", n)))
    dead = Appender(tmp_path, OTHER_BOOT)
    dead.append(memoryview(chunk("b", 0)))
    assert segments.abandoned(tmp_path, LATER_US) == []
    dead.close()
    assert segments.abandoned(tmp_path, before_us=0) == []
    assert segments.abandoned(tmp_path, LATER_US) == [segment.path(OTHER_BOOT, 0)]
    assert [path.name for path in tmp_path.glob(f"*{ALIVE}")] == [f"{BOOT}{ALIVE}"]
    assert segments.abandoned(tmp_path, LATER_US) == [segment.path(OTHER_BOOT, 0)]
    living.close()
    assert len(segments.abandoned(tmp_path, LATER_US)) == 4
    assert list(tmp_path.glob(f"*{ALIVE}")) == []


def test_other_files_are_not_taken_for_segments(tmp_path: Path) -> None:
    for name in ("notes.seg", f"{BOOT}-1.seg.old", "x.chunk"):
        (tmp_path / name).touch()
    assert segments.abandoned(tmp_path, LATER_US) == []
    assert segments.abandoned(tmp_path / "none", LATER_US) == []


APPENDING = """
import sys
from pathlib import Path
from media.appending import Appender
appender = Appender(Path(sys.argv[1]), sys.argv[2])
print(*appender.append(memoryview(b"x" * 1_000)), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_killed_process_lets_go_of_its_segments(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", APPENDING, str(tmp_path), BOOT]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, text=True, stdin=pipe, stdout=pipe) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == f"{PATH} {HEADER_BYTES}\n"
        assert segments.abandoned(tmp_path, time.time_ns()) == []
        victim.send_signal(signal.SIGKILL)
    assert segments.abandoned(tmp_path, time.time_ns()) == [PATH]
