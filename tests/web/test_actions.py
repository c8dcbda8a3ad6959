"""POST /v1/actions/{reducer}: who may, what is answered, and what is no."""

from typing import Any

import pytest

from runtime.errors import Busy, NotAllowed, Paused, Refused, StoreBroken, StoreFull
from runtime.identities.reducers import identity_suspended
from runtime.identities.rules import State
from runtime.identities.tables import Identity
from runtime.modules.deploying import deploy
from runtime.store import Store
from tests.runtime.identities.people import Note, Person, noted
from tests.runtime.modules import booking
from tests.web.door import Door, signed_headers
from web.asking import BODY_BYTES_MAX
from web.problems import problem_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(store: Store) -> Person:
    return await Person(1, "supervisor").register(store)


@pytest.fixture
def door(store: Store) -> Door:
    return Door(store)


async def test_a_signed_action_is_taken_once_and_answered_again(door: Door, ann: Person) -> None:
    first = await door.signed(ann, "tests.approved", scope="c1", call="c1", cents=5)
    again = await door.signed(ann, "tests.approved", scope="c1", call="c1", cents=5)

    assert first.status_code == 200
    assert first.json() == {"result": first.json()["result"], "seq": 3}
    assert again.json() == first.json()
    assert len(await door.store.reader.rows(Note)) == 1


async def test_an_action_needs_a_name_of_its_senders(door: Door, ann: Person) -> None:
    headers = signed_headers(ann, "k1", "")
    del headers["Idempotency-Key"]
    answer = await door.post("tests.noted", {"text": "x"}, headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["why"]


async def test_the_same_name_for_another_action_is_refused(door: Door, ann: Person) -> None:
    await door.signed(ann, "tests.noted", text="x")
    for other in (
        await door.signed(ann, "tests.noted", text="y"),
        await door.signed(ann, "tests.noted", scope="c1", text="x"),
        await door.signed(ann, "tests.approved", call="c1", cents=1),
    ):
        assert other.status_code == 409
        assert "already used" in other.json()["why"]
    assert len(await door.store.reader.rows(Note)) == 1


async def test_two_identities_may_use_the_same_name(door: Door, ann: Person) -> None:
    bob = await Person(2).register(door.store)
    one = await door.signed(ann, "tests.noted", text="x")
    other = await door.signed(bob, "tests.noted", text="x")
    assert one.json()["result"] != other.json()["result"]


@pytest.mark.parametrize(
    "other",
    [
        {"Parley-Identity": Person(2).id},
        {"Parley-Identity": "operator"},
        {"Parley-Identity": ""},
        {"Parley-Signature": ""},
        {"Parley-Signature": "!"},
        {"Parley-Signature": "é"},
        {"Idempotency-Key": "k2"},
        {"Parley-Login": "login_x"},
    ],
    ids=str,
)
async def test_what_is_not_signed_exactly_so_is_not_authenticated(
    door: Door, ann: Person, other: dict[str, str]
) -> None:
    await Person(2).register(door.store)
    signature = ann.sign("tests.noted", f"{ann.id}/k1", {"text": "x"})
    headers = signed_headers(ann, "k1", signature) | other
    encoded: Any = [(name, value.encode()) for name, value in headers.items()]
    answer = await door.post("tests.noted", {"text": "x"}, encoded)
    assert (answer.status_code, answer.json()["error"]) == (401, "not_authenticated")
    assert await door.store.reader.rows(Note) == []


async def test_other_args_or_another_log_than_signed_are_not_authenticated(
    door: Door, ann: Person
) -> None:
    request = f"{ann.id}/k1"
    for signature in (
        ann.sign("tests.noted", request, {"text": "y"}),
        ann.sign("tests.noted", request, {"text": "x"}, "c1"),
        ann.sign("tests.kept", request, {"text": "x"}),
        ann.sign("tests.noted", request, {"text": "x"}, origin="other/log"),
    ):
        headers = signed_headers(ann, "k1", signature)
        answer = await door.post("tests.noted", {"text": "x"}, headers)
        assert answer.status_code == 401


async def test_nobody_is_asked_who_it_is(door: Door) -> None:
    answer = await door.post("tests.noted", {"text": "x"}, {"Idempotency-Key": "k1"})
    assert answer.status_code == 401
    assert "Parley-Signature" in answer.json()["why"]


async def test_the_roles_and_the_rules_say_no(door: Door, ann: Person) -> None:
    bob = await Person(2).register(door.store)
    for answer in (
        await door.signed(bob, "tests.approved", call="c1", cents=1),
        await door.signed(ann, "tests.kept", text="x"),
        await door.signed(ann, "runtime.identity_suspended", identity=bob.id),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "not_allowed")
    answer = await door.signed(ann, "tests.noted", text="nonsense")
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "refused", "why": "that is nonsense"},
    )


async def test_a_suspended_identity_gets_not_even_stored_answers(door: Door, ann: Person) -> None:
    await door.signed(ann, "tests.noted", text="x")
    await door.store.act(identity_suspended, sender="operator", identity=ann.id, why="away")
    answer = await door.signed(ann, "tests.noted", text="x")
    assert answer.status_code == 403
    assert "suspended (away)" in answer.json()["why"]


