"""The certificate of an erasure, gathered from the store at one moment."""

from typing import Any, cast

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recordings.retention import certificate
from recordings.retention.certificate import Proved
from runtime import checkpoint, merkle
from runtime.gates.tables import GateVote
from runtime.identities.tables import Identity
from runtime.log import Entry
from runtime.log_key import ORIGIN
from runtime.tables import select
from sessions.retention.tables import Erasure, KeyDestroyed, StandingApproval


class NotErased(LookupError):
    """There is nothing to certify; the message says why."""


def certified(
    rows: apsw.Connection, erasure: Erasure, key: Ed25519PrivateKey, keys_until: str | None
) -> bytes:
    """Raises NotErased. `keys_until` is the day on which the last copy of the keys expires."""
    gone = select(rows, KeyDestroyed, ("erasure",), (erasure.id,))
    if not gone:
        raise NotErased(f"{erasure.id} is {erasure.state}: nothing was destroyed under it")
    gate = erasure.gate or _standing(rows, erasure).gate
    votes = [vote for vote in select(rows, GateVote, ("gate",), (gate,)) if vote.approve]
    entries = _entries(rows, erasure, votes)
    leaves = [cast(bytes, leaf) for (leaf,) in rows.execute("SELECT leaf FROM log ORDER BY seq")]
    tree = merkle.Tree(leaves)
    seqs = {seq: Entry.decode(raw) for seq, raw in entries.items()}
    says: dict[str, Any] = {
        "call": erasure.call,
        "party": "all parties",
        "erasure": erasure.id,
        "trigger": erasure.trigger.value,
        "destroyed": [
            {
                "key": one.id,
                "artefacts": list(one.artefacts),
                "entry": _seq_of(seqs, "key_destroyed", one.id),
                "at_us": one.at_us,
            }
            for one in gone
        ],
        "approvers": [
            {"identity": vote.identity, "entry": _seq_of(seqs, "gate_vote", vote.id)}
            for vote in votes
        ],
        "backups": {"store_holds_keys": False, "keys_until": keys_until},
    }
    proved = [Proved(raw, seq - 1, tree.inclusion_proof(seq - 1)) for seq, raw in entries.items()]
    note = checkpoint.sign(ORIGIN, tree.size, tree.root(), key)
    return certificate.issue(says, proved, note, ORIGIN, key)


def _standing(rows: apsw.Connection, erasure: Erasure) -> StandingApproval:
    (row,) = select(rows, StandingApproval, ("id",), (erasure.standing,))
    return row


def _entries(rows: apsw.Connection, erasure: Erasure, votes: list[GateVote]) -> dict[int, bytes]:
    """Each entry that changed the erasure, agreed to it, or made known who agreed; by its seq."""
    found = _select(rows, "scope", erasure.call)
    wanted = {"erasure": {erasure.id}}
    times = [vote.at_us for vote in votes]
    people = [row for vote in votes for row in select(rows, Identity, ("id",), (vote.identity,))]
    times += [row.registered_us for row in people]
    wanted |= {"gate_vote": {vote.id for vote in votes}, "identity": {row.id for row in people}}
    if erasure.standing is not None:
        wanted["standing_approval"] = {erasure.standing}
        times += [
            at
            for (at,) in rows.execute(
                "SELECT opened_us FROM gate WHERE id = ?", (_standing(rows, erasure).gate,)
            )
        ]
    for at_us in dict.fromkeys(times):
        found += _select(rows, "at_us", at_us)
    return {seq: raw for seq, raw in sorted(found) if _changes(Entry.decode(raw), wanted)}


def _select(rows: apsw.Connection, column: str, value: str | int) -> list[tuple[int, bytes]]:
    found = rows.execute(f"SELECT seq, entry FROM log WHERE {column} = ?", (value,))
    return cast("list[tuple[int, bytes]]", list(found))


def _changes(entry: Entry, wanted: dict[str, set[str]]) -> bool:
    return any(
        new is not None and new.get("id") in wanted.get(table, set())
        for table, _, new in entry.deltas
    )


def _seq_of(entries: dict[int, Entry], table: str, row: str) -> int:
    """The entry that added a row."""
    for seq, entry in entries.items():
        if any(name == table and new and new.get("id") == row for name, _, new in entry.deltas):
            return seq
    raise NotErased(f"the log does not say where {row} came from")
