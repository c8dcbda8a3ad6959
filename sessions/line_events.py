"""What the SIP line tells, and who is told of it."""

import asyncio

from sessions.lines import end
from sessions.live import Referral
from sessions.parts import Parts
from telephony import causes, dtmf_info, sip
from telephony.causes import Cause
from telephony.identity import shown


class LineEvents:
    """One thing after the other, in the order that the SIP core tells them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._house = parts.house
        self._calls = parts.calls
        self._told: asyncio.Queue[sip.Event] = asyncio.Queue()

    def tell(self, event: sip.Event) -> None:
        self._told.put_nowait(event)

    async def run(self) -> None:
        """Take what is told, for ever."""
        while True:
            await self._take(await self._told.get())

    async def _take(self, event: sip.Event) -> None:
        if self._parts.recorders.heard(event):
            return
        match event:
            case sip.Invited(dialog_id=call, from_uri=remote, request_uri=local):
                remote = shown(remote, event.headers, event.trunk)
                await self._parts.admission.offered(call, remote, local, event.replaces or None)
                self._parts.soon(self._parts.awareness.noticed(call, event.sdp))
            case sip.TakenForRecorder(call_id=call_id):
                self._house.note("a recording was offered to us and refused (RFC 7866)")
                self._parts.soon(self._parts.awareness.refused_a_recording(call_id))
            case sip.Cancelled(dialog_id=call, reasons=reasons):
                cause = causes.of_giving_up(reasons)
                await end(self._house, call, "caller, before the answer", cause)
            case sip.HungUp(dialog_id=call, reason="remote", reasons=reasons):
                who = "callee" if self._is_outbound(call) else "caller"
                await end(self._house, call, who, causes.of_hanging_up(reasons))
            case sip.HungUp(dialog_id=call, reason="local"):
                # Their 200 to our BYE may be faster than the commit of who decided it.
                await end(self._house, call, "agent", Cause.NORMAL)
            case sip.HungUp(dialog_id=call, reason=reason):
                await end(self._house, call, reason, causes.of_ours(reason))
            case sip.Rejected(dialog_id=call, status=status, reasons=reasons):
                cause = causes.of_refusal(status, reasons)
                await end(self._house, call, f"callee: {causes.WORDS[cause]}", cause)
            case sip.Failed(dialog_id=call, reason=reason):
                cause = causes.of_ours(reason)
                by = f"network: {causes.WORDS[cause]}" if self._is_outbound(call) else reason
                await end(self._house, call, by, cause)
            case sip.Ringing(dialog_id=call) if self._is_outbound(call):
                await self._parts.dialling.rang(self._calls[call])
            case sip.Accepted(dialog_id=call, sdp=body) if self._is_outbound(call):
                self._parts.soon(self._parts.dialling.answered(self._calls[call], body))
            case sip.Transferred():
                self._parts.transferring.told(event)
            case sip.Referred(dialog_id=call, refer_to=uri, replaces=replaces):
                self._parts.soon(self._referred(call, Referral(uri, replaces)))
            case sip.InfoReceived(dialog_id=call, content_type=kind, body=body):
                digit = dtmf_info.parse(kind, body)
                if digit is not None and call in self._calls:
                    self._parts.attending.deliver(call, {"event": "dtmf", "digit": digit}, b"")
            case sip.Offered(dialog_id=call, sdp=body, method=method) if call in self._calls:
                self._parts.soon(self._parts.awareness.noticed(call, body))
                self._parts.soon(self._parts.lines.renegotiate(self._calls[call], body, method))
            case sip.Renegotiated(dialog_id=call, sdp=body) if call in self._calls:
                self._parts.soon(self._parts.lines.renegotiated(self._calls[call], body))
            case sip.NotRenegotiated(dialog_id=call) if call in self._calls:
                self._parts.soon(self._parts.lines.renegotiated(self._calls[call], None))
            case sip.Acknowledged(dialog_id=call, sdp=body) if call in self._calls:
                self._parts.soon(self._parts.lines.acknowledged(self._calls[call], body))
            case _:
                return

    def _is_outbound(self, call: str) -> bool:
        return call in self._calls and self._calls[call].is_outbound

    async def _referred(self, call: str, asked: Referral) -> None:
        """The other side asks us to call somebody: that is for the agent to say."""
        live = self._calls.get(call)
        if live is not None:
            live.referral = asked
        if live is None or not await self._parts.attending.referred(live):
            self._parts.referring.decline(call)
