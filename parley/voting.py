"""Votes of people at gates, signed by them; and who is asked where nobody has said who."""

from typing import Any

from parley.asked import OPERATOR, Args, text
from recordings.retention.precedence import DAY_US
from runtime.errors import Refused
from runtime.execution import Action
from runtime.gates.reducers import gate_approved, gate_policy_set, gate_refused
from runtime.gates.tables import Gate, GatePolicy
from runtime.identities import signing
from runtime.identities.tables import Identity
from runtime.reducers import find
from runtime.store import Store
from sessions.emergency_reducers import REVIEW_POLICY
from sessions.retention.hold_reducers import RELEASE_POLICY
from sessions.retention.reducers import ERASURE_POLICY
from sessions.retention.standing_reducers import STANDING_POLICY

ASKED_ROLES = ("privacy-officer", "operator")
ANSWER_DAYS = 14
"""How long people have to decide, under the policies that are set where there are none."""
POLICIES = (ERASURE_POLICY, RELEASE_POLICY, STANDING_POLICY, REVIEW_POLICY)


async def vote(store: Store, asked: Args) -> dict[str, Any]:
    """A signed vote: gate, approve (yes or no), why, identity, sig, key (of the request)."""
    name = gate_approved if asked.get("approve") is True else gate_refused
    identity, gate = text(asked, "identity"), text(asked, "gate")
    known = await store.reader.rows(Identity, id=identity)
    if not known:
        raise Refused(f"there is no identity {identity}: parley identity new")
    if not await store.reader.rows(Gate, id=gate):
        raise Refused(f"there is no gate {gate}: `parley approve` lists those that wait")
    action = Action(
        find(name).name,
        {"gate": gate, "why": text(asked, "why")},
        identity,
        request=f"{identity}/{text(asked, 'key')}",
        tenant=known[0].tenant,
        proof=signing.proof_of(identity, known[0].key, text(asked, "sig")),
    )
    committed = await store.submit(action)
    return {"gate": gate, "state": committed.entry.result, "entry": committed.entry.seq}


async def policies_set(store: Store) -> None:
    """Two people decide, also where nobody has said who."""
    known = [row.id for row in await store.reader.rows(GatePolicy)]
    for name in POLICIES:
        if name not in known:
            policy = GatePolicy(
                id=name,
                asks=ASKED_ROLES,
                quorum=2,
                expires_after_us=ANSWER_DAYS * DAY_US,
                escalate_after_us=None,
                escalates_to=(),
            )
            await store.act(gate_policy_set, sender=OPERATOR, policy=policy)
