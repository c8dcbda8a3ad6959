"""What is known of a call when it is answered, by its rows."""

from typing import Any

import pytest

from consent.policy.terms import Role
from consent.tables import BasisKind
from consent.terms import ask_terms, never_terms
from sessions.consult_reducers import ATTENDANT, supervision_dialled
from sessions.house import House
from sessions.outbound import call_dialled
from sessions.plans import by_name, facts_of
from sessions.reducers import call_offered

from .test_bridge_reducers import act, up
from .test_consulting import asked, basis, picks_up

pytestmark = pytest.mark.anyio

BERLIN = "sip:+4930123456@carrier.example"


async def offered(house: House) -> str:
    """Somebody calls from Berlin; answers the key that seals who."""
    key = await house.prepare_key()
    remote = house.seal(BERLIN, key)
    about = {"line": "sip", "agent": "x:Y", "words_key": "key_w"}
    await act(house.store, call_offered, "c1", remote=remote, local=remote, **about)
    return key


async def test_who_calls_is_known_and_by_a_trunk_believed(house: House) -> None:
    await offered(house)

    by_trunk = await facts_of(house.store.reader, house.keystore, "c1", "carrier")
    by_nobody = await facts_of(house.store.reader, house.keystore, "c1", "")

    assert (by_trunk.remote, by_trunk.role) == (BERLIN, Role.CALLER)
    assert (by_trunk.is_verified, by_nobody.is_verified) == (True, False)
    assert not by_trunk.is_ours and by_trunk.with_others == ()


async def test_who_was_erased_is_nobody(house: House) -> None:
    house.keystore.destroy(await offered(house))

    assert (await facts_of(house.store.reader, house.keystore, "c1", "carrier")).remote == ""


async def test_a_colleague_is_with_the_caller_they_are_asked_about(house: House) -> None:
    other = await asked(house.store)
    await picks_up(house.store, other, "x:Y")

    facts = await facts_of(house.store.reader, house.keystore, other, "")

    assert (facts.role, facts.is_ours, facts.is_verified) == (Role.HUMAN, True, True)
    assert facts.with_others == ((Role.CALLER, ""),)
    assert facts.basis is BasisKind.CONSENT


async def test_a_supervisor_is_with_the_caller_they_listen_to(house: House) -> None:
    await up(house.store, "ann", policy="never")
    by: dict[str, Any] = {"call": "ann", "basis": await basis(house.store)}
    other = await house.store.act(supervision_dialled, sender="operator", **by)
    await picks_up(house.store, other, ATTENDANT)

    facts = await facts_of(house.store.reader, house.keystore, other, "")

    assert facts.role is Role.SUPERVISOR
    assert [role for role, _ in facts.with_others] == [Role.CALLER]


async def test_whoever_we_call_is_a_caller_too(house: House) -> None:
    by: dict[str, Any] = {"basis": await basis(house.store)}
    other = await house.store.act(call_dialled, sender="operator", **by)
    await picks_up(house.store, other, "x:Y")

    facts = await facts_of(house.store.reader, house.keystore, other, "")

    assert (facts.role, facts.is_ours, facts.with_others) == (Role.CALLER, True, ())


async def test_a_call_is_owed_what_the_house_says(house: House) -> None:
    await offered(house)

    owed = await house.owed("c1", "carrier")
    assert owed == {"terms": ask_terms(), "keys": {}}
    house.terms_for = by_name("never")
    assert (await house.owed("c1", "carrier"))["terms"] == never_terms()
