"""The trunks of the configuration as the telephony has them, and who is let in without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from parley.config import Config, Secret, SecretError, Trunk
from runtime.errors import NotNow
from runtime.store import Store
from telephony.sip.authorizing import CredentialsOf
from telephony.sip.challenges import Challenger
from telephony.sip.digest import Algorithm
from telephony.sip.gate import Gate
from telephony.trunks import Auth, TrunkGate, TrunkLines
from telephony.trunks import Trunk as Policy
from telephony.trunks.line import Resolve
from telephony.trunks.reducers import trunk_changed
from telephony.trunks.tables import TrunkState
from web.secret import load_or_create

OPEN_HINT = (
    "Name a [[trunk]] with its peers, listen on 127.0.0.1 only, or write open = true under [sip]."
)


SECRET_NAME = "sip.secret"


class TrunkError(Exception):
    """The trunks cannot be used as they are written; the message says what to write."""


def policies(config: Config) -> tuple[Policy, ...]:
    """Every trunk, its password looked up. Raises TrunkError."""
    for complaint in complaints(config):
        raise TrunkError(complaint)
    return tuple(
        Policy(
            name=trunk.name,
            peers=trunk.peers,
            registrar=trunk.registrar,
            proxy=trunk.proxy,
            username=trunk.username,
            password=_revealed(trunk.name, trunk.password),
            realm=trunk.realm,
            auth=Auth(trunk.auth),
            algorithms=tuple(map(Algorithm, trunk.digest)),
            calls_max=trunk.calls_max,
            cps=trunk.cps,
            srtp=trunk.srtp,
            codecs=trunk.codecs,
            expires_s=trunk.expires,
            keepalive_s=trunk.keepalive_s,
            prefer=trunk.prefer,
            identity=trunk.identity,
        )
        for trunk in config.trunk
    )


@dataclass(frozen=True, slots=True)
class Trunks:
    """What a node's user agent is made with, and what keeps its trunks. No gate: all may call."""

    gate: Gate | None
    credentials: CredentialsOf
    lines: TrunkLines


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a trunk is of use now, and how it stands in words."""

    ok: bool
    detail: str


def standing(trunk: Policy, state: TrunkState | None, now_us: int) -> Standing:
    """How a trunk stands by its row; by none, where no server keeps it."""
    where = trunk.next_hop or ", ".join(map(str, trunk.peers)) or "whoever knows its password"
    if state is None:
        return Standing(True, where)
    if not state.up:
        return Standing(False, f"{where}: no answer to {state.failures} OPTIONS; ask the carrier")
    if not trunk.registrar:
        return Standing(True, where)
    left_s = (state.registered_until_us - now_us) // 1_000_000
    if left_s <= 0:
        why = f", refused with {state.why}" if state.why else ""
        return Standing(False, f"{where}: not registered{why}; check its username and password")
    return Standing(True, f"{where}: registered for another {left_s} s")


def trunks_of(
    config: Config,
    data: Path,
    store: Store,
    *,
    clock: Callable[[], int],
    entropy: Callable[[int], bytes],
    note: Callable[..., Any],
    resolve: Resolve,
) -> Trunks:
    """The trunks at work. Raises TrunkError, and ValueError for a secret that is none."""

    async def save(state: TrunkState) -> None:
        note("trunk", name=state.id, up=state.up, failures=state.failures, why=state.why)
        try:
            await store.act(
                trunk_changed,
                sender="node",
                trunk=state.id,
                registered_until_us=state.registered_until_us,
                up=state.up,
                failures=state.failures,
                why=state.why,
            )
        except NotNow as later:
            # It stands in memory, and in the store with its next change.
            note("how a trunk stands is not on disk", name=state.id, why=str(later))

    known = policies(config)
    challenger = Challenger(load_or_create(data / SECRET_NAME), entropy)
    gate = TrunkGate(known, challenger) if known else None
    credentials = {trunk.name: trunk.credentials for trunk in known}
    lines = TrunkLines(known, gate, resolve, clock=clock, entropy=entropy, save=save)
    return Trunks(gate, credentials.get, lines)


def complaints(config: Config) -> Iterator[str]:
    """What does not go together, and what to write instead."""
    outside = [listen for listen in config.sip.listen if not ip_address(listen.host).is_loopback]
    if not config.trunk and outside and not config.sip.open:
        yield f"Everybody who reaches {outside[0]} could call: no trunk is named. {OPEN_HINT}"
    for trunk in config.trunk:
        yield from (f"The trunk {trunk.name!r} {wrong}." for wrong in _complaints(trunk))
        if trunk.shared_port and not config.media.shared_port:
            yield f"The trunk {trunk.name!r} wants a shared port: write shared_port under [media]."
    users = [trunk.username for trunk in config.trunk if trunk.auth == Auth.DIGEST]
    for user in sorted({user for user in users if user and users.count(user) > 1}):
        yield f"Two trunks are told apart by the same username, {user!r}: give each its own."


def _complaints(trunk: Trunk) -> Iterator[str]:
    auth = Auth(trunk.auth)
    if auth is not Auth.ACL and not (trunk.username and trunk.password):
        yield f'needs a username and a password for auth = "{auth}"'
    if auth is Auth.BOTH and not (trunk.peers or trunk.registrar or trunk.proxy):
        yield 'needs peers for auth = "both"'
    if trunk.registrar and not trunk.username:
        yield "needs a username to register as"
    if trunk.username and not trunk.password:
        yield "needs a password for its username"
    if not (trunk.peers or trunk.registrar or trunk.proxy or auth is not Auth.ACL):
        yield "lets nobody in and leads nowhere: name its peers, its registrar or its proxy"


def _revealed(name: str, password: Secret) -> str:
    if not password:
        return ""
    try:
        return password.reveal()
    except SecretError as error:
        raise TrunkError(f"The password of the trunk {name!r} cannot be had: {error}.") from error
