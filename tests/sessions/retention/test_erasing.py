"""Erasure from the request to the last byte, holds against it, and what is left afterwards."""

import base64
from pathlib import Path
from typing import Any

import pytest

from consent.machine import Event
from consent.tables import ConsentEvent
from conversation.agent import Agent
from conversation.speech.client import SpeechClient
from media.pool import MediaPool
from parley import history, record
from parley.retaining import policies_of
from parley.telling import told
from recordings import vault
from recordings.retention.precedence import DAY_US, Terms, Trigger
from recordings.tables import Chunk
from runtime.engines import sqlite
from runtime.gates.tables import Gate, GateState
from runtime.key_pool import KeyPool
from runtime.keystore import TOMBSTONES, KeyDestroyed, Keystore
from runtime.log_key import ORIGIN, load_or_create
from runtime.performer import Performer
from runtime.sealed import unseal
from sessions import recovery
from sessions.consent_reducers import consent_volunteered, consent_withdrawn
from sessions.house import House, Settings
from sessions.retention.reducers import erasure_requested
from sessions.retention.rules import HoldsChanged
from sessions.retention.tables import (
    Erasure,
    ErasureState,
    HeldCall,
    HoldState,
    LegalHold,
    ProcessorNotice,
)
from sessions.retention.tables import KeyDestroyed as Gone
from sessions.tables import Call
from tests import asked
from tests.parley.a_call import BEGIN_US, agreed, playing
from tests.sessions.retention.desk import Desk, desk, identity_of, two_calls

pytestmark = pytest.mark.anyio

ANNA = "sip:anna@example.org"
WORDS = ("book an appointment", "on monday please", "reference 4 8 2 1", "anna@example.org")


async def state_of(here: Desk, call: str) -> ErasureState:
    return (await here.store.reader.rows(Erasure, call=call))[-1].state


def found_in(data: Path, needle: bytes) -> list[str]:
    """The files below a directory that hold these bytes."""
    files = sorted(path for path in data.rglob("*") if path.is_file())
    return [path.name for path in files if needle in path.read_bytes()]


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
        assert await state_of(here, one.call) is ErasureState.EXECUTED
        (chunk, *_) = await here.store.reader.rows(Chunk, call=two.call)
    reading = sqlite.open_reader(tmp_path / "parley.db")
    keys = Keystore(tmp_path / "keys").key
    lines = "\n".join(told(record.record(reading, keys, one.call)))
    assert lines.count("[erased") >= 4
    assert WORDS[0] not in lines
    assert WORDS[0] in "\n".join(told(record.record(reading, keys, two.call)))
    reading.close()
    # Their chunks lie in one segment; that of the other call still opens.
    names = vault.Chunk.__dataclass_fields__
    kept = vault.Chunk(**{name: getattr(chunk, name) for name in names})
    ciphertext = vault.read_chunk(tmp_path / "recordings", kept)
    assert ciphertext is not None
    assert len(vault.open_chunk(ciphertext, keys(kept.key_id), kept)) == 2 * kept.samples


