"""What is said to the other side about a call's media, from the row of its leg; no I/O."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from sessions.tables import Leg
from telephony import sdp
from telephony.address import Address
from telephony.sdp import Crypto, Srtp, SrtpParameters, Terms


def written_keys(keys: SrtpParameters) -> str:
    """The keys of a leg as they are sealed."""
    return json.dumps([keys.send_key, keys.receive_key])


def keys_of(leg: Leg, opened: str) -> SrtpParameters:
    """The keys of a leg, from what was sealed."""
    send_key, receive_key = json.loads(opened)
    return SrtpParameters(leg.srtp_suite, send_key, receive_key)


def preference(codecs: Sequence[str], leg: Leg | None) -> tuple[str, ...]:
    """Ours, the one in use first: what need not change does not."""
    if leg is None:
        return tuple(codecs)
    return (leg.codec, *(codec for codec in codecs if codec != leg.codec))


def terms(
    srtp: Srtp,
    agreed: SrtpParameters | None,
    entropy: Callable[[int], bytes],
    direction: str = "sendrecv",
) -> Terms:
    """How we want a stream. A key of ours which is in use stays the same."""
    if srtp is Srtp.OFF:
        return Terms(direction)
    drawn = sdp.draw(entropy)
    if agreed is not None:
        drawn = tuple(
            Crypto(line.tag, line.suite, agreed.send_key) if line.suite == agreed.suite else line
            for line in drawn
        )
    return Terms(direction, srtp, drawn)


def offered(before: bytes, codecs: Sequence[str], local: Address, leg: Leg, wanted: Terms) -> bytes:
    """An offer of ours within a call, as the successor of our last description."""
    if leg.srtp_suite:
        # Only what is in use: another suite would need another key each time.
        kept = tuple(line for line in wanted.keys if line.suite == leg.srtp_suite)
        wanted = replace(wanted, keys=kept)
    elif wanted.srtp is Srtp.OPTIONAL:
        # They did without: new keys each time would only make each offer another one.
        wanted = Terms(wanted.direction, record=wanted.record)
    fresh = sdp.build_offer(preference(codecs, leg), local, *first_origin(leg), terms=wanted)
    return sdp.revised(before, fresh)


def answered(
    before: bytes, offer: bytes, codecs: Sequence[str], local: Address, leg: Leg, *, wanted: Terms
) -> tuple[bytes, sdp.AudioParameters]:
    """Our answer within a call. Raises SdpError."""
    body, audio = sdp.answer(
        offer, preference(codecs, leg), local, *first_origin(leg), terms=wanted
    )
    return sdp.revised(before, body), audio


def first_origin(leg: Leg) -> sdp.Origin:
    """The session id and version of our first description in a call."""
    return sdp.Origin(leg.epoch_us // 1_000_000, 1)
