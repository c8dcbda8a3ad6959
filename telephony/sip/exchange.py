"""Offer and answer in a dialog (RFC 3264, RFC 6337), drawn as a table.

An offer waits in `pending_sdp`. Once it is answered both descriptions hold, in `local_sdp` and
`remote_sdp`, until the next exchange is complete: one which is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, StrEnum
from types import MappingProxyType

from telephony import sdp as session_description
from telephony.sip.dialog import DialogState


class Exchange(StrEnum):
    NONE = "none"
    LOCAL_OFFER = "local offer"
    REMOTE_OFFER = "remote offer"
    STABLE = "stable"


class Step(Enum):
    WE_OFFER = "we offer"
    THEY_OFFER = "they offer"
    WE_ANSWER = "we answer"
    THEY_ANSWER = "they answer"


TABLE: Mapping[Exchange, Mapping[Step, Exchange]] = MappingProxyType(
    {
        Exchange.NONE: {
            Step.WE_OFFER: Exchange.LOCAL_OFFER,
            Step.THEY_OFFER: Exchange.REMOTE_OFFER,
        },
        Exchange.LOCAL_OFFER: {Step.THEY_ANSWER: Exchange.STABLE},
        Exchange.REMOTE_OFFER: {Step.WE_ANSWER: Exchange.STABLE},
        Exchange.STABLE: {
            Step.WE_OFFER: Exchange.LOCAL_OFFER,
            Step.THEY_OFFER: Exchange.REMOTE_OFFER,
        },
    }
)


def exchange_of(state: DialogState) -> Exchange:
    return Exchange(state.exchange)


def may(state: DialogState, step: Step) -> bool:
    return step in TABLE[exchange_of(state)]


def offered_by_us(state: DialogState, sdp: bytes) -> DialogState:
    return replace(_described(state, sdp), exchange=_after(state, Step.WE_OFFER), pending_sdp=sdp)


def offered_by_them(state: DialogState, sdp: bytes) -> DialogState:
    return replace(state, exchange=_after(state, Step.THEY_OFFER), pending_sdp=sdp)


def answered_by_us(state: DialogState, sdp: bytes) -> DialogState:
    exchange = _after(state, Step.WE_ANSWER)
    described = replace(_described(state, sdp), local_sdp=sdp, remote_sdp=state.pending_sdp)
    return replace(described, exchange=exchange, pending_sdp=b"")


def answered_by_them(state: DialogState, sdp: bytes) -> DialogState:
    exchange = _after(state, Step.THEY_ANSWER)
    described = replace(state, local_sdp=state.pending_sdp, remote_sdp=sdp)
    return replace(described, exchange=exchange, pending_sdp=b"")


def withdrawn(state: DialogState) -> DialogState:
    """An offer was refused, or its request is over: what held before holds on."""
    before = Exchange.STABLE if state.local_sdp and state.remote_sdp else Exchange.NONE
    return replace(state, exchange=before, pending_sdp=b"")


def renewed(state: DialogState, offer: bytes, answer: bytes) -> DialogState:
    """Before an INVITE of ours is answered, another exchange takes the place of its own.

    Only the 2xx makes that hold.
    """
    return replace(_described(state, offer), local_sdp=offer, pending_sdp=offer, remote_sdp=answer)


def remote_offer(state: DialogState) -> bytes:
    """The offer of theirs which waits for our answer; empty where none does."""
    return state.pending_sdp if exchange_of(state) is Exchange.REMOTE_OFFER else b""


def _after(state: DialogState, step: Step) -> Exchange:
    assert may(state, step), f"{step.value} in {state.exchange}"
    return TABLE[exchange_of(state)][step]


def _described(state: DialogState, sdp: bytes) -> DialogState:
    origin = session_description.origin(sdp)
    return replace(state, sdp_origin_id=origin.session_id, sdp_version=origin.version)
