"""Erasure from the request to the last byte, holds against it, and what is left afterwards."""

from pathlib import Path

import pytest

from parley import history, record
from parley.telling import told
from runtime.engines import sqlite
from runtime.keystore import KeyDestroyed, Keystore
from sessions.retention.tables import Erasure, ErasureState
from sessions.retention.tables import KeyDestroyed as Gone
from tests.sessions.retention.desk import desk, two_calls

pytestmark = pytest.mark.anyio

ANNA = "sip:anna@example.org"


async def test_an_erased_call_is_gone_and_the_other_stays(tmp_path: Path) -> None:
    one, two = await two_calls(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.erase(one.call)
        assert [(d["artefact"], d["outcome"]) for d in asked["decisions"]] == [
            ("audio", "execute"),
            ("transcript", "execute"),
            ("actions_pii", "execute"),
            ("caller_details", "execute"),
            ("log", "keep"),
            ("access_log", "keep"),
        ]
        gone = [*one.granted.values(), one.words_key, one.caller_key]
        for key in gone:
            with pytest.raises(KeyDestroyed):
                here.keys.key(key)
        rows = await here.store.reader.rows(Gone, call=one.call)
        assert sorted(row.id for row in rows) == sorted(gone)
        (erasure,) = await here.store.reader.rows(Erasure)
        assert erasure.state is ErasureState.EXECUTED
    reading = sqlite.open_reader(tmp_path / "parley.db")
    keys = Keystore(tmp_path / "keys").key
    lines = list(told(record.record(reading, keys, one.call)))
    assert sum("[erased" in line for line in lines) >= 4
    assert "book an appointment" not in "\n".join(lines)
    assert "book an appointment" in "\n".join(told(record.record(reading, keys, two.call)))
    reading.close()
    assert history.replay(tmp_path / "parley.db").differences == ()
