"""Whose a certificate is: the names of SIP servers in it (RFC 5922)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, cast

from telephony.sip.errors import GrammarError
from telephony.sip.uri import Uri


def proves(certificate: Mapping[str, Any], name: str) -> bool:
    """Whether its holder is the SIP domain or the address `name`; shaped as `ssl` decodes it.

    The common name is not looked at: a name is proven by a subjectAltName.
    """
    names = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    wanted = name.strip("[]").rstrip(".").lower()
    if (address := _address(wanted)) is not None:
        return any(kind == "IP Address" and _address(text) == address for kind, text in names)
    domains = [host for kind, text in names if kind == "URI" and (host := _sip_domain(text))]
    if domains:
        # Who names SIP domains at all means these alone (section 7.1).
        return wanted in domains
    return any(kind == "DNS" and _matches(text.lower(), wanted) for kind, text in names)


def _matches(pattern: str, wanted: str) -> bool:
    """A whole first label may be `*`: section 7.2 has it otherwise, but carriers use it."""
    if not pattern.startswith("*."):
        return pattern == wanted
    first, _, rest = wanted.partition(".")
    return bool(first) and "." in rest and rest == pattern[2:]


def _sip_domain(text: str) -> str:
    """The domain of a SIP URI which names no user; empty for all others."""
    try:
        uri = Uri.parse(text)
    except GrammarError:
        return ""
    return uri.host.lower() if uri.is_sip and uri.user is None else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
