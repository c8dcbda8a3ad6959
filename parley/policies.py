"""Policies as an operator has them: what is in force, and proposing another."""

import time
from collections.abc import Sequence
from typing import Any

import apsw

from consent.policy import in_force, parsing, tightening
from consent.policy.cells import Law, Overlay
from consent.policy.errors import Loosened, PolicyError
from consent.policy.reducers import policy_law_noted, policy_proposed
from consent.policy.shipped import law as shipped_law
from consent.policy.tables import PolicyProposal, PolicyRelease, PolicyText
from parley.asked import OPERATOR, Args, Misused, octets, request_of, text
from runtime.errors import Refused
from runtime.gates.tables import Gate
from runtime.identities import signing
from runtime.store import Store
from runtime.tables import select

Plain = dict[str, Any]


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def checked(law: Law, file: str, words: str) -> Overlay:
    """A tenant's file that tightens, from today on. Raises PolicyError, and of that Loosened where
    it does not."""
    overlay = parsing.overlay(file, words)
    tightening.check(law, overlay, in_force.day_of(now_us()))
    return overlay


async def policy_propose(store: Store, asked: Args) -> Plain:
    """Ask two others to publish: tenant, text, law, from_us, why; signed: identity, key,
    signed_request, signature."""
    law, words = shipped_law(), text(asked, "text")
    if text(asked, "law") != law.version:
        raise Refused(
            f"the server goes by the law {law.version[:12]}, you by another:"
            " propose with the version of Parley that the server runs"
        )
    try:
        checked(law, text(asked, "file", "the policy"), words)
    except Loosened as error:
        raise Refused(str(error)) from error
    except PolicyError as error:
        raise Misused(str(error)) from error
    from_us = asked.get("from_us")
    if from_us is not None and type(from_us) is not int:
        raise Misused("'from_us' is a whole number, or not there")
    request = request_of(asked, "law")
    await store.act(policy_law_noted, sender=OPERATOR, request=request, text=law.text)
    identity = text(asked, "identity")
    gate: str = await store.act(
        policy_proposed,
        sender=identity,
        request=text(asked, "signed_request"),
        proof=signing.proof_of(identity, octets(asked, "key"), text(asked, "signature")),
        belongs_to=text(asked, "tenant"),
        text=words,
        law=law.version,
        from_us=from_us,
        why=text(asked, "why"),
    )
    return {"gate": gate, "policy": parsing.digest(words)}


def overlays(rows: apsw.Connection, law: Law, tenant: str, at_us: int) -> tuple[Overlay, ...]:
    """What is in force for a tenant at a moment."""
    return in_force.overlays(law, _all(rows, PolicyRelease), kept(rows), tenant, at_us)


def kept(rows: apsw.Connection) -> dict[str, str]:
    """Every text in the log by its version."""
    return {row.id: row.text for row in _all(rows, PolicyText)}


def history(rows: apsw.Connection, law: Law) -> list[Plain]:
    """Every proposal, the oldest first, with what became of it, and what is wrong with its text."""
    texts = kept(rows)
    gates = {row.id: row for row in _all(rows, Gate)}
    releases = {row.id: row for row in _all(rows, PolicyRelease)}
    proposals: Sequence[PolicyProposal] = _all(rows, PolicyProposal)
    found = sorted(proposals, key=lambda row: (row.proposed_us, row.id))
    return [
        _plain(row, gates[row.gate], releases.get(row.id))
        | {"flaw": flaw(law, row.policy, texts[row.policy])}
        for row in found
    ]


def flaw(law: Law, policy: str, words: str) -> str | None:
    """Why a text that is in the log would not be published today; None where it would."""
    try:
        checked(law, policy[:12], words)
    except PolicyError as error:
        return str(error)
    return None


def _plain(row: PolicyProposal, gate: Gate, release: PolicyRelease | None) -> Plain:
    return {
        "tenant": row.tenant,
        "policy": row.policy,
        "law": row.law,
        "proposer": row.proposer,
        "proposed_us": row.proposed_us,
        "gate": row.gate,
        "state": str(gate.state) if release is None else "released",
        "subject": gate.subject,
        "from_us": row.from_us if release is None else release.from_us,
        "released_us": None if release is None else release.released_us,
    }


def _all(rows: apsw.Connection, cls: type[Any]) -> list[Any]:
    try:
        return select(rows, cls, (), ())
    except apsw.SQLError:
        return []  # A store from before there were policies.
