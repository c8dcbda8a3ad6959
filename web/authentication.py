"""Who is asking: an identity that signed this very action, or one that logged in."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.errors import NotAllowed
from runtime.identities import rules, signing
from runtime.identities.senders import check_login
from runtime.identities.tables import Identity, Login
from web.asking import Asked
from web.desk import Desk
from web.problems import not_authenticated

IDENTITY, SIGNATURE = "Parley-Identity", "Parley-Signature"
LOGIN, MAC = "Parley-Login", "Parley-MAC"
HOW = f"send {IDENTITY} and {SIGNATURE}, or {LOGIN} and {MAC}"


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity that proved itself, and what the log keeps of its proof."""

    identity: Identity
    proof: signing.Proof
    until_us: int = 0
    """When the login expires; 0 without one."""


async def by_headers(desk: Desk, headers: Mapping[str, str], asked: Asked) -> Caller:
    """Raises Problem 401 where the proof is missing or wrong, NotAllowed for the suspended."""
    identity, signature = headers.get(IDENTITY), headers.get(SIGNATURE)
    login, mac = headers.get(LOGIN), headers.get(MAC)
    if identity is not None and signature is not None and login is None and mac is None:
        return await by_signature(desk, identity, signature, asked)
    if login is not None and mac is not None and identity is None and signature is None:
        return await by_login(desk, login, mac, asked)
    raise not_authenticated(f"who is asking? {HOW}")


async def by_signature(desk: Desk, identity: str, signature: str, asked: Asked) -> Caller:
    """The identity signed this very action with its key."""
    found = await desk.store.reader.rows(Identity, id=identity)
    if not found:
        raise not_authenticated(str(rules.unknown(identity)))
    return signed(found[0], signature, asked)


def signed(identity: Identity, signature: str, asked: Asked) -> Caller:
    """The same, for an identity whose row is at hand."""
    if not signing.verify(identity.key, asked.message(identity.id), signature):
        raise not_authenticated(
            f"{identity.id} did not sign exactly this action: sign log, identity, reducer, scope,"
            " request, args as canonical JSON"
        )
    rules.check_state(identity.id, identity.state, identity.why)
    return Caller(identity, signing.proof_of(identity.id, identity.key, signature))


async def by_login(desk: Desk, login: str, mac: str, asked: Asked) -> Caller:
    """The identity logged in, and whoever asks holds the login's key."""
    found = await desk.store.reader.rows(Login, id=login)
    if not found:
        raise not_authenticated("there is no such login: log in again")
    (identity,) = await desk.store.reader.rows(Identity, id=found[0].identity)
    key = signing.mac_key(desk.secret, login)
    if not signing.verify_mac(key, asked.message(identity.id), mac):
        raise not_authenticated("the MAC is not of this login and exactly this action")
    rules.check_state(identity.id, identity.state, identity.why)
    try:
        check_login(found[0], desk.clock())
    except NotAllowed as over:
        raise not_authenticated(str(over)) from over
    return Caller(identity, {"login": login}, found[0].expires_us)
