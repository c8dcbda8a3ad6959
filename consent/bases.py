"""Why somebody may be called: a lawful basis, recorded before the call and asked for by it."""

from dataclasses import replace

from consent.policy.terms import BasisKind
from consent.tables import Basis
from runtime import Context, Refused, Sealed, reducer


@reducer
def basis_recorded(
    ctx: Context,
    *,
    basis: str,
    party: Sealed[str],
    kind: BasisKind,
    source: Sealed[str],
    expires_us: int | None,
) -> str:
    """There is a reason why `party` (a URI) may be called; `source` says where it is kept.

    Answers the id.
    """
    if expires_us is not None and expires_us <= ctx.now:
        raise Refused("a basis that has expired is none: name a later time")
    ctx.table(Basis).insert(
        Basis(
            id=basis,
            party=party,
            kind=kind,
            source=source,
            granted_us=ctx.now,
            expires_us=expires_us,
            withdrawn_us=None,
        )
    )
    return basis


@reducer(by=("supervisor",))
def basis_withdrawn(ctx: Context, basis: str) -> None:
    """From now on nobody is called on it; a call that is up goes on."""
    row = _known(ctx, basis)
    if row.withdrawn_us is not None:
        raise Refused(f"{basis} is already withdrawn")
    ctx.table(Basis).replace(replace(row, withdrawn_us=ctx.now))


def live(ctx: Context, basis: str) -> Basis:
    """The basis to call somebody on. Raises Refused where it does not hold now."""
    row = _known(ctx, basis)
    if row.withdrawn_us is not None:
        raise Refused(f"{basis} was withdrawn: nobody is called on it; record a new one")
    if row.expires_us is not None and row.expires_us <= ctx.now:
        raise Refused(f"{basis} has expired: nobody is called on it; record a new one")
    return row


def used(ctx: Context, basis: str) -> None:
    """A call goes out on it now. Raises Refused where it does not hold."""
    ctx.table(Basis).replace(replace(live(ctx, basis), placed_us=ctx.now))


def _known(ctx: Context, basis: str) -> Basis:
    row = ctx.table(Basis).get(basis)
    if row is None:
        raise Refused(
            f"there is no basis {basis!r}: nobody is called without one; `parley dial` records it"
        )
    return row
