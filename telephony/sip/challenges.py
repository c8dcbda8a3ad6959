"""Their side of digest authentication: we challenge, and check the answer (RFC 8760).

A nonce holds the time and a seal over it, so that nothing is kept for those who never answer,
and any process which has the secret can tell its own, before and after a restart.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from telephony.sip import digest
from telephony.sip.credentials import authorizations
from telephony.sip.digest import AUTH, AUTH_INT, Algorithm, Fields
from telephony.sip.headers import Lines
from telephony.sip.message import Request

NONCE_S = 300.0
# How far the clock of another node may be ahead.
SKEW_S = 5.0
# Nonces in use at once, for which it is known how often.
NONCES_MAX = 10_000
COUNT_WINDOW = 64
COUNT_DIGITS = 8
SALT_BYTES = 8
TIME_BYTES = 8
SEAL_BYTES = 16
# Both, the strong one first: there are telephones which give up where SHA-256 stands alone,
# and some, against RFC 8760 section 2.4, where it stands at all.
OFFERED = (Algorithm.SHA_256, Algorithm.MD5)


class Answer(Enum):
    """What came of a request's credentials."""

    NONE = "none of ours"
    WRONG = "wrong"
    STALE = "right, but the nonce is too old, or was used before"
    RIGHT = "right"


@dataclass(slots=True)
class _Counts:
    """Which counts of a nonce were seen: the highest, and a bit for each of those below."""

    highest: int = 0
    seen: int = 0
    last: str = ""

    def take(self, count: int, request: str) -> bool:
        """Whether it is new; so is a repetition of the request which came last."""
        if self.last == request:
            return True
        ahead = count - self.highest
        if ahead <= -COUNT_WINDOW or (ahead <= 0 and self.seen >> -ahead & 1):
            return False
        if ahead > 0:
            # A jump far ahead leaves nothing of the window.
            self.seen = (self.seen << min(ahead, COUNT_WINDOW)) % (1 << COUNT_WINDOW) | 1
            self.highest = count
        else:
            self.seen |= 1 << -ahead
        self.last = request
        return True


class Challenger:
    """`secret` is shared by all nodes, and outlives them."""

    def __init__(self, secret: bytes, entropy: Callable[[int], bytes]) -> None:
        self._secret = secret
        self._entropy = entropy
        self._counts: OrderedDict[str, _Counts] = OrderedDict()
        # Of nonces up to here it is no longer known how often they were used.
        self._forgotten = -1.0

    def challenge(
        self,
        realm: str,
        now: float,
        algorithms: Sequence[Algorithm] = OFFERED,
        *,
        stale: bool = False,
    ) -> Lines:
        """The header lines of a 401, one for each algorithm."""
        return tuple(
            (
                "WWW-Authenticate",
                digest.written(
                    [
                        ("realm", realm),
                        ("nonce", self._nonce(realm, algorithm, now)),
                        ("algorithm", algorithm),
                        # Not auth-int, which is taken too: telephones stumble over a list.
                        ("qop", AUTH),
                        *([("stale", "true")] if stale else []),
                    ],
                    is_challenge=True,
                ),
            )
            for algorithm in algorithms
        )

    def check(
        self,
        request: Request,
        realm: str,
        passwords: Mapping[str, str],
        now: float,
        algorithms: Sequence[Algorithm] = OFFERED,
    ) -> tuple[Answer, str]:
        """What came of the request's credentials, and whose they are by `passwords`."""
        for fields in authorizations(request.headers, "authorization"):
            algorithm = Algorithm.named(fields.get("algorithm", ""))
            if fields.get("realm") == realm and algorithm is not None and algorithm in algorithms:
                user = fields.get("username", "")
                return self._checked(request, fields, algorithm, passwords.get(user), now), user
        return Answer.NONE, ""

    def _checked(
        self,
        request: Request,
        fields: Fields,
        algorithm: Algorithm,
        password: str | None,
        now: float,
    ) -> Answer:
        issued = self._issued(fields.get("nonce", ""), fields["realm"], algorithm)
        count = _count(fields.get("nc", ""))
        if issued is None or issued > now + SKEW_S:
            # Not by this secret, such as from before it was changed: they may try again.
            return Answer.NONE
        if fields.get("qop", "").lower() not in (AUTH, AUTH_INT) or not count:
            return Answer.WRONG
        # Whoever guesses user names is kept as long for one that there is not.
        wanted = digest.response(algorithm, password or "", fields, request.method, request.body)
        given = fields.get("response", "").lower().encode(errors="replace")
        is_right = hmac.compare_digest(wanted.encode(), given)
        # That `uri` is the Request-URI is not asked: proxies change it (RFC 3261 section 22.4).
        if password is None or not is_right:
            return Answer.WRONG
        if now - issued > NONCE_S or not self._take(fields["nonce"], issued, count, request):
            return Answer.STALE
        return Answer.RIGHT

    def _take(self, nonce: str, issued: float, count: int, request: Request) -> bool:
        if nonce not in self._counts:
            if issued <= self._forgotten:
                return False
            self._counts[nonce] = _Counts()
            if len(self._counts) > NONCES_MAX:
                oldest, _ = self._counts.popitem(last=False)
                self._forgotten = max(self._forgotten, _time_in(oldest))
        return self._counts[nonce].take(count, f"{request.call_id} {request.cseq} {count}")

    def _nonce(self, realm: str, algorithm: Algorithm, now: float) -> str:
        stamped = round(now * 1_000).to_bytes(TIME_BYTES, "big") + self._entropy(SALT_BYTES)
        return base64.urlsafe_b64encode(stamped + self._seal(stamped, realm, algorithm)).decode()

    def _issued(self, nonce: str, realm: str, algorithm: Algorithm) -> float | None:
        """When it was issued, in UTC seconds; None where it was not by us."""
        try:
            content = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        stamped, seal = content[:-SEAL_BYTES], content[-SEAL_BYTES:]
        if len(stamped) != TIME_BYTES + SALT_BYTES:
            return None
        if not hmac.compare_digest(seal, self._seal(stamped, realm, algorithm)):
            return None
        return _time_in(nonce)

    def _seal(self, stamped: bytes, realm: str, algorithm: Algorithm) -> bytes:
        named = f"{algorithm}:{realm}".encode(errors="surrogateescape")
        return hmac.digest(self._secret, stamped + named, "sha256")[:SEAL_BYTES]


def _time_in(nonce: str) -> float:
    return int.from_bytes(base64.urlsafe_b64decode(nonce)[:TIME_BYTES], "big") / 1_000


def _count(text: str) -> int:
    """The nonce count: eight hexadecimal digits, from 1; 0 for what is none."""
    if len(text) != COUNT_DIGITS or not text.isascii() or not text.isalnum():
        return 0
    try:
        return int(text, 16)
    except ValueError:
        return 0