@pytest.mark.slow
async def test_the_log_of_an_erased_call_still_replays(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.erase(one.call)
        assert await state_of(here, one.call) is ErasureState.EXECUTED
    assert history.replay(tmp_path / "parley.db").differences == ()


async def test_nothing_that_reads_a_call_is_left_in_any_file(tmp_path: Path) -> None:
    one, two = await two_calls(tmp_path)
    names = (*one.granted.values(), one.words_key, one.caller_key)
    keys = [one.keys.key(name) for name in names]
    chunks: list[bytes] = []
    async with desk(tmp_path) as here:
        for row in await here.store.reader.rows(Chunk, call=one.call):
            file = (tmp_path / "recordings" / row.path).read_bytes()
            chunks.append(file[row.offset : row.offset + row.bytes])
        wrapped = [(tmp_path / "keys" / name).read_bytes() for name in names]
        # The search is able to find; no key is there to be found, also while the call is kept.
        assert all(found_in(tmp_path, needle) for needle in (*wrapped, *chunks))
        assert [found_in(tmp_path, key) for key in keys] == [[]] * len(keys)
        needles = [*keys, *wrapped, *chunks]
        await here.erase(one.call)
        spellings = [
            *needles,
            *(key.hex().encode() for key in keys),
            *(base64.b64encode(key) for key in keys),
            *(word.encode() for word in WORDS),
        ]
        # With the store open: its write-ahead log is looked through as well.
        assert [found_in(tmp_path, needle) for needle in spellings] == [[]] * len(spellings)
        control = tmp_path / "planted"
        control.write_bytes(b"x".join(spellings))
        assert [found_in(tmp_path, needle) for needle in spellings] == [["planted"]] * len(
            spellings
        )
        assert found_in(tmp_path, (tmp_path / "keys" / two.words_key).read_bytes())


# -- who decides --


async def test_one_person_is_not_enough_and_nobody_approves_their_own(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask(
            "erasure.request", calls=[one.call], reason="mine", by=identity_of("ann")
        )
        gate = asked["erasures"][0]["gate"]
        own = await here.vote(gate, "ann")
        assert own["error"] == "not_allowed" and "somebody else must decide" in own["why"]
        stranger = await here.vote(gate, "guest")
        assert stranger["error"] == "not_allowed"
        assert (await here.vote(gate, "bob"))["ok"]["state"] == "open"
        assert (await here.vote(gate, "bob"))["ok"]["state"] == "open"
        await here.retaining.carry_out()
        assert await state_of(here, one.call) is ErasureState.REQUESTED
        assert here.keys.key(one.words_key)


async def test_a_vote_that_was_not_signed_like_this_is_none(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        gate = asked["erasures"][0]["gate"]
        told = await here.told(
            "gate.vote", gate=gate, approve=True, why="yes", identity=identity_of("ann"),
            sig=base64.b64encode(bytes(64)).decode(), key="k1",
        )  # fmt: skip
        assert told["error"] == "not_allowed"


async def test_a_no_and_a_deadline_decline(tmp_path: Path) -> None:
    one, two = await two_calls(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask("erasure.request", calls=[one.call, two.call], reason="why")
        first, second = (each["gate"] for each in asked["erasures"])
        await here.vote(first, "ann", approve=False)
        await here.retaining.carry_out()
        assert await state_of(here, one.call) is ErasureState.DECLINED
        await here.vote(second, "ann")
        here.wait(15)
        assert (await here.vote(second, "bob"))["error"] == "not_allowed"
        await here.retaining.carry_out()
        assert await state_of(here, two.call) is ErasureState.DECLINED
        assert here.keys.key(two.words_key)


async def test_two_erasures_at_once_are_one(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask("erasure.request", calls=[one.call], reason="why")
        again = await here.ask("erasure.request", calls=[one.call], reason="why")
        assert "is requested already" in again["erasures"][0]["why"]
        assert len(await here.store.reader.rows(Erasure)) == 1


async def test_what_is_erased_is_not_erased_again(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.erase(one.call)
        before = here.keys.ids()
        again = await here.ask("erasure.request", calls=[one.call], reason="why")
        assert again["erasures"][0]["why"] == f"nothing of {one.call} is to be destroyed"
        # Not even the key of the reason is left behind.
        assert here.keys.ids() == before


async def test_a_live_call_is_not_erased_yet(tmp_path: Path) -> None:
    one = await playing(tmp_path)
    await one.ring()
    await one.store.close()
    async with desk(tmp_path) as here:
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        assert asked["erasures"][0]["state"] == "queued"
        assert asked["erasures"][0]["decisions"] == []


# -- holds --


@pytest.mark.parametrize("by", ["call", "caller"])
async def test_a_hold_refuses(tmp_path: Path, by: str) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        named = {"calls": [one.call]} if by == "call" else {"callers": [ANNA]}
        hold = (await here.ask("hold.place", matter="Case 12", **named))["hold"]
        asked = await here.erase(one.call)
        assert asked["state"] == "refused"
        assert {d["rule"] for d in asked["decisions"] if d["outcome"] == "refuse"} == {
            f"legal hold {hold}"
        }
        assert here.keys.key(one.words_key)
        (held,) = await here.store.reader.rows(HeldCall)
        assert (held.hold, held.call, held.too_late) == (hold, one.call, False)


async def test_a_hold_on_somebody_else_binds_nothing(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask("hold.place", matter="Case 12", callers=["+41790001122"])
        await here.erase(one.call)
        assert await state_of(here, one.call) is ErasureState.EXECUTED


@pytest.mark.parametrize("by", ["call", "caller"])
async def test_a_hold_placed_between_approval_and_execution_wins(tmp_path: Path, by: str) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        await here.approve(asked["erasures"][0]["gate"])
        named = {"calls": [one.call]} if by == "call" else {"callers": [ANNA]}
        await here.ask("hold.place", matter="Case 12", **named)
        await here.retaining.carry_out()
        assert await state_of(here, one.call) is ErasureState.REFUSED
        assert here.keys.key(one.words_key)
        assert await here.store.reader.rows(Gone) == []


async def test_a_hold_binds_calls_that_begin_under_it(tmp_path: Path) -> None:
    first = await agreed(tmp_path, "call_old")
    async with desk(tmp_path) as here:
        await here.ask("hold.place", matter="Case 12", callers=[ANNA])
    later = await agreed(tmp_path, "call_new", BEGIN_US + 2 * DAY_US)
    async with desk(tmp_path, BEGIN_US + 3 * DAY_US) as here:
        (call,) = await here.store.reader.rows(Call, id=later.call)
        await here.retaining.shell.begun(call)
        held = await here.store.reader.rows(HeldCall)
        assert sorted(row.call for row in held) == sorted([first.call, later.call])
        assert (await here.erase(later.call))["state"] == "refused"


async def test_two_people_release_a_hold_and_then_one_may_erase(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        hold = (await here.ask("hold.place", matter="Case 12", callers=[ANNA]))["hold"]
        gate = (await here.ask("hold.release", hold=hold, by=identity_of("guest")))["gate"]
        again = await here.told("hold.release", hold=hold)
        assert "a release waits" in again["why"]
        await here.vote(gate, "ann")
        await here.retaining.carry_out()
        assert (await here.store.reader.rows(LegalHold))[0].state is HoldState.ACTIVE
        await here.vote(gate, "bob")
        await here.retaining.carry_out()
        assert (await here.store.reader.rows(LegalHold))[0].state is HoldState.RELEASED
        await here.erase(one.call)
        assert await state_of(here, one.call) is ErasureState.EXECUTED
        # What becomes of the past stands in the story of the recording, and changes nothing there.
        past = await here.store.reader.rows(ConsentEvent, call=one.call, event=Event.RETAINED)
        ways = [(each.method or "").partition(":")[0] for each in past]
        assert ways == ["held", "released", "erased"]
        assert {(each.number, each.scope, each.is_open) for each in past} == {
            (34, "recording", False)
        }


async def test_the_log_knows_no_matter_and_no_caller(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.ask("hold.place", matter="Smith against Acme", callers=["+41790001122"])
        for needle in (b"Smith", b"790001122"):
            assert found_in(tmp_path, needle) == []


async def test_a_hold_that_was_not_looked_at_refuses_the_last_look(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask("hold.place", matter="Case 12", callers=["+41790001122"])
        terms = terms_of(here)
        look: dict[str, Any] = {"terms": terms, "seen": [], "binding": []}
        with pytest.raises(HoldsChanged, match="look again"):
            await here.store.act(
                erasure_requested, sender="operator", scope=one.call, erasure="erasure_1",
                call=one.call, trigger=Trigger.ERASURE, reason=None, by="", **look,
            )  # fmt: skip


async def test_a_restart_keeps_the_keys_of_holds_and_destroys_those_that_are_back(
    tmp_path: Path,
) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        copy = {name: here.keys.key(name) for name in one.granted.values()}
        hold = (await here.ask("hold.place", matter="Case 12", callers=["+41790001122"]))["hold"]
        await here.erase(one.call)
        # A keystore from before comes back, tombstones and all.
        for name, key in copy.items():
            (tmp_path / "keys" / name).write_bytes(key)
        (tmp_path / "keys" / TOMBSTONES).unlink()
        keystore = Keystore(tmp_path / "keys")
        assert [keystore.key(name) for name in copy] == [*copy.values()]
        await recovery.sweep(house_of(here, keystore))
        for name in copy:
            with pytest.raises(KeyDestroyed):
                keystore.key(name)
        (row,) = await here.store.reader.rows(LegalHold, id=hold)
        (erasure,) = await here.store.reader.rows(Erasure)
        assert erasure.reason is not None
        assert unseal(row.matter, keystore.key(row.matter.key_id)) == "Case 12"
        assert unseal(erasure.reason, keystore.key(erasure.reason.key_id)) == "she asked"


def house_of(here: Desk, keystore: Keystore) -> House:
    """As much of a node as a sweep looks at."""
    return House(
        settings=Settings("ask", 0, ("PCMU",), "127.0.0.1", "x:Y", here.data, ORIGIN),
        store=here.store,
        performer=Performer(here.store, here.retaining.shell.clock),
        keystore=keystore,
        keys=KeyPool(keystore, size=1),
        log_key=load_or_create(here.data / "log.key"),
        media=MediaPool(),
        speech=SpeechClient(),
        new_agent=lambda app: Agent(),
        agent_for=lambda call: "x:Y",
        clock=here.retaining.shell.clock,
        entropy=here.retaining.shell.entropy,
        note=lambda *args, **facts: None,
    )


def terms_of(here: Desk) -> list[Terms]:
    return policies_of(here.data).terms(("gdpr",))


# -- locks --


async def test_a_lock_delays_and_then_it_goes_by_itself(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        until_us = here.now_us[0] + 30 * DAY_US
        await here.ask("hold.lock", call=one.call, until_us=until_us, source="the authority")
        asked = await here.erase(one.call)
        audio = asked["decisions"][0]
        assert (audio["outcome"], audio["until_us"]) == ("restrict", until_us)
        assert audio["rule"] == "statutory lock: the authority"
        assert await state_of(here, one.call) is ErasureState.WAITING
        here.wait(29)
        await here.retaining.carry_out()
        assert here.keys.key(one.words_key)
        here.wait(1)
        await here.retaining.carry_out()
        assert await state_of(here, one.call) is ErasureState.EXECUTED
        with pytest.raises(KeyDestroyed):
            here.keys.key(one.words_key)


async def test_only_what_is_locked_waits(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    law = 'edition = "2026-11-21"\n[lines]\nsip = ["mifid"]\n'
    (tmp_path / "retention.toml").write_text(law)
    async with desk(tmp_path) as here:
        await here.erase(one.call)
        assert await state_of(here, one.call) is ErasureState.WAITING
        # The recording, and whose it is: a record that nobody can find by its client is none.
        assert all(here.keys.key(key) for key in (*one.granted.values(), one.caller_key))
        with pytest.raises(KeyDestroyed):
            here.keys.key(one.words_key)
        here.wait(1_827)
        await here.retaining.carry_out()
        assert await state_of(here, one.call) is ErasureState.EXECUTED
        with pytest.raises(KeyDestroyed):
            here.keys.key(one.granted["caller"])


async def test_rules_that_nobody_can_read_destroy_nothing(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        (tmp_path / "retention.toml").write_text('edition = "soon"')
        asked = await here.ask("erasure.request", calls=[one.call], reason="why")
        assert "edition is missing" in asked["erasures"][0]["why"]


# -- expiry --


async def test_what_expires_waits_for_two_people_each_time(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        assert (await here.ask("retention.run"))["erasures"] == []
        here.wait(181)
        (asked,) = (await here.ask("retention.run"))["erasures"]
        assert asked["state"] == "requested"
        assert (await here.ask("retention.run"))["erasures"] == []
        await here.approve(asked["gate"])
        await here.retaining.carry_out()
        # Audio and words had their half year; who called is kept for a whole one.
        rows = await here.store.reader.rows(Gone)
        assert sorted(row.id for row in rows) == sorted([*one.granted.values(), one.words_key])
        assert here.keys.key(one.caller_key)


async def test_under_a_standing_approval_it_goes_each_day(tmp_path: Path) -> None:
    one, two = await two_calls(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask("hold.place", matter="Case 12", calls=[two.call])
        await here.approve((await here.ask("retention.stand", days=366))["gate"])
        await here.retaining.carry_out()
        assert await here.store.reader.rows(Gone) == []
        for _ in range(181):
            here.wait(1)
            await here.retaining.carry_out()
        rows = await here.store.reader.rows(Gone)
        assert {row.call for row in rows} == {one.call}
        assert {row.state for row in await here.store.reader.rows(Gate)} == {GateState.GRANTED}


async def test_a_standing_approval_that_has_ended_destroys_nothing(tmp_path: Path) -> None:
    await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.approve((await here.ask("retention.stand", days=100))["gate"])
        await here.retaining.carry_out()
        here.wait(181)
        await here.retaining.carry_out()
        assert await here.store.reader.rows(Gone) == []
        (asked,) = (await here.ask("retention.run"))["erasures"]
        assert asked["state"] == "requested"


# -- others who have data --


async def test_who_got_data_is_to_be_told(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask(
            "notices.record",
            call=one.call,
            recipient="Acme Transcripts",
            artefacts=["audio"],
            purpose="quality review",
        )
        assert await here.store.reader.rows(ProcessorNotice) == []
        await here.erase(one.call)
        (notice,) = await here.store.reader.rows(ProcessorNotice)
        assert (notice.recipient, notice.acknowledged_us) == ("Acme Transcripts", None)
        await here.ask("notices.ack", notice=notice.id, answer="deleted")
        (notice,) = await here.store.reader.rows(ProcessorNotice)
        assert (notice.answer, notice.acknowledged_us) == ("deleted", here.now_us[0])
        again = await here.told("notices.ack", notice=notice.id, answer="deleted")
        assert "acknowledged before" in again["why"]


async def test_who_withdrew_and_agreed_again_is_erased_under_both_keys(tmp_path: Path) -> None:
    one = await playing(tmp_path)
    await one.ring()
    await one.ask()
    await one.answer(Event.YES_KEY, "dtmf:1")
    await one.record(0)
    first = dict(one.granted)
    await one.act(consent_withdrawn, call=one.call, method="dtmf:9")
    await one.act(consent_volunteered, call=one.call, method="dtmf:8")
    one.now_us += 1_000_000
    await asked.put(one.store, one.call, f"{one.call}:again", one.seal("May we?"))
    await asked.heard(one.store, one.call, f"{one.call}:again")
    await one.answer(Event.YES_KEY, "dtmf:1")
    await one.hang_up()
    await one.finish()
    await one.store.close()
    assert not {*first.values()} & {*one.granted.values()}
    async with desk(tmp_path) as here:
        await here.erase(one.call)
        for key_id in (*first.values(), *one.granted.values()):
            with pytest.raises(KeyDestroyed):
                here.keys.key(key_id)