async def test_an_operator_registers_and_suspends_over_http(door: Door) -> None:
    boss, bob = await Person(3, "operator").register(door.store), Person(2)
    args = {
        "kind": "agent",
        "key": bob.public,
        "roles": ["clerk"],
        "belongs_to": "acme",
        "name": "Bob",
    }
    signature = boss.sign("runtime.identity_registered", f"{boss.id}/k2", args)
    headers = signed_headers(boss, "k2", signature)
    made = await door.post("runtime.identity_registered", args, headers)
    assert made.json()["result"] == bob.id
    await door.signed(boss, "runtime.identity_activated", "k3", identity=bob.id)
    await door.signed(boss, "runtime.identity_suspended", "k4", identity=bob.id, why="away")
    (row,) = await door.store.reader.rows(Identity, id=bob.id)
    assert (row.state, row.why, row.roles) == (State.SUSPENDED, "away", ("clerk",))


async def test_an_unknown_reducer_is_not_found(door: Door, ann: Person) -> None:
    answer = await door.signed(ann, "tests.nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_reducer")


async def test_a_deployed_module_is_reached_too(door: Door, ann: Person) -> None:
    open_to_all = booking.REDUCERS.replace("@reducer\n", '@reducer(by=("*",))\n')
    await deploy(
        door.store,
        "booking",
        booking.FIRST | {"reducers.py": open_to_all},
        permille=1_000,
        by="operator",
    )
    taken = await door.signed(ann, "booking.slot_taken", "k1", slot="ten", name="Ann")
    assert (taken.status_code, taken.json()["result"]) == (200, "Ann")
    for key, args in (("k2", {"slot": 10, "name": "Ann"}), ("k3", {"slot": "x"}), ("k4", {"a": 1})):
        answer = await door.signed(ann, "booking.slot_taken", key, **args)
        assert (answer.status_code, answer.json()["error"]) == (422, "bad_args")
    assert (await door.signed(ann, "booking.nothing", "k5")).status_code == 409


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({}, "text"),
        ({"text": 1}, "text"),
        ({"text": None}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": "x", "more": 1}, "more"),
        ({"text": "x", "tags": "abc"}, "tags"),
        ({"text": "x", "tags": {"a": 1}}, "tags"),
        ({"text": "x", "tags": ["a", 1]}, "tags"),
        ({"text": "x", "data": "abc"}, "data"),
        ({"text": "x", "ctx": 1}, "ctx"),
        ({"text": "x", "return": "x"}, "return"),
        ({"text": "x", "sender": "node"}, "sender"),
    ],
    ids=str,
)
async def test_args_that_do_not_fit_are_named(
    door: Door, ann: Person, args: dict[str, Any], field: str
) -> None:
    answer = await door.signed(ann, "tests.noted", **args)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_args_that_fit_are_taken(door: Door, ann: Person) -> None:
    answer = await door.signed(ann, "tests.noted", text="x", tags=["a", "b"], data=b"\xff")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"args": []}',
        b'{"args": {"$bytes": "AA=="}}',
        b'{"args": {"text": {"$bytes": "?"}}}',
        b'{"args": {"text": 1.5}}',
        b'{"args": {"text": 9007199254740992}}',
        b'{"args": {"text": "\\ud800"}}',
        b'{"args": {"text": NaN}}',
        b'{"args": {"text": ' + b"[" * 65 + b"]" * 65 + b"}}",
        b"[" * 100_000,
        b"\xff",
        b'{"scope": 1}',
        b'{"scope": "' + b"s" * 129 + b'"}',
        b'{"arguments": {}}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
async def test_a_body_that_is_no_action_is_a_bad_request(
    door: Door, ann: Person, body: bytes
) -> None:
    answer = await door.client.post(
        "/v1/actions/tests.noted", content=body, headers=signed_headers(ann, "k1", "AA==")
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize("key", ["", "k" * 129, "a\tb", "\x7f"])
async def test_an_unusable_name_is_a_bad_request(door: Door, ann: Person, key: str) -> None:
    answer = await door.post("tests.noted", {"text": "x"}, signed_headers(ann, key, "AA=="))
    assert answer.status_code == 400


async def test_a_body_beyond_the_limit_is_too_large(door: Door, ann: Person) -> None:
    answer = await door.signed(ann, "tests.noted", text="x" * BODY_BYTES_MAX)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Busy("full", 1_500), 429, "2"),
        (StoreFull("full", 1_000), 503, "1"),
        (Paused("paused", 1), 503, "1"),
        (StoreBroken("gone"), 503, "1"),
        (NotAllowed("no"), 403, None),
        (Refused("no"), 409, None),
        (AssertionError("secret"), 500, None),
    ],
)
def test_every_no_has_its_status_and_says_when_to_try_again(
    error: Exception, status: int, retry_after: str | None
) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.headers.get("Retry-After")) == (status, retry_after)
    assert "secret" not in str(problem)


async def test_trusted_code_is_not_for_strangers(door: Door, ann: Person) -> None:
    """There is no header that makes a stranger the node."""
    for name in ("node", "operator", "timer", "keeper"):
        headers = signed_headers(ann, "k1", ann.sign("tests.kept", f"{name}/k1", {"text": "x"}))
        headers["Parley-Identity"] = name
        assert (await door.post("tests.kept", {"text": "x"}, headers)).status_code == 401
    await door.store.act(noted, sender="node", text="still here")
