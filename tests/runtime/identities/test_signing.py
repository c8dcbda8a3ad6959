"""What is signed is one action and no other, and the entry alone proves it."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from runtime.identities import signing
from runtime.log import Entry
from tests.runtime.identities.people import Person

ANN, BOB = Person(1), Person(2)
ARGS: dict[str, Any] = {"call": "c1", "cents": 5, "data": b"\x00"}


def entry(**other: Any) -> Entry:
    signature = ANN.sign("x.approved", f"{ANN.id}/r1", ARGS, "c1", "log/a")
    made = Entry(
        seq=7,
        at_us=1,
        actor=ANN.id,
        reducer="x.approved",
        module="",
        request=f"{ANN.id}/r1",
        scope="c1",
        scope_seq=1,
        scope_prev=None,
        prev="",
        seed="",
        args=ARGS,
        result=None,
        closes=None,
        deltas=[],
        proof=ANN.proof(signature),
    )
    return replace(made, **other)


def test_a_signed_entry_is_verified_from_its_bytes_and_the_key() -> None:
    signing.verify_entry(Entry.decode(entry().encode()), ANN.public, "log/a")


@pytest.mark.parametrize(
    "other",
    [
        {"args": {**ARGS, "cents": 6}},
        {"args": {**ARGS, "more": None}},
        {"scope": "c2"},
        {"scope": None},
        {"request": f"{ANN.id}/r2"},
        {"reducer": "x.refused"},
        {"actor": BOB.id},
        {"proof": None},
        {"proof": {"login": "login_a"}},
        {"proof": BOB.proof(BOB.sign("x.approved", f"{ANN.id}/r1", ARGS, "c1", "log/a"))},
        {"proof": ANN.proof("")},
        {"proof": ANN.proof(base64.b64encode(bytes(64)).decode())},
        {"proof": ANN.proof("not base64")},
    ],
    ids=str,
)
def test_an_entry_that_says_anything_else_is_not_verified(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="entry 7"):
        signing.verify_entry(entry(**other), ANN.public, "log/a")


def test_an_entry_is_signed_for_one_log_and_with_one_key() -> None:
    with pytest.raises(ValueError, match="entry 7"):
        signing.verify_entry(entry(), ANN.public, "log/b")
    with pytest.raises(ValueError, match="entry 7"):
        signing.verify_entry(entry(), BOB.public, "log/a")


def test_a_mac_is_of_one_login_and_one_message() -> None:
    key, other = (signing.mac_key(bytes(32), login) for login in ("login_a", "login_b"))
    given = signing.mac(key, b"data")
    assert signing.verify_mac(key, b"data", given)
    assert not signing.verify_mac(key, b"date", given)
    assert not signing.verify_mac(other, b"data", given)
    assert not signing.verify_mac(key, b"data", "")
    assert not signing.verify_mac(key, b"data", "é\ud800")


def test_another_secret_makes_other_keys() -> None:
    assert signing.mac_key(bytes(32), "login_a") != signing.mac_key(bytes([1]) * 32, "login_a")
