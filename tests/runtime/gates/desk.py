"""Those who propose and decide, and what becomes of a proposal, for the tests of gates."""

from pathlib import Path

from runtime import Context, reducer, table
from runtime.gates import open, withdraw
from runtime.gates.reducers import gate_policy_set
from runtime.gates.tables import GatePolicy
from runtime.identities.rules import State
from runtime.identities.tables import Identity
from tests.runtime.virtual import SECOND, House

HOUR = 3_600 * SECOND

SUPERVISED = GatePolicy(
    id="supervised",
    asks=("supervisor",),
    quorum=1,
    expires_after_us=HOUR,
    escalate_after_us=HOUR // 4,
    escalates_to=("manager", "id_owner"),
)
FOUR_EYES = GatePolicy(
    id="four-eyes",
    asks=("supervisor",),
    quorum=2,
    expires_after_us=HOUR,
    escalate_after_us=None,
    escalates_to=(),
)

PEOPLE = {
    "id_ann": ("supervisor",),
    "id_bob": ("supervisor", "operator"),
    "id_max": ("manager",),
    "id_owner": (),
    "id_guest": ("guest",),
}


@table(name="outcome", append_only=True)
class Outcome:
    """What a waiting action came to."""

    id: str
    what: str
    done: bool


@reducer(by=("*",))
def proposed(ctx: Context, what: str, policy: str, asks: list[str], firm: str) -> str:
    """Something is to be done, if people agree. Answers the gate."""
    return open(
        ctx,
        policy=policy,
        subject=f"May we do {what}?",
        then=carried_out,
        args={"what": what},
        otherwise=turned_down,
        asks=tuple(asks),
        tenant=firm,
    )


@reducer
def badly_proposed(ctx: Context) -> str:
    """The action takes no such argument."""
    return open(
        ctx, policy="supervised", subject="May we?", then=carried_out, args={"who": "nobody"}
    )


@reducer
def dropped(ctx: Context, gate: str) -> None:
    """What was proposed has no point any more."""
    withdraw(ctx, gate, "the call has ended")


@reducer
def carried_out(ctx: Context, what: str) -> None:
    """It is done."""
    ctx.table(Outcome).insert(Outcome(id=ctx.new_id("outcome"), what=what, done=True))


@reducer
def turned_down(ctx: Context, what: str) -> None:
    """It will not be done."""
    ctx.table(Outcome).insert(Outcome(id=ctx.new_id("outcome"), what=what, done=False))


@reducer
def became(ctx: Context, identity: str, state: State) -> None:
    """An identity is suspended, or active again."""
    row = ctx.table(Identity).one(identity)
    ctx.table(Identity).replace(
        Identity(
            id=row.id,
            kind=row.kind,
            state=state,
            key=row.key,
            roles=row.roles,
            tenant=row.tenant,
            name=row.name,
            registered_us=row.registered_us,
            changed_us=ctx.now,
            why="test",
        )
    )


async def staffed(folder: Path) -> House:
    """A house with its people and policies."""
    house = await House.open(folder)
    for name, roles in PEOPLE.items():
        await house.introduce(name, *roles)
    for policy in (SUPERVISED, FOUR_EYES):
        await house.act(gate_policy_set, policy=policy)
    return house


async def propose(
    house: House,
    policy: str = "supervised",
    *,
    what: str = "it",
    sender: str = "node",
    scope: str | None = None,
    asks: tuple[str, ...] = (),
    firm: str = "",
) -> str:
    """Open a gate. Answers its id."""
    gate: str = await house.act(
        proposed,
        sender=sender,
        scope=scope,
        what=what,
        policy=policy,
        asks=list(asks),
        firm=firm,
    )
    return gate
