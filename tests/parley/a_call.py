"""One whole call, played into a store through the reducers that a real one goes through."""

import itertools
import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent.machine import Event
from consent.terms import QUESTION
from consent.wordings import WORDINGS
from conversation.reducers import action_finished, action_proposed, action_started
from conversation.tables import ActionState
from media import segment
from media.segment import Frame
from media.segment import encode as frame
from parley import history
from recordings.reducers import chunk_sealed, recording_sealed
from recordings.tables import Chunk
from runtime.keystore import Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.sealed import Sealed, seal
from runtime.store import Store
from sessions import reducers as sessions
from sessions.consent_reducers import consent_answered
from tests import asked
from transcripts.tables import Segment

assert len(history.DECLARING) > 1, "a store has the tables of all that was imported"

BEGIN_US = 1_772_373_600_000_000
"""2026-03-01T14:00:00Z."""

BOOT = "0123456789abcdef"
SECOND_US = 1_000_000
SAMPLES = 8_000


@dataclass
class Playing:
    """A store that is open, and one call in it. Each action comes a second after the last."""

    data: Path
    store: Store
    call: str
    now_us: int
    keys: Keystore
    words_key: str = ""
    caller_key: str = ""
    granted: dict[str, str] = field(default_factory=dict[str, str])
    nonces: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    seqs: dict[str, int] = field(default_factory=dict[str, int])
    """The place of the last entry of each reducer."""

    async def act(self, reducer: Any, **args: Any) -> Any:
        self.now_us += SECOND_US
        result = await self.store.act(reducer, sender="node", scope=self.call, **args)
        ((seq,),) = await self.store.reader.sql("SELECT max(seq) FROM log")
        self.seqs[reducer.__name__] = seq
        return result

    def seal(self, text: str, key_id: str | None = None) -> Sealed[str]:
        """Under the key of the words, or another."""
        name = key_id or self.words_key
        return seal(text, name, self.keys.key(name), lambda n: next(self.nonces).to_bytes(n, "big"))

    def segment(self, name: str, party: str, text: str, kind: str) -> Segment:
        return Segment(
            id=f"{self.call}:{name}",
            call=self.call,
            party=party,
            text=self.seal(text),
            start_us=self.now_us - SECOND_US // 2,
            end_us=self.now_us,
            engine="an engine",
            kind=kind,
            confidence_permille=900,
        )

    async def ring(self) -> None:
        self.words_key, self.caller_key = self.keys.prepare_several(2)
        await self.act(
            sessions.call_offered,
            call=self.call,
            line="sip",
            remote=self.seal("sip:anna@example.org", self.caller_key),
            local=self.seal("sip:desk@example.org", self.caller_key),
            agent="parley.demo:Receptionist",
            words_key=self.words_key,
        )
        await self.act(sessions.call_answered, call=self.call, **asked.ASK)

    async def ask(self) -> None:
        self.now_us += SECOND_US
        await asked.put(self.store, self.call, text=self.seal(WORDINGS[QUESTION].text))
        self.now_us += SECOND_US
        await asked.heard(self.store, self.call)

    async def answer(self, answer: Event, method: str) -> None:
        if answer is Event.YES_KEY:
            self.granted = {party: self.keys.prepare() for party in ("caller", "agent")}
        await self.act(
            consent_answered,
            call=self.call,
            answer=answer,
            method=method,
            keys=self.granted,
        )

    async def record(self, n: int) -> None:
        """A second of both parties, sealed on disk."""
        for party, key_id in self.granted.items():
            await self.act(chunk_sealed, chunk=self._chunk(party, key_id, n))

    def _chunk(self, party: str, key_id: str, n: int) -> Chunk:
        nonce = (1).to_bytes(4, "big") + n.to_bytes(8, "big")
        name = f"{self.call}|{party}|1|{n}"
        box = AESGCM(self.keys.key(key_id)).encrypt(nonce, bytes(2 * SAMPLES), name.encode())
        place = frame(Frame(self.call, party, key_id, 1, n, 8_000, n * SAMPLES, len(box)))
        file = self.data / "recordings" / segment.path(BOOT, 0)
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_bytes() if file.exists() else segment.header(BOOT, 0)
        file.write_bytes(before + place + box)
        return Chunk(
            id=name,
            call=self.call,
            party=party,
            epoch=1,
            n=n,
            key_id=key_id,
            first_sample=n * SAMPLES,
            samples=SAMPLES,
            sha256=sha256(box).hexdigest(),
            bytes=len(box),
            path=file.name,
            captured_from_us=self.now_us,
            at_us=0,
            offset=len(before + place),
        )

    async def talk(self) -> None:
        """The caller speaks twice, the second time freely; the agent books."""
        for name, text, kind in (
            ("1", "book an appointment", "grammar"),
            ("2", "on monday please", "dictation"),
        ):
            await self.act(
                sessions.caller_acted,
                call=self.call,
                turn=f"{self.call}:{name}",
                cause="heard",
                segment=self.segment(name, "caller", text, kind),
            )
        action, args = f"{self.call}:2:1-book", self.seal(json.dumps({"day": "Monday"}))
        await self.act(action_proposed, action=action, tool="book", idempotent=True, args=args)
        await self.act(action_started, action=action)
        await self.act(
            action_finished,
            action=action,
            state=ActionState.FINISHED,
            result=self.seal("reference 4 8 2 1"),
        )

    async def hang_up(self) -> None:
        await self.act(sessions.call_ended, call=self.call, by="caller")

    async def finish(self) -> None:
        """Seal what was recorded, forget what nobody agreed to, sign the log."""
        if self.granted:
            await self.act(recording_sealed, call=self.call)
        else:
            self.keys.destroy(self.words_key)
        await self.act(sessions.call_sealed, call=self.call, forgotten=not self.granted)
        await self.store.checkpoint(ORIGIN, load_or_create(self.data / "log.key"))


async def playing(data: Path, call: str = "call_abc1", begin_us: int = BEGIN_US) -> Playing:
    """A store below `data` in which this call is about to ring. Close its store at the end."""
    draws = itertools.count(begin_us)
    clock: list[Playing] = []
    store = await Store.open(
        data / "parley.db", lambda: clock[0].now_us, lambda size: next(draws).to_bytes(size, "big")
    )
    clock.append(Playing(data, store, call, begin_us - SECOND_US, Keystore(data / "keys")))
    return clock[0]


async def agreed(data: Path, call: str = "call_abc1", begin_us: int = BEGIN_US) -> Playing:
    """A whole call: consent by key 1, two seconds recorded, words, one action, sealed."""
    one = await playing(data, call, begin_us)
    await one.ring()
    await one.ask()
    await one.answer(Event.YES_KEY, "dtmf:1")
    await one.record(0)
    await one.record(1)
    await one.talk()
    await one.hang_up()
    await one.finish()
    await one.store.close()
    return one


async def refused(data: Path, call: str = "call_xyz9", begin_us: int = BEGIN_US) -> Playing:
    """A call in which the caller did not agree: nothing of what was said can be read."""
    one = await playing(data, call, begin_us)
    await one.ring()
    await one.ask()
    await one.answer(Event.NO, "dtmf:2")
    await one.hang_up()
    await one.finish()
    await one.store.close()
    return one
