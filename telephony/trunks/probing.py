"""Whether a trunk is there: OPTIONS, time and again (RFC 3261 section 11)."""

from __future__ import annotations

from collections.abc import Callable

from telephony.sip.core import OutOfDialog
from telephony.sip.message import Response
from telephony.trunks.registering import retry_after
from telephony.trunks.trunk import Trunk

# One lost answer is no outage.
FAILURES_MAX = 2
AWAY = (408, 503)


class Probe:
    """Send `request`, tell `answered`, and again when it is `due_at`. Times are UTC seconds."""

    def __init__(self, trunk: Trunk, call_id: str, chance: Callable[[], float]) -> None:
        self.trunk = trunk
        self.due_at = 0.0
        self.failures = 0
        """Probes in a row that nobody answered."""
        self._call_id = call_id
        self._chance = chance
        self._cseq = 1

    @property
    def is_up(self) -> bool:
        """As long as nothing is known, it is."""
        return self.failures < FAILURES_MAX

    def request(self) -> OutOfDialog:
        return OutOfDialog(
            "OPTIONS",
            self.trunk.next_hop,
            f"<{self.trunk.own_uri}>",
            f"<{self.trunk.next_hop}>",
            call_id=self._call_id,
            cseq=self._cseq,
            trunk=self.trunk.name,
        )

    def answered(self, response: Response | None, now: float) -> None:
        """None where there was nobody to send it to. Even a refusal shows that they are there."""
        self._cseq = (response.cseq.number if response else self._cseq) + 1
        is_there = response is not None and response.status not in AWAY
        self.failures = 0 if is_there else self.failures + 1
        wait_s = self.trunk.keepalive_s * (0.9 + 0.2 * self._chance())
        self.due_at = now + max(wait_s, retry_after(response))
