"""With two media processes: one of them is killed in mid-call, or the node is; the calls go on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from parley.caller import CallEvent, CallReport, CallScript, Press, place
from tests.interop.agents import BOOK_KEY, BOOKED
from tests.interop.server import Server
from tests.interop.speech import agent_speech
from tests.listening import load, share, voiced

pytestmark = [
    pytest.mark.interop,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.anyio,
    pytest.mark.timeout(180),
]

AGREED = "1"
KILL_AFTER_S = 2.0
"""After the key: the agent thanks for the consent, and is recorded."""
HEARD = 0.9
"""Of what is said after it, piece by piece: on a busy machine a piece may come 20 ms later."""
UNTOUCHED_GAP_MS_MAX = 60
TAKEN_OVER_GAP_MS_MAX = 500
"""The spare is told to go, asks the node, and opens its legs; on a busy machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path, media="processes = 2")
    yield started
    started.stop()


def epochs(server: Server) -> list[tuple[int, int]]:
    """Each call's media process, and how often its recording was begun: once for each process."""
    store = apsw.Connection(str(server.data / "parley.db"), flags=apsw.SQLITE_OPEN_READONLY)
    query = "SELECT process, epoch FROM leg JOIN recording USING (id) ORDER BY process"
    found = [(int(process), int(epoch)) for process, epoch in store.execute(query)]
    store.close()
    return found


async def called(server: Server, save: Path, *, kills: str | None = None) -> CallReport:
    """A whole call, in which that process dies."""
    loop = asyncio.get_running_loop()

    def told(event: CallEvent) -> None:
        agreed = (event.name, event.detail) == ("pressing", AGREED)
        if agreed and kills is not None:
            loop.call_later(KILL_AFTER_S, server.kill, kills)

    script = CallScript(server.target, (Press(AGREED), Press(BOOK_KEY)), save=save)
    return await place(script, on_event=told)


@pytest.mark.parametrize("killed", ["media", "media-1", "node"])
async def test_only_the_calls_of_the_process_that_dies_notice_and_they_go_on(
    server: Server, tmp_path: Path, killed: str
) -> None:
    before = server.pids()
    saved = [tmp_path / "0.wav", tmp_path / "1.wav"]
    # One call for each: a new one goes where the fewest are.
    reports = await asyncio.gather(called(server, saved[0]), called(server, saved[1], kills=killed))
    after = server.pids()
    assert {role for role, pid in before.items() if after[role] != pid} == {killed}
    calls = server.sealed(set())
    assert epochs(server) == [
        (0, 2 if killed == "media" else 1),
        (1, 2 if killed == "media-1" else 1),
    ]
    print(f"longest gaps: {[report.longest_gap_ms for report in reports]} ms")
    for report, heard in zip(reports, saved, strict=True):
        assert report.completed, report
        assert report.ended == "the far side hung up"
        assert share(voiced(agent_speech(BOOKED)), load(heard)) > HEARD
    gaps = sorted(report.longest_gap_ms for report in reports)
    assert gaps[0] <= UNTOUCHED_GAP_MS_MAX
    assert gaps[1] <= (UNTOUCHED_GAP_MS_MAX if killed == "node" else TAKEN_OVER_GAP_MS_MAX)
    for call in calls:
        folder = tmp_path / "packs" / call["id"]
        exported = server.parley("export", call["id"], "--to", str(folder))
        assert exported.returncode == 0, exported.stderr
        verified = server.parley_anywhere("verify", str(folder))
        assert verified.returncode == 0, verified.stdout + verified.stderr
