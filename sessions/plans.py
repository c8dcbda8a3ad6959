"""What is known of a call when it is answered: by this somebody says what its party is owed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from consent.policy.terms import Role
from consent.tables import Basis, BasisKind
from consent.terms import NEVER, Term, ask_terms, never_terms
from runtime.keystore import KeyDestroyed, Keystore, KeystoreError
from runtime.query import Reads
from runtime.sealed import Sealed, unseal
from sessions.consult_reducers import Consultation
from sessions.tables import Call, Dial
from telephony.bridge import SUPERVISES


@dataclass(frozen=True, slots=True)
class Facts:
    """`remote` is the other end as a URI, "" where nobody knows.

    `with_others` are those whose call this one is about, or joins. `is_verified`: a trunk of ours
    says that it is them, or we called them. `basis` is why we called.
    """

    call: str
    remote: str
    role: Role
    is_ours: bool
    is_verified: bool
    with_others: tuple[tuple[Role, str], ...] = ()
    basis: BasisKind | None = None


TermsFor = Callable[[Facts], Awaitable[tuple[Term, ...]]]
"""What a party is owed. Never raises: what cannot be known is taken for the strictest."""


def by_name(policy: str) -> TermsFor:
    """Policy `ask` or `never`: the same for all."""

    async def terms_for(facts: Facts) -> tuple[Term, ...]:
        return never_terms() if policy == NEVER else ask_terms()

    return terms_for


async def facts_of(rows: Reads, keystore: Keystore, call: str, trunk: str) -> Facts:
    """By the rows of a call that came, or goes, by a trunk. What is erased is not known."""
    (row,) = await rows.rows(Call, id=call)
    dials = await rows.rows(Dial, id=call)
    if not dials:
        remote = _opened(keystore, row.remote)
        return Facts(call, remote, Role.CALLER, is_ours=False, is_verified=bool(trunk))
    return await facts_of_order(rows, keystore, dials[0], _opened(keystore, row.remote))


async def facts_of_order(rows: Reads, keystore: Keystore, dial: Dial, remote: str) -> Facts:
    """The same of a call that we make, before it is placed, too. `remote` is who is called."""
    call = dial.id
    about = [one.call for one in await rows.rows(Consultation, id=call)]
    others = [*about, *([dial.joins] if dial.joins is not None else [])]
    known = [one for other in others for one in await rows.rows(Call, id=other)]
    bases = await rows.rows(Basis, id=dial.basis)
    return Facts(
        call=call,
        remote=remote,
        role=_role(dial, is_consulted=bool(about)),
        is_ours=True,
        is_verified=True,
        with_others=tuple((Role.CALLER, _opened(keystore, one.remote)) for one in known),
        basis=next((one.kind for one in bases), None),
    )


def _role(dial: Dial, *, is_consulted: bool) -> Role:
    if dial.joins is not None:
        return Role.SUPERVISOR if dial.part in SUPERVISES else Role.HUMAN
    return Role.HUMAN if is_consulted else Role.CALLER


def _opened(keystore: Keystore, sealed: Sealed[str]) -> str:
    try:
        return unseal(sealed, keystore.key(sealed.key_id))
    except (KeyDestroyed, KeystoreError, InvalidTag, ValueError):
        return ""
