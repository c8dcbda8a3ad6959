"""A2: the house dies between a grant and the first sound of it. That is no loss: it is a legal end.

The grant stands, there are 0 s of audio, and the record, the pack and a replay agree about it.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consent.machine import Event
from parley import cli
from recordings.tables import Chunk, Recording, RecordingState
from runtime.store import Store
from sessions.consent_reducers import call_recovered
from tests import asked
from tests.parley.a_call import Playing, playing


async def granted_and_gone(data: Path) -> Playing:
    """They agreed; nothing was sealed when the process died. After it, the line was gone."""
    call = await playing(data)
    await call.ring()
    await call.ask()
    await call.answer(Event.YES_KEY, "dtmf:1")
    await call.store.close()
    call.store = await Store.open(
        data / "parley.db", lambda: call.now_us, lambda size: b"\xee" * size
    )
    await call.act(call_recovered, call=call.call)
    standing = (await asked.standings(call.store, call.call))[asked.RECORDING]
    assert standing.is_open, "what was committed holds"
    (recording,) = await call.store.reader.rows(Recording)
    assert recording.state is RecordingState.OPEN
    await call.hang_up()
    await call.finish()
    assert await call.store.reader.rows(Chunk) == []
    await call.store.close()
    return call


@pytest.mark.slow
def test_a_grant_without_audio_is_legal_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: object) -> str:
        command: list[Any] = [*map(str, words), "--data", str(tmp_path / "data")]
        assert cli.main(command) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    asyncio.run(granted_and_gone(tmp_path / "data"))
    shown = said("show", "last")
    assert "0.0 s in 0 encrypted chunks" in shown
    said("export", "last", "--to", tmp_path / "pack")
    assert cli.main(["verify", str(tmp_path / "pack")]) == 0, capsys.readouterr().out
    assert "identical" in said("replay", "--all")
