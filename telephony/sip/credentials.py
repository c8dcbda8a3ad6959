"""Our side of digest authentication: which challenges of a refusal are answered, and how."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from telephony.sip import digest
from telephony.sip.digest import AUTH, AUTH_INT, Algorithm, Fields
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Headers, Lines
from telephony.sip.message import Request, Response

# Of one response: a forking proxy may gather those of many servers.
CHALLENGES_MAX = 8
NONCES_MAX = 256
CNONCE_BYTES = 12
# Names which answer each other (RFC 3261 sections 22.2 and 22.3).
ANSWERS: Mapping[str, str] = MappingProxyType(
    {"www-authenticate": "Authorization", "proxy-authenticate": "Proxy-Authorization"}
)
AUTHORIZATIONS = tuple(name.lower() for name in ANSWERS.values())


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to somebody. An empty `realm` means any that they name."""

    username: str
    password: str = field(repr=False)
    realm: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One that we can answer. `qop` is empty for a server of RFC 2069."""

    header: str
    realm: str
    nonce: str
    algorithm: Algorithm
    qop: str
    opaque: str | None
    stale: bool

    @staticmethod
    def parse(header: str, value: str) -> Challenge:
        """GrammarError for one that we cannot answer."""
        fields = digest.parse(value)
        algorithm = Algorithm.named(fields.get("algorithm", ""))
        if algorithm is None or not fields.get("nonce") or "realm" not in fields:
            raise GrammarError("a challenge that cannot be answered")
        return Challenge(
            header,
            fields["realm"],
            fields["nonce"],
            algorithm,
            _chosen(fields.get("qop")),
            fields.get("opaque"),
            fields.get("stale", "").lower() == "true",
        )


def _chosen(offered: str | None) -> str:
    if offered is None:
        return ""
    choices = {choice.strip().lower() for choice in offered.split(",")}
    for qop in (AUTH, AUTH_INT):
        if qop in choices:
            return qop
    raise GrammarError("a quality of protection that we do not have")


class Wallet:
    """Answers challenges. Each nonce has its count: an answer is never the same twice."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._counts: OrderedDict[str, int] = OrderedDict()

    def authorize(self, request: Request, refusal: Response, whose: Credentials) -> Lines:
        """The header lines to send the request again with; none where it is no use.

        None where one of them was answered already, and not with a nonce that has since
        become stale: the password is wrong then.
        """
        lines: Lines = ()
        for challenge in challenges(refusal, whose.realm):
            if _was_answered(request, challenge):
                return ()
            lines += ((ANSWERS[challenge.header], self._answer(request, challenge, whose)),)
        return lines

    def _answer(self, request: Request, challenge: Challenge, whose: Credentials) -> str:
        fields: Fields = {
            "username": whose.username,
            "realm": challenge.realm,
            "nonce": challenge.nonce,
            "uri": request.uri,
        }
        if challenge.qop or challenge.algorithm.is_session:
            fields["cnonce"] = self._entropy(CNONCE_BYTES).hex()
        if challenge.qop:
            fields |= {"qop": challenge.qop, "nc": f"{self._count(challenge.nonce):08x}"}
        fields["algorithm"] = challenge.algorithm
        if challenge.opaque is not None:
            fields["opaque"] = challenge.opaque
        fields["response"] = digest.response(
            challenge.algorithm, whose.password, fields, request.method, request.body
        )
        return digest.written(fields.items())

    def _count(self, nonce: str) -> int:
        count = self._counts[nonce] = self._counts.pop(nonce, 0) + 1
        if len(self._counts) > NONCES_MAX:
            self._counts.popitem(last=False)
        return count


def challenges(refusal: Response, realm: str = "") -> list[Challenge]:
    """The strongest that we can answer of each realm, for each of the two headers."""
    best: dict[tuple[str, str], Challenge] = {}
    for header in ANSWERS:
        for value in refusal.headers.all(header)[:CHALLENGES_MAX]:
            try:
                found = Challenge.parse(header, value)
            except GrammarError:
                continue
            if realm and found.realm != realm:
                continue
            known = best.get((header, found.realm))
            if known is None or digest.strength(known.algorithm) < digest.strength(found.algorithm):
                best[header, found.realm] = found
    return list(best.values())


def _was_answered(request: Request, challenge: Challenge) -> bool:
    for fields in authorizations(request.headers, ANSWERS[challenge.header].lower()):
        if fields.get("realm") == challenge.realm:
            return not challenge.stale or fields.get("nonce") == challenge.nonce
    return False


def authorizations(headers: Headers, name: str) -> list[Fields]:
    """What the Digest credentials among these headers say."""
    found: list[Fields] = []
    for value in headers.all(name)[:CHALLENGES_MAX]:
        try:
            found.append(digest.parse(value))
        except GrammarError:
            continue
    return found
