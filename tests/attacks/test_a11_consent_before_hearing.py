"""A11: a spoken yes is understood before it is consent. Of its audio nothing stays but a grant's.

The real house, store, keystore and asking; the recogniser's words come over its link.
"""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from consent import clips
from consent.machine import Event, State
from consent.tables import ConsentClip, ConsentEvent
from conversation.speech.engines import Hearing
from conversation.speech.messages import hearing_answer
from media.wire import encode
from parley import record
from parley.telling import told
from recordings.retention.precedence import Artefact
from recordings.tables import Recording
from runtime.engines import sqlite
from runtime.sealed import Sealed, unseal
from sessions import recovery
from sessions.consent_reducers import consent_answered
from sessions.house import House
from sessions.retention.rules import sealings
from sessions.tables import Call
from tests import asked as consent
from tests.sessions.conftest import house
from tests.sessions.test_attending import CALL, GUARD_S, Desk, Recogniser
from tests.sessions.test_bridge_reducers import up

__all__ = ["house"]

pytestmark = pytest.mark.anyio

READ_BACK = f"{CALL}:read-back"
HEARD_US = 1
"""When `consent.asked` has it that a question was heard past its mark."""

SPOKEN = (6_000 * np.sin(np.arange(8_000) / 3)).astype("<i2").tobytes()
"""A second of the caller."""


class Grammarian(Recogniser):
    """The other end of the link: what it hears is a phrase of the grammar."""

    async def hears(self, text: str) -> None:
        await self.asked()
        heard = Hearing(text, 1_000, "x", accepted=True, kind="grammar")
        answer = encode(hearing_answer(self._asked.pop(0), heard))
        await asyncio.get_running_loop().sock_sendall(self._sock, answer)


class Line(Desk):
    """A caller who answers with their voice."""

    async def says_and_is_heard(self, text: str, at_us: int = HEARD_US) -> None:
        spoken = asyncio.create_task(self.asking.voice_answer(self.live, SPOKEN, 8_000, at_us))
        assert isinstance(self.recogniser, Grammarian)
        async with asyncio.timeout(GUARD_S):
            await self.recogniser.hears(text)
            await spoken

    async def read_back(self) -> None:
        """They said yes, and heard that we did."""
        await consent.asked(self.house.store, CALL)
        await self.says_and_is_heard("yes")
        await consent.asked(self.house.store, CALL, READ_BACK)
        self.live.question = READ_BACK

    async def clips(self) -> list[ConsentClip]:
        return await self.house.store.reader.rows(ConsentClip)

    async def evidence(self) -> dict[str, str | None]:
        rows = await self.house.store.reader.rows(ConsentEvent, call=CALL, state=State.GRANTED)
        return {row.scope: row.evidence for row in rows}


@pytest.fixture
async def line(house: House) -> AsyncIterator[Line]:
    ours, theirs = socket.socketpair()
    await house.speech.attach(ours)
    await up(house.store, CALL)
    made = Line(house, await house.prepare_key(), Grammarian(theirs))
    yield made
    made.live.disarm()
    made.attending.leave(CALL)
    await house.speech.detach()
    theirs.close()


async def test_how_they_agreed_is_kept_in_the_commit_that_grants(line: Line) -> None:
    await line.read_back()
    assert await line.clips() == []
    await line.says_and_is_heard("yes i agree")

    (clip,) = await line.clips()
    (recording,) = await line.house.store.reader.rows(Recording)
    assert clip.at_us == recording.granted_us
    assert (await line.evidence())[consent.RECORDING] == clip.id == clips.name_of(READ_BACK)
    assert clip.clip.key_id not in (line.live.words_key, recording.caller_key, recording.agent_key)
    wav = unseal(clip.clip, line.house.keystore.key(clip.clip.key_id))
    with av.open(io.BytesIO(wav), "r") as file:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(heard) == 8_000 == clip.duration_ms * 8
    assert np.abs(heard.astype(int) - np.frombuffer(SPOKEN, "<i2")).max() < 300


async def test_an_officer_sees_that_there_is_one_and_when_it_is_gone(
    line: Line, tmp_path: Path
) -> None:
    await line.read_back()
    await line.says_and_is_heard("yes i agree")
    (clip,) = await line.clips()
    reading = sqlite.open_reader(tmp_path / "parley.db")

    (shown,) = record.record(reading, line.house.keystore.key, CALL)["clips"]
    assert (shown["id"], shown["duration_ms"], shown["erased"]) == (clip.id, 1_000, False)
    line.house.keystore.destroy(clip.clip.key_id)
    again = record.record(reading, line.house.keystore.key, CALL)
    assert [one["erased"] for one in again["clips"]] == [True]
    assert "a clip of how it was said, 1.0 s: [erased" in "\n".join(told(again))
    reading.close()


@pytest.mark.parametrize("said", ["no", "hundred"])
async def test_who_does_not_agree_leaves_no_sound(line: Line, said: str) -> None:
    await line.read_back()
    await line.says_and_is_heard(said)

    assert await line.clips() == []
    assert await line.house.store.reader.rows(Recording) == []
    assert (await consent.standings(line.house.store, CALL))[consent.RECORDING].state is (
        State.REFUSED
    )


async def test_a_word_that_was_enough_at_first_is_not_when_it_was_read_back(line: Line) -> None:
    """An engine that hears more than it is asked for says so; it does not grant."""
    await line.read_back()
    spoken = asyncio.create_task(line.asking.voice_answer(line.live, SPOKEN, 8_000, HEARD_US))
    async with asyncio.timeout(GUARD_S):
        await line.recogniser.answer("yes")  # As dictation.
        await spoken

    assert await line.clips() == []
    assert await line.house.store.reader.rows(Recording) == []


async def test_what_was_said_over_the_question_is_not_in_it(line: Line) -> None:
    await line.read_back()
    await line.says_and_is_heard("yes i agree", at_us=HEARD_US - 400_000)

    (clip,) = await line.clips()
    assert clip.duration_ms == 600


@pytest.mark.parametrize("answer", [Event.NO, Event.UNCLEAR, Event.YES_KEY])
async def test_a_clip_that_comes_with_no_spoken_grant_is_not_kept(
    line: Line, answer: Event
) -> None:
    await line.read_back()
    sealed: Sealed[bytes] = line.house.seal_bytes(b"RIFF", await line.house.prepare_key())
    await line.house.store.act(
        consent_answered,
        sender="node",
        scope=CALL,
        call=CALL,
        answer=answer,
        method="x",
        keys=consent.KEYS,
        clip=clips.Clip(sealed, 500),
    )

    assert await line.clips() == []
    assert {*(await line.evidence()).values()} <= {None}


async def test_its_key_is_its_own_artefact_and_no_stray(line: Line) -> None:
    await line.read_back()
    await line.says_and_is_heard("yes i agree")
    (clip,) = await line.clips()

    await recovery.sweep(line.house)

    assert line.house.keystore.key(clip.clip.key_id)
    (call,) = await line.house.store.reader.rows(Call, id=CALL)
    shelf = {one.artefact: one.keys for one in sealings(call, None, (), None, (clip.clip.key_id,))}
    assert shelf[Artefact.CONSENT_CLIP] == (clip.clip.key_id,)
