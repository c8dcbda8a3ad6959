"""The ways out of the house that one call may take, in their order, as its row holds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from telephony.flow import Hop
from telephony.sip import dialog as rows
from telephony.sip.dialog import DialogState
from telephony.sip.headers import Lines
from telephony.sip.name_addr import NameAddr
from telephony.sip.uri import Uri

WAYS_MAX = 8
HOPS_MAX = 8


@dataclass(frozen=True, slots=True)
class WayOut:
    """By which trunk, and who we and they are on it. Hops are tried in their order."""

    trunk: str
    target_uri: str
    from_uri: str
    hops: tuple[Hop, ...]
    headers: Lines = ()


def written(ways: Sequence[WayOut]) -> str:
    """ValueError when one of their URIs is none."""
    return json.dumps(
        [
            {
                "trunk": way.trunk,
                "target": Uri.parse(way.target_uri).text,
                "from": rows.plain(NameAddr.parse(way.from_uri)),
                "hops": [rows.written_hop(hop) for hop in way.hops[:HOPS_MAX]],
                "headers": rows.written_lines(way.headers),
            }
            for way in ways[:WAYS_MAX]
        ]
    )


def next_hop(state: DialogState) -> tuple[DialogState, Hop] | None:
    """The row without the hop that is tried next, and that hop; none when all were tried."""
    while not state.hops:
        ways = json.loads(state.otherwise or "[]")
        if not ways:
            return None
        way, *left = ways
        state = replace(
            state,
            trunk=way["trunk"],
            remote_target=way["target"],
            remote_uri=f"<{way['target']}>",
            local_uri=way["from"],
            hops="\n".join(way["hops"]),
            invite_headers=way["headers"],
            otherwise=json.dumps(left),
        )
    line, _, rest = state.hops.partition("\n")
    # What another server was answered is no use here.
    return replace(state, hops=rest, authorization=""), rows.read_hop(line)
