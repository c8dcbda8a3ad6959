"""The only code that publishes a policy: proposed by one person, released by two others.

A reducer cannot read TOML. Whoever proposes has it read first, and whoever loads a text that was
published reads it again: one that is no policy, or that loosens, makes nothing looser.
"""

from hashlib import sha256

from consent.policy.parsing import TEXT_CHARS_MAX
from consent.policy.tables import PolicyKind, PolicyProposal, PolicyRelease, PolicyText
from runtime import Context, Refused, reducer
from runtime.errors import NotAllowed
from runtime.gates.reducers import open as open_gate
from runtime.gates.rules import FOUR_EYES
from runtime.gates.tables import GatePolicy
from runtime.identities.tables import Identity

WHY_CHARS_MAX = 300

GATE = "consent-policy"
"""The gate's policy. A house sets its own with `runtime.gate_policy_set`; two people at least."""

APPROVERS = ("compliance", "operator")
DAY_US = 86_400_000_000


@reducer
def policy_law_noted(ctx: Context, text: str) -> str:
    """The data that shipped, word by word, so that the log holds what calls went by.

    Answers their version.
    """
    return _kept(ctx, PolicyKind.LAW, text)


@reducer(by=APPROVERS, signed=True)
def policy_proposed(
    ctx: Context, *, belongs_to: str, text: str, law: str, from_us: int | None, why: str
) -> str:
    """A tenant's calls shall go by this text from a time on, or from its release. Answers the gate.

    `belongs_to` is the tenant, `law` the version of the data that it was checked against.
    """
    _may_propose(ctx, belongs_to)
    if not 0 < len(text) <= TEXT_CHARS_MAX:
        raise Refused(f"a policy has 1 to {TEXT_CHARS_MAX} letters")
    if not 0 < len(why) <= WHY_CHARS_MAX:
        raise Refused(f"say why, in at most {WHY_CHARS_MAX} letters: others will decide by it")
    if ctx.table(PolicyText).get(law) is None:
        raise Refused(f"the law {law} is not in the log: propose with `parley policy publish`")
    if from_us is not None and from_us < ctx.now:
        raise Refused("a policy is in force from now or later: calls that were went by another")
    proposal, policy = ctx.new_id("policy"), _kept(ctx, PolicyKind.TENANT, text)
    gate = open_gate(
        ctx,
        policy=_gate_policy(ctx),
        subject=f"Consent policy {policy[:12]} for {belongs_to or 'all tenants'}: {why}",
        then=policy_released,
        args={"proposal": proposal},
        tenant=belongs_to,
    )
    ctx.table(PolicyProposal).insert(
        PolicyProposal(
            id=proposal,
            tenant=belongs_to,
            policy=policy,
            law=law,
            from_us=from_us,
            proposer=ctx.sender,
            gate=gate,
            proposed_us=ctx.now,
        )
    )
    return gate


@reducer
def policy_released(ctx: Context, proposal: str) -> str:
    """Two people agreed. Answers the policy that is in force, now or from its day on."""
    row = ctx.table(PolicyProposal).one(proposal)
    at_us = ctx.now if row.from_us is None else max(row.from_us, ctx.now)
    release = PolicyRelease(row.id, row.tenant, row.policy, at_us, ctx.now)
    return ctx.table(PolicyRelease).insert(release).policy


def _kept(ctx: Context, kind: PolicyKind, text: str) -> str:
    version = sha256(text.encode()).hexdigest()
    if ctx.table(PolicyText).get(version) is None:
        ctx.table(PolicyText).insert(PolicyText(version, kind, text, ctx.now))
    return version


def _may_propose(ctx: Context, tenant: str) -> None:
    """People only: nobody can approve their own proposal where nobody knows whose it is."""
    identity = ctx.table(Identity).get(ctx.sender)
    if identity is None:
        raise NotAllowed("a policy is proposed by a person: sign it with their key")
    if identity.tenant not in ("", tenant):
        raise NotAllowed(f"{identity.id} belongs to {identity.tenant}: name that tenant")


def _gate_policy(ctx: Context) -> str:
    """Who must agree: what the house has set, if it asks two people; else what ships."""
    known = ctx.table(GatePolicy).get(GATE)
    if known is None:
        ctx.table(GatePolicy).insert(
            GatePolicy(
                id=GATE,
                asks=APPROVERS,
                quorum=FOUR_EYES,
                expires_after_us=14 * DAY_US,
                escalate_after_us=None,
                escalates_to=(),
            )
        )
    elif known.quorum < FOUR_EYES:
        raise Refused(f"gate policy {GATE} lets one person decide: set its quorum to {FOUR_EYES}")
    return GATE
