"""Logging in with one signature, then a MAC for each action."""

import base64
from pathlib import Path

import pytest

from runtime.identities.reducers import LOGIN_US, identity_resumed, identity_suspended
from runtime.identities.tables import Login
from runtime.store import Store
from tests.runtime.identities.people import Note, Person
from tests.web.door import SECRET, Door, login_body, mac_headers
from web import challenges
from web.challenges import CHALLENGE_US
from web.secret import load_or_create

SECOND_US = 1_000_000

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(store: Store) -> Person:
    return await Person(1, "supervisor").register(store)


@pytest.fixture
def door(store: Store) -> Door:
    return Door(store)


def all_bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def test_a_login_acts_with_a_mac(door: Door, ann: Person) -> None:
    session = await door.log_in(ann)
    first = await session.act("tests.noted", text="x")
    again = await session.act("tests.noted", text="x")
    assert first.status_code == 200
    assert again.json() == first.json()
    (note,) = await door.store.reader.rows(Note)
    assert note.by == ann.id


async def test_the_key_of_a_login_is_nowhere_on_disk(
    door: Door, ann: Person, tmp_path: Path
) -> None:
    session = await door.log_in(ann)
    await session.act("tests.noted", text="x")
    written = all_bytes_below(tmp_path)
    assert ann.id.encode() in written
    for form in (session.key, session.key.hex().encode(), base64.b64encode(session.key)):
        assert form not in written


async def test_a_retried_login_is_the_same_login(door: Door, ann: Person) -> None:
    made = await door.client.post("/v1/challenges")
    body = login_body(ann, made.json()["challenge"])
    one, other = [await door.client.post("/v1/logins", json=body) for _ in range(2)]
    assert one.json() == other.json()
    assert len(await door.store.reader.rows(Login)) == 1


async def test_an_old_or_made_up_challenge_is_not_taken(door: Door, ann: Person) -> None:
    made = (await door.client.post("/v1/challenges")).json()["challenge"]
    expiry, nonce, mac = made.split(".")
    later = f"{int(expiry, 16) + 1:x}.{nonce}.{mac}"
    ours_elsewhere = challenges.issue(bytes(32), bytes(16), door.now)
    for challenge in ("", "x", "..", later, made[:-1], made + "\u00e9", ours_elsewhere):
        answer = await door.client.post("/v1/logins", json=login_body(ann, challenge))
        assert answer.status_code == 401, challenge
        assert "get a new one" in answer.json()["why"]

    door.now += CHALLENGE_US - 1
    assert (await door.client.post("/v1/logins", json=login_body(ann, made))).status_code == 201
    door.now += 1
    assert (await door.client.post("/v1/logins", json=login_body(ann, made))).status_code == 401


async def test_nobody_logs_in_as_somebody_else(door: Door, ann: Person) -> None:
    bob = await Person(2).register(door.store)
    challenge = (await door.client.post("/v1/challenges")).json()["challenge"]
    answer = await door.client.post(
        "/v1/logins", json={**login_body(bob, challenge), "identity": ann.id}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [{}, {"identity": 1}, {"challenge": None}], ids=str)
async def test_a_login_without_its_parts_is_a_bad_request(door: Door, body: object) -> None:
    assert (await door.client.post("/v1/logins", json=body)).status_code == 400


async def test_a_mac_is_good_for_exactly_one_action(door: Door, ann: Person) -> None:
    session, other = await door.log_in(ann), await door.log_in(await Person(2).register(door.store))
    mac = session.mac("tests.noted", "k1", {"text": "x"})
    for args, headers in (
        ({"text": "y"}, mac_headers(session.login, "k1", mac)),
        ({"text": "x"}, mac_headers(session.login, "k2", mac)),
        ({"text": "x"}, mac_headers(session.login, "k1", mac[:-4] + "AAA=")),
        ({"text": "x"}, mac_headers(session.login, "k1", "")),
        ({"text": "x"}, mac_headers(other.login, "k1", mac)),
        ({"text": "x"}, mac_headers("login_x", "k1", mac)),
    ):
        answer = await door.post("tests.noted", args, headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "not_authenticated")
    assert await door.store.reader.rows(Note) == []


async def test_a_mac_does_not_do_where_a_signature_is_wanted(door: Door, ann: Person) -> None:
    session = await door.log_in(ann)
    answer = await session.act("tests.approved", call="c1", cents=5)
    assert answer.status_code == 403
    assert "must be signed" in answer.json()["why"]


async def test_an_ended_login_ends(door: Door, ann: Person) -> None:
    session = await door.log_in(ann)
    mac = session.mac("runtime.login_ended", "bye", {"login": session.login})
    answer = await door.client.delete(
        f"/v1/logins/{session.login}", headers=mac_headers(session.login, "bye", mac)
    )
    assert answer.status_code == 200
    refused = await session.act("tests.noted", text="x")
    assert refused.status_code == 401
    assert "logged out" in refused.json()["why"]


async def test_nobody_ends_the_login_of_another(door: Door, ann: Person) -> None:
    session, other = await door.log_in(ann), await door.log_in(await Person(2).register(door.store))
    mac = other.mac("runtime.login_ended", "bye", {"login": session.login})
    answer = await door.client.delete(
        f"/v1/logins/{session.login}", headers=mac_headers(other.login, "bye", mac)
    )
    assert answer.status_code == 403
    assert (await session.act("tests.noted", text="x")).status_code == 200


async def test_a_login_expires(door: Door, ann: Person) -> None:
    session = await door.log_in(ann)
    door.now += LOGIN_US + SECOND_US
    answer = await session.act("tests.noted", text="x")
    assert answer.status_code == 401
    assert "has expired: log in again" in answer.json()["why"]


async def test_a_suspension_ends_the_login(door: Door, ann: Person) -> None:
    session = await door.log_in(ann)
    await door.store.act(identity_suspended, sender="operator", identity=ann.id)
    assert (await session.act("tests.noted", text="x")).status_code == 403
    await door.store.act(identity_resumed, sender="operator", identity=ann.id)
    assert (await session.act("tests.noted", text="x")).status_code == 401


async def test_a_login_outlives_the_process_and_dies_with_the_secret(
    door: Door, ann: Person
) -> None:
    session = await door.log_in(ann)
    after = Door(door.store)
    assert after.secret == SECRET
    args = {"text": "x"}
    headers = mac_headers(session.login, "k1", session.mac("tests.noted", "k1", args))
    assert (await after.post("tests.noted", args, headers)).status_code == 200
    elsewhere = Door(door.store, secret=bytes(32))
    assert (await elsewhere.post("tests.noted", args, headers)).status_code == 401


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "logins.secret"
    made = load_or_create(path)
    assert len(made) == 32
    assert load_or_create(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"half")
    with pytest.raises(ValueError, match="32 bytes"):
        load_or_create(path)
