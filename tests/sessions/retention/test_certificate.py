"""The certificate of an erasure holds, and does not where anything in it is otherwise."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley.certifying import NotErased, certified
from recordings.retention.certificate import BYTES_MAX, BadCertificate, check, readable
from runtime import canonical, checkpoint
from runtime.engines import sqlite
from runtime.log_key import ORIGIN, load_or_create
from runtime.tables import select
from sessions.retention.tables import Erasure
from tests.parley.a_call import agreed
from tests.sessions.retention.desk import desk, identity_of

pytestmark = pytest.mark.anyio


async def issued(data: Path) -> bytes:
    one = await agreed(data)
    async with desk(data) as here:
        await here.erase(one.call)
    return paper(data)


def paper(data: Path) -> bytes:
    rows = sqlite.open_reader(data / "parley.db")
    try:
        (erasure,) = select(rows, Erasure, (), ())
        return certified(rows, erasure, load_or_create(data / "log.key"), "2027-01-01")
    finally:
        rows.close()


def vkey(data: Path) -> str:
    return checkpoint.verifier_key(ORIGIN, load_or_create(data / "log.key").public_key())


def signed_again(body: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """As an insider would, who holds the log key."""
    body.pop("signature", None)
    signature = base64.b64encode(key.sign(canonical.encode(body))).decode()
    return canonical.encode({**body, "signature": signature})


async def test_it_says_what_was_destroyed_and_who_agreed(tmp_path: Path) -> None:
    body = check(await issued(tmp_path), vkey(tmp_path))
    assert {tuple(one["artefacts"]) for one in body["destroyed"]} == {
        ("audio",),
        ("transcript", "actions_pii"),
        ("caller_details",),
    }
    assert {one["identity"] for one in body["approvers"]} == {
        identity_of("ann"),
        identity_of("bob"),
    }
    text = readable(body)
    assert "keys expires: 2027-01-01" in text and body["erasure"] in text
    assert b"anna" not in all_of(body)


def all_of(body: dict[str, Any]) -> bytes:
    entries = b"".join(base64.b64decode(one["entry"]) for one in body["entries"])
    return canonical.encode(body) + entries


async def test_one_under_a_standing_approval_names_who_gave_it(tmp_path: Path) -> None:
    await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.approve((await here.ask("retention.stand", days=366))["gate"])
        await here.retaining.carry_out()
        here.wait(181)
        await here.retaining.carry_out()
    body = check(paper(tmp_path), vkey(tmp_path))
    assert body["trigger"] == "expiry"
    assert len(body["approvers"]) == 2


async def test_what_was_not_erased_is_not_certified(tmp_path: Path) -> None:
    one = await agreed(tmp_path)
    async with desk(tmp_path) as here:
        await here.ask("erasure.request", calls=[one.call], reason="why")
    with pytest.raises(NotErased, match="nothing was destroyed"):
        paper(tmp_path)


def another_call(body: dict[str, Any]) -> None:
    body["call"] = "call_other"


def one_key_less(body: dict[str, Any]) -> None:
    body["destroyed"].pop()


def another_key(body: dict[str, Any]) -> None:
    body["destroyed"][0]["key"] = "key_00"


def one_approver(body: dict[str, Any]) -> None:
    body["approvers"].pop()


def one_vote_less(body: dict[str, Any]) -> None:
    body["approvers"].pop()
    votes = [one for one in body["entries"] if b"gate_approved" in base64.b64decode(one["entry"])]
    body["entries"].remove(votes[-1])


def an_edited_entry(body: dict[str, Any]) -> None:
    entry = base64.b64decode(body["entries"][-1]["entry"])
    body["entries"][-1]["entry"] = base64.b64encode(entry.replace(b"node", b"nobo")).decode()


def another_place(body: dict[str, Any]) -> None:
    body["entries"][0]["index"] += 1


def no_last_look(body: dict[str, Any]) -> None:
    began = [one for one in body["entries"] if b"erasure_begun" in base64.b64decode(one["entry"])]
    body["entries"].remove(began[0])


def another_time(body: dict[str, Any]) -> None:
    body["destroyed"][0]["at_us"] -= 1


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (another_call, "not those that the log says"),
        (one_key_less, "not those that the log says"),
        (another_key, "not those that the log says"),
        (one_approver, "who agreed is not who it says"),
        (one_vote_less, "1 people agreed to it, not 2"),
        (an_edited_entry, "is not in the log"),
        (another_place, "is not in the log"),
        (no_last_look, "without the last look at holds"),
        (another_time, "was not destroyed in entry"),
    ],
)
async def test_what_was_changed_is_found_even_if_it_is_signed_again(
    tmp_path: Path, tamper: Callable[[dict[str, Any]], None], why: str
) -> None:
    body = canonical.decode(await issued(tmp_path))
    tamper(body)
    with pytest.raises(BadCertificate, match="signature is false"):
        check(canonical.encode(body))
    again = signed_again(body, load_or_create(tmp_path / "log.key"))
    with pytest.raises(BadCertificate, match=why):
        check(again, vkey(tmp_path))


async def test_another_log_key_is_not_trusted(tmp_path: Path) -> None:
    data = await issued(tmp_path)
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(BadCertificate, match="another key than the one you trust"):
        check(data, checkpoint.verifier_key(ORIGIN, stranger.public_key()))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"format":"parley-erasure/1"}', b"[" * 100_000]
)
def test_what_is_no_certificate_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BadCertificate):
        check(data)


def test_a_certificate_has_a_size() -> None:
    with pytest.raises(BadCertificate, match="more than"):
        check(b" " * (BYTES_MAX + 1))
