"""Whose call it is: its other side is sealed, so a subject is found by opening each call."""

import re
from collections.abc import Callable, Iterable

from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed, unseal
from sessions.parties import party
from sessions.retention.tables import HoldState, LegalHold
from sessions.tables import Call
from telephony import identity
from telephony.sip.dialog import read_lines
from telephony.sip.errors import GrammarError
from telephony.sip.name_addr import NameAddr
from telephony.tables import Dialog, state_of

_SEPARATORS = re.compile(r"[-.() ]")
_NUMBER = re.compile(r"\+[0-9]{3,15}", re.ASCII)

Key = Callable[[str], bytes]
"""The key of an id: raises KeyDestroyed."""


def named(text: str) -> str:
    """A person as somebody writes them: a number, or a URI. Raises ValueError."""
    number = _SEPARATORS.sub("", text)
    if _NUMBER.fullmatch(number):
        return number
    try:
        if ":" not in text and "@" not in text:
            raise ValueError("a number without its country is many people's")
        return party(text.strip() if ":" in text else f"sip:{text.strip()}")
    except (GrammarError, ValueError) as error:
        raise ValueError(
            f'{text!r} is nobody: write a number with its country, "+41790001122", or a URI'
        ) from error


def parties(call: Call, dialog: Dialog | None, key: Key) -> list[str]:
    """By which names the other side is known: what it is shown as, and what its network asserts.

    None where who called was erased.
    """
    uris = [_opened(call.remote, key)]
    if dialog is not None and (content := _opened(dialog.sealed, key)) is not None:
        state = state_of(dialog, content)
        uris.append(state.remote_uri)
        asserted = identity.read(read_lines(state.caller_headers)).asserted
        uris += [_uri(value) for value in asserted]
    found = [_party(uri) for uri in uris if uri is not None]
    return list(dict.fromkeys(one for one in found if one is not None))


def holds_on(
    names: Iterable[str], holds: Iterable[LegalHold], key: Key
) -> tuple[list[str], list[str]]:
    """The active holds, and those of them that bind a party by its names."""
    active = [hold for hold in holds if hold.state is HoldState.ACTIVE]
    known = {*names}
    binding = [
        hold.id for hold in active if known & {_opened(caller, key) for caller in hold.callers}
    ]
    return sorted(hold.id for hold in active), sorted(binding)


def _party(uri: str) -> str | None:
    try:
        return party(uri)
    except (GrammarError, ValueError):
        return None


def _uri(value: str) -> str | None:
    try:
        return NameAddr.parse(value).uri.text
    except GrammarError:
        return None


def _opened(sealed: Sealed[str], key: Key) -> str | None:
    try:
        return unseal(sealed, key(sealed.key_id))
    except KeyDestroyed:
        return None
