"""The pack of a call of ours: who ordered it, and that its basis held when it went out."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from consent.bases import basis_recorded, basis_withdrawn
from consent.policy.terms import BasisKind
from parley import evidence
from recordings.pack.checks import check, holds
from recordings.verify import verify
from runtime import canonical
from runtime.log_key import ORIGIN, load_or_create
from runtime.tables import select
from sessions.outbound import call_dialled, call_placed
from sessions.reducers import call_ended, call_sealed
from sessions.tables import Call
from tests.parley.a_call import SECOND_US, Playing, playing
from tests.recordings.test_verify import sign_again

pytestmark = pytest.mark.anyio

URI = "sip:bob@192.0.2.2"


async def record(one: Playing, basis: str, expires_us: int | None = None) -> None:
    one.now_us += SECOND_US
    key = one.keys.prepare()
    await one.store.act(
        basis_recorded,
        sender="operator",
        basis=basis,
        party=one.seal(URI, key),
        kind=BasisKind.CONSENT,
        source=one.seal("web form of 3 May", key),
        expires_us=expires_us,
    )


async def called(one: Playing, basis: str) -> str:
    """Dialled, placed and over; its id."""
    one.now_us += SECOND_US
    one.call = await one.store.act(call_dialled, sender="operator", basis=basis)
    words, caller = one.keys.prepare_several(2)
    await one.act(
        call_placed,
        call=one.call,
        line="sip",
        remote=one.seal(URI, caller),
        local=one.seal("sip:us@example.org", caller),
        agent="x:Y",
        words_key=words,
    )
    await one.act(call_ended, call=one.call, by="callee")
    await one.act(call_sealed, call=one.call, forgotten=True)
    return one.call


async def exported(data: Path, to: Path) -> Path:
    """The pack of the second of three calls, on a basis that is withdrawn in the end."""
    one = await playing(data)
    await record(one, "basis_other")
    await record(one, "basis_bob", one.now_us + 100 * SECOND_US)
    calls = [await called(one, "basis_bob") for _ in range(3)]
    one.now_us += SECOND_US
    await one.store.act(basis_withdrawn, sender="operator", basis="basis_bob")
    await one.store.checkpoint(ORIGIN, load_or_create(data / "log.key"))
    await one.store.close()
    rows = apsw.Connection(str(data / "parley.db"))
    (call,) = select(rows, Call, ("id",), (calls[1],))
    evidence.export(
        rows,
        call,
        key=one.keys.key,
        log_key=load_or_create(data / "log.key"),
        recordings=data / "recordings",
        directory=to,
        now_us=one.now_us,
    )
    rows.close()
    return to


@pytest.fixture
async def pack(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return await exported(tmp_path / "data", tmp_path / "pack")


def elsewhere(pack: Path) -> list[dict[str, Any]]:
    """The entries that are not of the call's own chain."""
    lines = (pack / "data" / "entries.jsonl").read_bytes().splitlines()
    call = (pack / "data" / "call.txt").read_text().strip()
    return [one for one in map(canonical.decode, lines) if one["scope"] != call]


def without(pack: Path, reducer: str) -> None:
    """Leave the entries of a reducer out."""
    entries = pack / "data" / "entries.jsonl"
    lines = entries.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if canonical.decode(line)["reducer"] != reducer]
    assert len(kept) < len(lines)
    entries.write_bytes(b"".join(kept))


async def test_it_names_who_ordered_the_call_and_all_that_became_of_its_basis(pack: Path) -> None:
    assert verify(str(pack)) == {}
    assert check(pack) == {}
    assert [entry["reducer"] for entry in elsewhere(pack)] == [
        "consent.basis_recorded",
        "sessions.call_dialled",
        "consent.basis_withdrawn",
    ]
    assert {entry["actor"] for entry in elsewhere(pack)} == {"operator"}


@pytest.mark.parametrize("left_out", ["consent.basis_recorded", "sessions.call_dialled"])
async def test_a_pack_without_one_of_them_does_not_verify(pack: Path, left_out: str) -> None:
    without(pack, left_out)
    sign_again(pack, load_or_create(pack.parent / "data" / "log.key"))
    assert set(verify(str(pack))) == {"log"}


async def test_an_entry_that_the_log_never_had_does_not_verify(pack: Path) -> None:
    entries = pack / "data" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"expires_us":', b'"expires_Us":', 1))
    sign_again(pack, load_or_create(pack.parent / "data" / "log.key"))
    assert "log" in verify(str(pack))


FACTS: dict[str, Any] = {"id": "b", "granted_us": 10, "expires_us": None, "withdrawn_us": None}


@pytest.mark.parametrize(
    ("changes", "does"),
    [
        ({}, True),
        ({"expires_us": 51}, True),
        ({"expires_us": 50}, False),
        ({"withdrawn_us": 20}, False),
        ({"granted_us": 51}, False),
    ],
)
def test_when_a_basis_holds(changes: dict[str, int], does: bool) -> None:
    assert holds({**FACTS, **changes}, 50) is does
