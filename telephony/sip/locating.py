"""Where the next hop of a dialog is when it has a name (RFC 3263): asked, and answered later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telephony.flow import Flow, Hop, is_ip
from telephony.sip import dialog as rows
from telephony.sip.core import Core, Dialog
from telephony.sip.dialog import DialogState
from telephony.sip.errors import NoListener
from telephony.sip.outputs import Resolve


def ask(core: Core, state: DialogState) -> None:
    """Have a name resolved. Until then requests go to where the peer itself sent from."""
    uri = rows.next_uri(state.routes, state.remote_target)
    if not is_ip(uri.host):
        core.outputs.append(Resolve(state.id, uri.text))


def follow(core: Core, before: DialogState, after: DialogState) -> None:
    """The same where a request or response has moved the target."""
    if after.remote_target != before.remote_target:
        ask(core, after)


def resolved(core: Core, dialog: Dialog, uri: str, hops: Sequence[Hop]) -> None:
    """Send by the first of these hops which we can reach, if none of them is where we send now."""
    state = dialog.state
    if rows.next_uri(state.routes, state.remote_target).text != uri:
        # The target has changed meanwhile, and was asked about anew.
        return
    for hop in sorted(hops, key=lambda hop: not _leads_to(hop, state.flow)):
        try:
            flow = core.sender.towards(hop)
        except NoListener:
            continue
        if not _leads_to(hop, state.flow):
            state = rows.travelling(state, flow)
        core.save(dialog, replace(state, resolved_hop=rows.written_hop(hop)))
        return


def _leads_to(hop: Hop, flow: Flow) -> bool:
    if hop.transport is not flow.transport or hop.address.host != flow.remote.host:
        return False
    # Of a connection which they opened the port is a passing one.
    return flow.transport.is_reliable or hop.address.port == flow.remote.port
