"""Card data by keys: taken in by the agent, and in no byte that is kept."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.machine import Event
from consent.tables import ConsentEvent
from conversation.tables import Turn
from parley.caller import CallScript, Press, place
from recordings.tables import Chunk
from tests.interop.searching import forms_of_text, found_in
from tests.interop.server import Server

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

CARD = "4929000000006"
SECOND_US = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("cash"), "tests.interop.cashiers:Cashier")
    yield started
    started.stop()


def assert_verified(server: Server, call: str, folder: Path) -> None:
    """Both verifiers believe its pack."""
    done = server.parley("export", call, "--to", str(folder))
    assert done.returncode == 0, done.stderr
    ours = server.parley_anywhere("verify", str(folder))
    assert ours.returncode == 0, ours.stdout + ours.stderr
    command = ["node", str(folder / "verify.mjs"), str(folder)]
    theirs = subprocess.run(command, capture_output=True, text=True, check=False)
    assert theirs.stdout == "verify: ok\n", theirs.stdout + theirs.stderr


async def test_keys_of_a_secure_capture_are_kept_nowhere(server: Server, tmp_path: Path) -> None:
    steps = (Press("1"), Press("5"), Press(f"{CARD}#"), Press("9"))
    report = await place(CallScript(server.target, steps))
    assert report.completed, report
    (call,) = server.sealed(set())
    assert server.ledger.read_text() == f"{len(CARD)} digits, {CARD[-1]} the last\n"

    # Not in the log, the rows, the write-ahead log, what the server printed, or the recording.
    assert found_in(server.data.parent, forms_of_text(CARD)) == []
    assert found_in(server.data.parent, forms_of_text(call["id"])) != []
    turns = server.rows(Turn, call=call["id"])
    pressed = [turn for turn in turns if turn.cause == "dtmf"]
    assert len(pressed) == 2

    events = server.rows(ConsentEvent, call=call["id"], scope="recording")
    began, ended = (
        next(one.at_us for one in events if one.event is event)
        for event in (Event.CAPTURE_BEGAN, Event.CAPTURE_ENDED)
    )
    chunks = server.rows(Chunk, call=call["id"])
    spans = [
        (one.captured_from_us, one.captured_from_us + one.samples * SECOND_US // one.rate)
        for one in chunks
    ]
    assert [span for span in spans if span[0] < ended and span[1] > began] == []
    assert min(span[0] for span in spans) < began < ended < max(span[1] for span in spans)
    assert_verified(server, call["id"], tmp_path / "pack")


async def test_who_stops_the_recording_is_not_recorded_from_then_on_and_may_start_it_again(
    server: Server, tmp_path: Path
) -> None:
    before = {call["id"] for call in server.calls()}
    steps = (Press("1"), Press("*9"), Press("*1"), Press("1"), Press("9"))
    report = await place(CallScript(server.target, steps))
    assert report.completed, report
    (call,) = server.sealed(before)
    events = server.rows(ConsentEvent, call=call["id"], scope="recording")
    states = list(dict.fromkeys(str(one.state) for one in events))
    assert states == [
        *("unresolved", "ask_due", "asked", "granted", "withdrawn", "closed"),
    ]
    granted = [one.at_us for one in events if one.event is Event.YES_KEY]
    (withdrawn,) = [one.at_us for one in events if one.event is Event.WITHDRAWN]
    chunks = server.rows(Chunk, call=call["id"])
    keys = [
        {one.key_id for one in chunks if one.captured_from_us < withdrawn},
        {one.key_id for one in chunks if one.captured_from_us >= withdrawn},
    ]
    assert len(granted) == 2
    assert keys[0].isdisjoint(keys[1]) and all(keys)
    late = [one for one in chunks if withdrawn <= one.captured_from_us < granted[1]]
    assert late == []
    sealed_later = [one for one in chunks if one.captured_from_us < withdrawn < one.at_us]
    assert sealed_later == []
    assert_verified(server, call["id"], tmp_path / "pack")
