from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from parley import history, record
from parley.telling import told
from runtime.engines import sqlite
from tests.parley.a_call import SECOND_US, agreed, playing, refused

pytestmark = pytest.mark.anyio


@contextmanager
def rows_of(data: Path) -> Iterator[apsw.Connection]:
    rows = sqlite.open_reader(data / "parley.db")
    yield rows
    rows.close()


async def test_a_record_tells_the_whole_call(tmp_path: Path) -> None:
    call = await agreed(tmp_path)
    with rows_of(tmp_path) as rows:
        found = record.record(rows, call.keys.key, call.call)
    assert found["call"]["state"] == "sealed"
    granted = [event["scope"] for event in found["consent"] if event["state"] == "granted"]
    assert granted == ["recording", "transcript_retention"]
    assert [one["heard"] is not None for one in found["prompts"]] == [True]
    said = [(one["party"], one["text"], one["kind"]) for one in found["transcript"]]
    assert said == [
        ("caller", "book an appointment", "grammar"),
        ("caller", "on monday please", "dictation"),
    ]
    (action,) = found["actions"]
    assert (action["tool"], action["args"]) == ("book", {"day": "Monday"})
    assert (action["state"], action["result"]) == ("finished", "reference 4 8 2 1")
    assert (found["recording"]["chunks"], found["recording"]["seconds"]) == (4, 2.0)


async def test_words_whose_key_was_destroyed_are_erased(tmp_path: Path) -> None:
    call = await agreed(tmp_path)
    call.keys.destroy(call.words_key)
    with rows_of(tmp_path) as rows:
        found = record.record(rows, call.keys.key, call.call)
    assert [(one["text"], one["erased"]) for one in found["transcript"]] == [(None, True)] * 2
    (action,) = found["actions"]
    assert (action["args"], action["result"], action["erased"]) == (None, None, True)


async def test_who_called_is_erased_by_a_key_of_its_own(tmp_path: Path) -> None:
    call = await agreed(tmp_path)
    with rows_of(tmp_path) as rows:
        before = record.record(rows, call.keys.key, call.call)["call"]
        call.keys.destroy(call.caller_key)
        found = record.record(rows, call.keys.key, call.call)
        (listed,) = record.calls(rows, call.keys.key)
    assert (before["remote"], before["erased"]) == ("sip:anna@example.org", False)
    for after in (found["call"], listed):
        assert (after["remote"], after["local"], after["erased"]) == (None, None, True)
    assert found["transcript"][0]["text"] == "book an appointment"
    assert any("from [erased" in line for line in told(found))


async def test_a_call_nobody_agreed_to_record_has_no_recording(tmp_path: Path) -> None:
    call = await refused(tmp_path)
    with rows_of(tmp_path) as rows:
        found = record.record(rows, call.keys.key, call.call)
    assert found["recording"] is None
    assert found["call"]["forgotten"]


async def test_the_past_is_what_it_was(tmp_path: Path) -> None:
    call = await agreed(tmp_path)
    past = history.entries(tmp_path / "parley.db", until_seq=call.seqs["consent_answered"] - 1)
    found = record.record(history.rebuild(past), call.keys.key, call.call)
    assert found["call"]["state"] == "answered"
    assert [event["state"] for event in found["consent"]][-1] == "asked"
    assert (found["recording"], found["transcript"]) == (None, [])


async def test_calls_come_newest_first_and_live_ones_alone(tmp_path: Path) -> None:
    first = await agreed(tmp_path, "call_a1")
    second = await playing(tmp_path, "call_b2", first.now_us + SECOND_US)
    await second.ring()
    key = second.keys.key
    with rows_of(tmp_path) as rows:
        assert [call["id"] for call in record.calls(rows, key)] == ["call_b2", "call_a1"]
        assert [call["recorded"] for call in record.calls(rows, key)] == [False, True]
        assert [call["id"] for call in record.calls(rows, key, live=True)] == ["call_b2"]
    await second.store.close()


async def test_a_call_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    await agreed(tmp_path, "call_a1")
    await refused(tmp_path, "call_a2", 1_800_000_000_000_000)
    with rows_of(tmp_path) as rows:
        assert record.find(rows, "call_a1").id == "call_a1"
        assert record.find(rows, "last").id == "call_a2"
        with pytest.raises(record.NoSuchCall, match="2 calls begin with 'call_a'"):
            record.find(rows, "call_a")
        with pytest.raises(record.NoSuchCall, match="the nearest is call_a2"):
            record.find(rows, "call_a23")
        with pytest.raises(record.NoSuchCall):
            record.find(rows, "")
