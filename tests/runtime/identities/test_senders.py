"""Who may act, asked in the transaction."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import NotAllowed, Refused
from runtime.identities.reducers import (
    LOGIN_US,
    LOGINS_MAX,
    identity_registered,
    identity_resumed,
    identity_revoked,
    identity_suspended,
    login_ended,
    login_opened,
)
from runtime.identities.rules import Kind, State
from runtime.identities.tables import Identity, Login
from runtime.replay import audit, entries
from runtime.store import Store
from tests.runtime.identities.people import Person, approved, kept, noted

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(store: Store) -> Person:
    return await Person(1, "supervisor").register(store)


async def log_in(store: Store, person: Person, challenge: str = "c") -> str:
    request = f"{person.id}/{challenge}"
    signature = person.sign("runtime.login_opened", request, {"challenge": challenge})
    login: str = await store.act(
        login_opened,
        sender=person.id,
        request=request,
        proof=person.proof(signature),
        challenge=challenge,
    )
    return login


async def approve(store: Store, person: Person, signature: str, **other: Any) -> Any:
    asked: dict[str, Any] = {
        "sender": person.id,
        "scope": "c1",
        "request": f"{person.id}/r1",
        "proof": person.proof(signature),
        "call": "c1",
        "cents": 5,
    }
    return await store.act(approved, **{**asked, **other})


def signed(person: Person, request: str = "r1", **other: Any) -> str:
    args = {"call": "c1", "cents": 5, **other}
    return person.sign("tests.approved", f"{person.id}/{request}", args, "c1")


async def test_trusted_code_may_do_anything_without_a_signature(store: Store) -> None:
    for reducer in (noted, kept):
        await store.act(reducer, sender="node", text="x")
    await store.act(approved, sender="node", call="c1", cents=1)


async def test_an_identity_may_do_what_is_for_everybody_and_nothing_internal(
    store: Store, ann: Person
) -> None:
    await store.act(noted, sender=ann.id, text="x")
    with pytest.raises(NotAllowed, match=r"tests\.kept is internal"):
        await store.act(kept, sender=ann.id, text="x")


async def test_somebody_unknown_or_only_registered_may_do_nothing(store: Store) -> None:
    bob = Person(2)
    with pytest.raises(NotAllowed, match="there is no identity"):
        await store.act(noted, sender=bob.id, text="x")
    await store.act(
        identity_registered,
        sender="operator",
        kind=Kind.AGENT,
        key=bob.public,
        roles=(),
        belongs_to="",
        name="Bob",
    )
    with pytest.raises(NotAllowed, match="is registered"):
        await store.act(noted, sender=bob.id, text="x")


async def test_a_role_is_needed_where_one_is_asked_for(store: Store) -> None:
    bob = await Person(2, "clerk").register(store)
    with pytest.raises(NotAllowed, match="for the roles supervisor"):
        await approve(store, bob, signed(bob))


async def test_a_signed_action_keeps_its_proof_and_an_audit_checks_it(
    store: Store, ann: Person, tmp_path: Path
) -> None:
    await approve(store, ann, signed(ann))

    history = list(entries(tmp_path / "parley.db"))
    assert history[-1].proof == ann.proof(signed(ann))
    assert audit(history).differences == ()


async def test_a_signed_action_is_taken_once(store: Store, ann: Person) -> None:
    first = await approve(store, ann, signed(ann))
    assert await approve(store, ann, signed(ann)) == first
    assert await store.reader.sql("SELECT count(*) FROM note") == [(1,)]


@pytest.mark.parametrize(
    "other",
    [
        {"cents": 6},
        {"scope": "c2"},
        {"scope": None},
        {"request": "another"},
        {"request": None},
        {"proof": None},
        {"proof": {"login": "login_x"}},
    ],
    ids=str,
)
async def test_what_was_not_signed_exactly_so_is_not_taken(
    store: Store, ann: Person, other: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed):
        await approve(store, ann, signed(ann), **other)
    assert await store.reader.sql("SELECT count(*) FROM note") == [(0,)]


async def test_the_signature_of_another_identity_or_log_is_not_taken(
    store: Store, ann: Person
) -> None:
    bob = await Person(2, "supervisor").register(store)
    with pytest.raises(NotAllowed, match="did not sign exactly this"):
        await approve(store, ann, signed(bob))
    with pytest.raises(NotAllowed, match="did not sign exactly this"):
        await approve(store, ann, signed(ann), proof=bob.proof(signed(bob)))
    elsewhere = ann.sign(
        "tests.approved", f"{ann.id}/r1", {"call": "c1", "cents": 5}, "c1", "other/log"
    )
    with pytest.raises(NotAllowed, match="did not sign exactly this"):
        await approve(store, ann, elsewhere)


async def test_a_revocation_refuses_what_waits_behind_it_in_the_same_batch(
    store: Store, ann: Person
) -> None:
    before, _, after = [
        *await asyncio.gather(
            store.act(noted, sender=ann.id, text="before"),
            store.act(identity_revoked, sender="operator", identity=ann.id, why="left"),
            store.act(noted, sender=ann.id, text="after"),
            return_exceptions=True,
        )
    ]

    assert isinstance(before, str)
    assert isinstance(after, NotAllowed)
    assert f"{ann.id} is revoked (left)" in str(after)


async def test_suspended_and_resumed(store: Store, ann: Person) -> None:
    await store.act(identity_suspended, sender="operator", identity=ann.id, why="away")
    with pytest.raises(NotAllowed, match="suspended"):
        await store.act(noted, sender=ann.id, text="x")
    await store.act(identity_resumed, sender="operator", identity=ann.id)
    await store.act(noted, sender=ann.id, text="x")


async def test_a_revoked_identity_stays_revoked_and_its_key_is_not_taken_again(
    store: Store, ann: Person
) -> None:
    await store.act(identity_revoked, sender="operator", identity=ann.id)
    with pytest.raises(Refused, match="nothing any more"):
        await store.act(identity_resumed, sender="operator", identity=ann.id)
    with pytest.raises(Refused, match="exists"):
        await ann.register(store)
    (row,) = await store.reader.rows(Identity)
    assert row.state is State.REVOKED


async def test_only_a_signing_operator_may_change_identities(store: Store, ann: Person) -> None:
    boss = await Person(3, "operator").register(store)
    args: dict[str, Any] = {"identity": ann.id, "why": "away"}
    with pytest.raises(NotAllowed, match="for the roles operator"):
        await store.act(identity_suspended, sender=ann.id, identity=boss.id)
    with pytest.raises(NotAllowed, match="must be signed"):
        await store.act(identity_suspended, sender=boss.id, **args)

    proof = boss.proof(boss.sign("runtime.identity_suspended", "r", args))
    await store.act(identity_suspended, sender=boss.id, request="r", proof=proof, **args)


async def test_a_login_is_a_proof_while_it_lives(store: Store, ann: Person) -> None:
    proof = {"login": await log_in(store, ann)}
    await store.act(noted, sender=ann.id, proof=proof, text="x")
    await store.act(login_ended, sender=ann.id, proof=proof, login=proof["login"])
    with pytest.raises(NotAllowed, match="has ended \\(logged out\\)"):
        await store.act(noted, sender=ann.id, proof=proof, text="x")


async def test_a_login_serves_its_own_identity_only(store: Store, ann: Person) -> None:
    bob = await Person(2).register(store)
    login = await log_in(store, ann)
    with pytest.raises(NotAllowed, match="has no login"):
        await store.act(noted, sender=bob.id, proof={"login": login}, text="x")
    with pytest.raises(NotAllowed, match="not yours"):
        await store.act(login_ended, sender=bob.id, login=login)


async def test_a_suspension_ends_the_logins_for_good(store: Store, ann: Person) -> None:
    login = await log_in(store, ann)
    await store.act(identity_suspended, sender="operator", identity=ann.id)
    await store.act(identity_resumed, sender="operator", identity=ann.id)
    with pytest.raises(NotAllowed, match="the identity was suspended"):
        await store.act(noted, sender=ann.id, proof={"login": login}, text="x")


async def test_an_expired_login_is_no_proof_and_makes_room(
    tmp_path: Path, entropy: Callable[[int], bytes]
) -> None:
    now = [1_700_000_000_000_000]
    store = await Store.open(tmp_path / "s.db", lambda: now[0], entropy)
    ann = await Person(1).register(store)
    first = await log_in(store, ann, "0")
    for n in range(1, LOGINS_MAX):
        await log_in(store, ann, str(n))
    with pytest.raises(Refused, match="end one of them"):
        await log_in(store, ann, "one more")

    now[0] += LOGIN_US
    with pytest.raises(NotAllowed, match="has expired"):
        await store.act(noted, sender=ann.id, proof={"login": first}, text="x")
    await log_in(store, ann, "later")
    assert len(await store.reader.rows(Login)) == 1
    await store.close()
