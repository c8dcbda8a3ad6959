"""Who is calling, as the network says: P-Asserted-Identity, Privacy and their kin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from telephony import passport
from telephony.passport import Passport
from telephony.sip import grammar
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Headers, Lines
from telephony.sip.name_addr import NameAddr

# RFC 3323 section 4.1.
ANONYMOUS = "sip:anonymous@anonymous.invalid"
VALUES_MAX = 20
# Of Privacy (RFC 3323 section 4.2, RFC 3325 section 9.3), and of a Remote-Party-ID.
HIDING = frozenset({"id", "user"})
HIDING_PARTY = frozenset({"full", "uri"})


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Each header's values as they came, in their order. Only `passports` are taken apart."""

    asserted: tuple[str, ...]
    remote_party: tuple[str, ...]
    privacy: tuple[str, ...]
    diversion: tuple[str, ...]
    history: tuple[str, ...]
    reason: tuple[str, ...]
    identity: tuple[str, ...]
    passports: tuple[Passport, ...]
    verstat: tuple[str, ...]

    @property
    def is_private(self) -> bool:
        """Whether the caller wants not to be shown."""
        if HIDING.intersection(self.privacy):
            return True
        return any(_party_privacy(party) in HIDING_PARTY for party in self.remote_party)


def read(lines: Lines) -> CallerIdentity:
    """What the headers of an INVITE say. What cannot be read is kept as one value."""
    headers = Headers(lines)
    privacy = ";".join(headers.all("privacy")).replace(",", ";").lower().split(";")
    identity = headers.all("identity")[:VALUES_MAX]
    return CallerIdentity(
        asserted=_values(headers, "p-asserted-identity"),
        remote_party=_values(headers, "remote-party-id"),
        privacy=tuple(word.strip() for word in privacy[:VALUES_MAX] if word.strip()),
        diversion=_values(headers, "diversion"),
        history=_values(headers, "history-info"),
        reason=_values(headers, "reason"),
        identity=identity,
        passports=tuple(found for one in identity if (found := passport.read(one)) is not None),
        verstat=_values(headers, "x-twilio-verstat"),
    )


def shown(from_uri: str, lines: Lines, trunk: str) -> str:
    """Whom we say is calling: never one who wants not to be shown.

    Only a trunk is believed about somebody else than the From (RFC 3325 section 5).
    """
    caller = read(lines)
    if caller.is_private:
        return ANONYMOUS
    return next(_uris(caller.asserted), from_uri) if trunk else from_uri


def _uris(values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        try:
            yield NameAddr.parse(value).uri.text
        except GrammarError:
            continue


def _values(headers: Headers, name: str) -> tuple[str, ...]:
    found: list[str] = []
    for line in headers.all(name):
        try:
            found += [part for part in grammar.split(line, ",", VALUES_MAX) if part]
        except GrammarError:
            found.append(line)
    return tuple(found[:VALUES_MAX])


def _party_privacy(value: str) -> str:
    try:
        return (grammar.param(NameAddr.parse(value).params, "privacy") or "").lower()
    except GrammarError:
        return ""
