"""By which trunks a call goes out, in which order: decided without sending anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from telephony.sip.errors import GrammarError
from telephony.sip.headers import Lines
from telephony.sip.uri import Uri
from telephony.trunks.tables import TrunkState
from telephony.trunks.trunk import Trunk

NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_SEPARATORS = re.compile(r"[-.() ]")


@dataclass(frozen=True, slots=True)
class Choice:
    """A trunk, and who is called by whom on it."""

    trunk: Trunk
    target_uri: str
    from_uri: str
    headers: Lines


def choose(
    trunks: Sequence[Trunk],
    states: Mapping[str, TrunkState],
    calls_of: Callable[[str], int],
    to: str,
    now_us: int,
) -> list[Choice]:
    """Those with a way out and room left. Who is down comes last: it may be back.

    `to` is a number, or a tel:, sip: or sips: URI. GrammarError for anything else.
    """
    able = [t for t in trunks if t.next_hop and (not t.calls_max or calls_of(t.name) < t.calls_max)]
    able.sort(key=lambda trunk: (not _is_up(trunk, states.get(trunk.name), now_us), trunk.prefer))
    return [Choice(t, target(t, to), t.own_uri, _asserted(t)) for t in able]


def target(trunk: Trunk, to: str) -> str:
    """The URI by which a trunk is told whom to call."""
    number = _SEPARATORS.sub("", to.partition(";")[0].removeprefix("tel:"))
    if NUMBER.fullmatch(number):
        # A bare # would begin something else in a URI.
        escaped = number.replace("#", "%23")
        return f"{trunk.scheme}:{escaped}@{trunk.domain};user=phone"
    uri = Uri.parse(to)
    if not uri.is_sip:
        raise GrammarError(f"{uri.scheme}: cannot be called; write a number or a sip: URI")
    return uri.text


def _is_up(trunk: Trunk, state: TrunkState | None, now_us: int) -> bool:
    if state is None:
        return True
    is_registered = not trunk.registrar or state.registered_until_us > now_us
    return state.up and is_registered


def _asserted(trunk: Trunk) -> Lines:
    """Who we say we are to a carrier which believes us (RFC 3325 section 9.1)."""
    return (("P-Asserted-Identity", f"<{trunk.own_uri}>"),) if trunk.identity else ()
