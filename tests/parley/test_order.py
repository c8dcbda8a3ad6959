"""The pack of a call of ours: who ordered it, and that its basis held when it went out."""

import json
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from consent.bases import basis_recorded, basis_withdrawn
from consent.policy.terms import BasisKind
from parley import evidence
from recordings.verify import Change, Entry, against_basis, holds, verify
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


def order(pack: Path) -> list[dict[str, Any]]:
    lines = (pack / "order" / "entries.jsonl").read_bytes().splitlines()
    return [canonical.decode(line) for line in lines]


async def test_it_names_who_ordered_the_call_and_all_that_became_of_its_basis(pack: Path) -> None:
    report = verify(pack)
    assert report.failures == []
    assert [entry["reducer"] for entry in order(pack)] == [
        "consent.basis_recorded",
        "sessions.call_dialled",
        "consent.basis_withdrawn",
    ]
    assert {entry["actor"] for entry in order(pack)} == {"operator"}


async def test_a_pack_without_them_does_not_verify(pack: Path) -> None:
    shutil.rmtree(pack / "order")
    sign_again(pack, load_or_create(pack.parent / "data" / "log.key"))
    assert verify(pack).failures == [
        "the call is one of ours, and no entry says who ordered and placed it"
    ]


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ("consent.basis_recorded", "no entry shows a basis that held"),
        ("sessions.call_dialled", "no entry says who ordered"),
    ],
)
async def test_a_pack_without_one_of_them_does_not_verify(
    pack: Path, left_out: str, told: str
) -> None:
    entries, proofs = pack / "order" / "entries.jsonl", pack / "order" / "proofs.json"
    kept = [n for n, entry in enumerate(order(pack)) if entry["reducer"] != left_out]
    lines, paths = entries.read_bytes().splitlines(), json.loads(proofs.read_bytes())
    entries.write_bytes(b"".join(lines[n] + b"\n" for n in kept))
    proofs.write_bytes(canonical.encode([paths[n] for n in kept]))
    sign_again(pack, load_or_create(pack.parent / "data" / "log.key"))
    failures = verify(pack).failures
    assert any(told in failure for failure in failures), failures


async def test_an_entry_that_the_log_never_had_does_not_verify(pack: Path) -> None:
    entries = pack / "order" / "entries.jsonl"
    first, *others = order(pack)
    first["deltas"][0][2]["expires_us"] = None
    forged = [canonical.encode(entry) + b"\n" for entry in (first, *others)]
    entries.write_bytes(b"".join(forged))
    sign_again(pack, load_or_create(pack.parent / "data" / "log.key"))
    assert f"entry {first['seq']} is not proved to be in the signed log" in verify(pack).failures


FACTS: dict[str, Any] = {
    "id": "b",
    "granted_us": 10,
    "expires_us": None,
    "withdrawn_us": None,
    "placed_us": None,
}


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


def entry(seq: int, at_us: int) -> Entry:
    return Entry(b"", b"", {}, seq, at_us)


def told(placing: dict[str, Any], *before: tuple[int, dict[str, Any]]) -> list[str]:
    """What speaks against a call ordered in entry 5, at 50, and placed in 6, at 60."""
    changes, known = list[Change](), None
    for seq, row in (*before, (6, placing)):
        changes.append(Change(entry(seq, 10 * seq), "basis", known, row))
        known = row
    dial = [Change(entry(seq, 10 * seq), "dial", None, {"id": "c"}) for seq in (6, 5)]
    return list(against_basis(changes, dial[0], dial[1]))


def test_a_basis_that_was_withdrawn_between_order_and_call_did_not_hold() -> None:
    placing = {**FACTS, "placed_us": 60}
    assert told(placing, (1, FACTS)) == []
    gone = {**FACTS, "withdrawn_us": 55}
    assert told({**gone, "placed_us": 60}, (1, FACTS)) == [
        "no entry shows a basis that held when entry 6 was made"
    ]
    assert told(placing, (5, {**FACTS, "expires_us": 50})) != []
