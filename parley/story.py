"""The log entries that tell of one call: its own chain, and what happened elsewhere about it."""

from typing import Any

import apsw

from runtime import canonical

Delta = tuple[str, dict[str, Any] | None, dict[str, Any] | None]

OWN = ("call", "recording", "dial")
"""Tables whose id is the call's."""

NEEDLES_MAX = 64
"""Things the call is bound up with elsewhere: more are not looked for."""


def entries(rows: apsw.Connection, call: str, basis: str | None) -> list[bytes]:
    """In the order of the log, as canonical bytes.

    Elsewhere are: who ordered the call and on what basis, joined calls that closed its gate, the
    holds that bind it, and who agreed to an erasure.
    """
    own = rows.execute("SELECT seq, entry FROM log WHERE scope = ? ORDER BY seq", (call,))
    found: dict[int, bytes] = {seq: bytes(entry) for seq, entry in own}
    wanted = {call} | ({basis} if basis else set())
    looked: set[str] = set()
    while (new := sorted(wanted - looked)) and len(looked) < NEEDLES_MAX:
        for needle in new[: NEEDLES_MAX - len(looked)]:
            looked.add(needle)
            for seq, raw in _mentioning(rows, call, needle):
                if seq not in found and _is_about(canonical.decode(raw), call, wanted):
                    found[seq] = raw
        for raw in found.values():
            wanted |= _names(canonical.decode(raw), call)
    return [found[seq] for seq in sorted(found)]


def _mentioning(rows: apsw.Connection, call: str, needle: str) -> list[tuple[int, bytes]]:
    said = rows.execute(
        "SELECT seq, entry FROM log WHERE scope IS NOT ? AND instr(entry, ?) ORDER BY seq",
        (call, needle.encode()),
    )
    return [(seq, bytes(entry)) for seq, entry in said]


def _is_about(entry: dict[str, Any], call: str, wanted: set[str]) -> bool:
    deltas: list[Delta] = entry["deltas"]
    return any(_concerns(table, old, new, call, wanted) for table, old, new in deltas)


def _concerns(
    table: str,
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    call: str,
    wanted: set[str],
) -> bool:
    row = new or old or {}
    if table in OWN:
        return row["id"] == call
    if table == "basis":
        return row["id"] in wanted and not _only_used(old, new)
    if table in ("legal_hold", "standing_approval"):
        return row["id"] in wanted
    if table == "gate_vote":
        return row["gate"] in wanted
    return row.get("call") == call


def _only_used(old: dict[str, Any] | None, new: dict[str, Any] | None) -> bool:
    """Another call was placed on the same basis: that is its own story."""
    both = old is not None and new is not None
    return both and {**(old or {}), "placed_us": None} == {**(new or {}), "placed_us": None}


def _names(entry: dict[str, Any], call: str) -> set[str]:
    """What else is to be looked for: holds that bind the call, and where an erasure was decided."""
    found: set[str | None] = set()
    deltas: list[Delta] = entry["deltas"]
    for table, _, new in deltas:
        if new is None or new.get("call", call) != call:
            continue
        if table == "held_call":
            found.add(new["hold"])
        elif table == "erasure":
            found |= {new["gate"], new["standing"]}
        elif table == "standing_approval":
            found.add(new["gate"])
    return {name for name in found if name}
