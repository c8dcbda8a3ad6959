"""The other side asks us to call somebody: the agent decides, and they are told how it goes."""

from sessions.house import House
from sessions.tables import Dial, DialState
from telephony import causes
from telephony.causes import Cause

DECLINED = 603


class Referring:
    """Answers REFERs, and reports what becomes of those that were accepted."""

    def __init__(self, house: House) -> None:
        self._house = house

    def accept(self, call: str) -> None:
        if self._house.sip is not None:
            self._house.sip.do(lambda ua, now: ua.accept_refer(call, now))

    def decline(self, call: str) -> None:
        if self._house.sip is not None:
            self._house.sip.do(lambda ua, now: ua.reject_refer(call, DECLINED, now))

    def failed(self, call: str) -> None:
        """It was accepted, and then nobody could be called."""
        if self._house.sip is not None:
            self._house.sip.do(lambda ua, now: ua.notify_refer(call, DECLINED, now))

    def went(self, order: Dial) -> None:
        """An order came further. Where nobody asked for it, or nobody wants to know any more,
        nothing is said; so it may be said again after a restart."""
        referrer = order.referrer
        if referrer is None or self._house.sip is None:
            return
        if order.state is DialState.RINGING:
            status = 180
        elif order.state is DialState.ANSWERED:
            status = 200
        elif order.state is DialState.FAILED:
            status = causes.status_of(Cause(order.cause or Cause.FAILED))
        else:
            return
        self._house.sip.do(lambda ua, now: ua.notify_refer(referrer, status, now))
