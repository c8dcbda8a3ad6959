"""The parties of a vCon: who is at the other end, the agent, and whoever joined."""

import re
from collections.abc import Iterator
from typing import Any

from recordings.vcon.conversation import VENDOR, Conversation, Record
from recordings.vcon.values import named_uuid

ANONYMOUS = "anonymous"

# A number in international form, as the user of a SIP URI or in a tel URI (RFC 3966).
_NUMBER = re.compile(r"(?:sips?|tel):(?P<number>\+[0-9]{3,15})(?:[@;].*)?", re.ASCII)


def parties(told: Conversation) -> list[dict[str, Any]]:
    """In the order of REMOTE and AGENT; then those who joined, then those handed over to."""
    remote = party_of(told.call["remote"]) | {"type": "person", "uuid": named_uuid(told.call["id"])}
    if told.passport is not None and told.call["remote"] is not None:
        remote["stir"] = told.passport
    return [
        remote,
        _agent(told),
        *({"type": "person", "uuid": named_uuid(one["call"])} for one in joined(told)),
        *(_target(one["args"]) for one in transfers(told)),
    ]


def party_of(uri: str | None) -> dict[str, Any]:
    """Who goes by a URI. Of one that was erased, or hides, only that there was somebody."""
    if not uri or "anonymous.invalid" in uri:
        return {"name": ANONYMOUS}
    found: dict[str, Any] = {}
    if number := _NUMBER.match(uri):
        found["tel"] = f"tel:{number['number']}"
    if uri.startswith(("sip:", "sips:")):
        found["sip"] = uri
    return found or {"name": ANONYMOUS}


def _agent(told: Conversation) -> dict[str, Any]:
    """A machine, and to be told as such (AI Act article 50)."""
    local = told.call["local"]
    name = {"name": told.call["agent"], "validation": "none", "type": "bot"}
    return (party_of(local) if local is not None else {}) | name | {"org": VENDOR}


def _target(args: Record) -> dict[str, Any]:
    """Whom the caller was handed over to: an address, or the party of another call of ours."""
    if "call" in args:
        return {"type": "person", "uuid": named_uuid(str(args["call"]))}
    return party_of(str(args.get("to", "")))


def joined(told: Conversation) -> list[Record]:
    """The members of its bridges, the call itself left out; each party once."""
    found: dict[str, Record] = {}
    for bridge in told.record["bridges"]:
        for member in bridge["members"]:
            if member["call"] != told.call["id"]:
                found.setdefault(member["call"], member)
    return list(found.values())


def transfers(told: Conversation) -> list[Record]:
    """Orders to hand the caller over which were carried out, or tried."""
    return [
        action
        for action in told.record["actions"]
        if action["tool"] == "transfer" and action["args"] is not None
    ]


def places(told: Conversation) -> Iterator[tuple[int, Record]]:
    """Who joined, each with the place in `parties`."""
    yield from enumerate(joined(told), start=2)


def targets(told: Conversation) -> Iterator[tuple[int, Record]]:
    """Transfers, each with the place of whom the caller was handed over to."""
    yield from enumerate(transfers(told), start=2 + len(joined(told)))
