"""Our binding at a registrar (RFC 3261 section 10.2): asked for, refreshed, tried again."""

from __future__ import annotations

from collections.abc import Callable

from telephony.sip import grammar
from telephony.sip.core import OutOfDialog
from telephony.sip.errors import GrammarError
from telephony.sip.message import Response
from telephony.sip.name_addr import NameAddr
from telephony.trunks.trunk import Trunk, sip_uri

EXPIRES_S_MAX = 86_400
# A registrar which grants less is refreshed as if it had granted this.
EXPIRES_S_MIN = 20
BACK_OFF_S_MIN = 2.0
BACK_OFF_S_MAX = 300.0
# A password that was refused is not mended by trying.
REFUSED_S = 300.0
RETRY_AFTER_S_MAX = 3_600
TOO_BRIEF_MAX = 3

REFUSED = (401, 403, 404, 407)


class Registration:
    """Send `request`, tell `answered`, and again when it is `due_at`. Times are UTC seconds.

    `chance` draws a number from 0 to 1: trunks that were lost together come back apart.
    """

    def __init__(self, trunk: Trunk, call_id: str, chance: Callable[[], float]) -> None:
        self.trunk = trunk
        self.due_at = 0.0
        self.until = 0.0
        """Until when we are registered; 0 when we are not."""
        self.why = ""
        """Why not: the status that refused it."""
        self._call_id = call_id
        self._chance = chance
        self._cseq = 1
        self._expires_s = trunk.expires_s
        self._failures = 0
        self._too_brief = 0

    def request(self) -> OutOfDialog:
        user = f"<{self.trunk.scheme}:{self.trunk.username}@{self.trunk.domain}>"
        return OutOfDialog(
            "REGISTER",
            sip_uri(self.trunk.registrar),
            user,
            user,
            (("Expires", str(self._expires_s)),),
            call_id=self._call_id,
            cseq=self._cseq,
            contact_user=self.trunk.username,
            trunk=self.trunk.name,
        )

    def answered(self, response: Response | None, now: float) -> None:
        """None where there was nobody to send it to."""
        # Answering a challenge took numbers of its own.
        self._cseq = (response.cseq.number if response else self._cseq) + 1
        if response is not None and 200 <= response.status < 300:
            self._registered(granted(response, self.trunk.username, self._expires_s), now)
        elif response is not None and response.status == 423 and self._longer(response):
            self.due_at = now
        else:
            self._refused(response, now)

    def _registered(self, seconds: int, now: float) -> None:
        self._failures = self._too_brief = 0
        self.why = ""
        self.until = now + seconds
        # About half way: a lost refresh leaves time for others.
        self.due_at = now + max(seconds, EXPIRES_S_MIN) * (0.45 + 0.1 * self._chance())

    def _longer(self, response: Response) -> bool:
        """Whether to ask again at once, for as long as they want (section 10.2.8)."""
        wanted = _seconds(response.headers.get("min-expires"), EXPIRES_S_MAX)
        self._too_brief += 1
        if wanted is None or wanted <= self._expires_s or self._too_brief > TOO_BRIEF_MAX:
            return False
        self._expires_s = wanted
        return True

    def _refused(self, response: Response | None, now: float) -> None:
        self._failures += 1
        self.why = f"{response.status}" if response else "no address to send it to"
        if self.until <= now:
            self.until = 0.0
        # The exponent is bounded: two to the power of a long night is no float any more.
        wait_s = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(self._failures - 1, 16))
        if response is not None and response.status in REFUSED:
            wait_s = REFUSED_S
        wait_s *= 0.5 + 0.5 * self._chance()
        self.due_at = now + max(wait_s, retry_after(response))


def granted(response: Response, user: str, asked: int) -> int:
    """For how many seconds a registrar keeps our Contact: its own word first (section 10.2.4)."""
    own: list[int] = []
    try:
        for value in response.values("contact"):
            contact = NameAddr.parse(value)
            seconds = _seconds(grammar.param(contact.params, "expires"), EXPIRES_S_MAX)
            if contact.uri.user == user and seconds is not None:
                own.append(seconds)
    except GrammarError:
        pass
    if own:
        return min(own)
    seconds = _seconds(response.headers.get("expires"), EXPIRES_S_MAX)
    return asked if seconds is None else seconds


def retry_after(response: Response | None) -> int:
    """The seconds of a Retry-After, which may be followed by a comment; 0 without one."""
    text = response.headers.get("retry-after") if response is not None else None
    words = (text or "").replace("(", " ").replace(";", " ").split()
    return min(_seconds(words[0] if words else None, 2**31) or 0, RETRY_AFTER_S_MAX)


def _seconds(text: str | None, most: int) -> int | None:
    try:
        return min(grammar.number(text.strip(), 2**32), most) if text is not None else None
    except GrammarError:
        return None
