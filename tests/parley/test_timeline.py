from pathlib import Path

import pytest

from consent.terms import QUESTION
from consent.wordings import WORDINGS
from parley import timeline
from runtime import replay
from tests.parley.a_call import agreed, refused

pytestmark = pytest.mark.anyio


async def test_a_call_is_told_row_by_row(tmp_path: Path) -> None:
    call = await agreed(tmp_path)
    history = replay.entries(tmp_path / "parley.db")
    told = [one for entry in history for one in timeline.happenings(entry, call.keys.key)]
    assert [(one.who, one.text) for one in told] == [
        ("call", "call offered by sip:anna@example.org"),
        ("call", "call answered"),
        ("consent", "recording, transcript_retention: must be asked first"),
        ("consent", f"asked: {WORDINGS[QUESTION].text}"),
        ("consent", "recording, transcript_retention: heard the question"),
        ("consent", "recording, transcript_retention: agreed (key 1)"),
        ("recording", "recording began"),
        ("caller", "book an appointment"),
        ("caller", "on monday please (dictation, may be wrong)"),
        ("tool", "book(day='Monday')"),
        ("tool", "finished: reference 4 8 2 1"),
        ("call", "call ended by caller"),
        ("recording", "recording is suspended"),
        ("recording", "recording sealed: 4 encrypted chunks"),
        ("call", "record sealed"),
    ]
    assert [one.seq for one in told] == sorted(one.seq for one in told)


async def test_what_was_forgotten_is_not_told(tmp_path: Path) -> None:
    call = await refused(tmp_path)
    history = replay.entries(tmp_path / "parley.db")
    told = [one.text for entry in history for one in timeline.happenings(entry, call.keys.key)]
    assert "asked: [erased: its key is not here]" in told
    assert "recording, transcript_retention: refused (key 2)" in told
    assert told[-1] == "nobody agreed: forgotten"
