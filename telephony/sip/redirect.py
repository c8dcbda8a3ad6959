"""Where a 3xx sends our call (RFC 3261 sections 8.1.3.4 and 21.3), within limits."""

from __future__ import annotations

import re
from dataclasses import replace

from telephony.sip.dialog import DialogState
from telephony.sip.errors import GrammarError
from telephony.sip.grammar import param
from telephony.sip.message import Response
from telephony.sip.name_addr import NameAddr
from telephony.sip.uri import Uri

REDIRECTS_MAX = 5
"""Redirections of one call which are followed."""

TARGETS_MAX = 10
"""Places one call is tried at, over all its redirections."""

TARGET_CHARS_MAX = 512

# "Use Proxy" and "Alternative Service" name no other place of whom we call.
NOT_FOLLOWED = (305, 380)
_QVALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def redirected(state: DialogState, response: Response) -> DialogState:
    """The dialog of our INVITE with the contacts of a 3xx to try; each is tried once."""
    if not 300 <= response.status < 400 or response.status in NOT_FOLLOWED:
        return state
    if not state.redirects_left:
        return state
    tried = [*state.tried.split("\n")] if state.tried else [state.remote_target]
    is_secure = Uri.parse(state.remote_target).scheme == "sips"
    fresh = [
        uri
        for uri in contacts(response)
        # A call which was to be secure is not made in the clear instead.
        if uri not in tried and (not is_secure or Uri.parse(uri).scheme == "sips")
    ][: max(0, TARGETS_MAX - len(tried))]
    return replace(
        state,
        redirects_left=state.redirects_left - 1,
        tried="\n".join([*tried, *fresh]),
        targets="\n".join([*fresh, *state.targets.split("\n")]).strip("\n"),
    )


def contacts(response: Response) -> list[str]:
    """The SIP, SIPS and tel URIs of its Contacts, the preferred first, none twice."""
    try:
        values = response.values("contact")
    except GrammarError:
        return []
    read = [contact for value in values if (contact := _contact(value)) is not None]
    read.sort(key=lambda contact: -contact[0])
    return list(dict.fromkeys(uri for _, uri in read))


def _contact(value: str) -> tuple[int, str] | None:
    """Its preference in thousandths, and its URI; none where it is nothing to call."""
    try:
        contact = NameAddr.parse(value)
    except GrammarError:
        return None
    uri = contact.uri.without_headers
    is_ours = contact.uri.scheme in ("sip", "sips", "tel")
    if not is_ours or not uri.isascii() or len(uri) > TARGET_CHARS_MAX:
        return None
    return _permille(param(contact.params, "q")), uri


def _permille(text: str | None) -> int:
    if text is None or not _QVALUE.fullmatch(text):
        return 1_000
    whole, _, fraction = text.partition(".")
    return int(whole) * 1_000 + int(fraction.ljust(3, "0") or 0)
