"""What is said about a call's media: as little as possible changes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from runtime import Sealed
from sessions import negotiating
from sessions.tables import Leg
from telephony import sdp
from telephony.address import Address
from telephony.sdp import Srtp

WHO: Sealed[str] = Sealed("k", b"box", b"c")
LEG = Leg("c1", "c1", "PCMU", 0, 101, 4_000, WHO, 9, 1, 2, 3, 7_000_000)
HERE, THERE = Address("192.0.2.1", 4_000), Address("192.0.2.2", 5_000)
OURS, THEIRS = ("G722", "PCMU", "PCMA"), ("PCMU", "PCMA", "G722")


def entropy(seed: int = 1) -> itertools.count[int]:
    return itertools.count(seed)


def terms(srtp: Srtp, leg: Leg = LEG, opened: str = "", seed: int = 1) -> sdp.Terms:
    numbers = entropy(seed)
    agreed = negotiating.keys_of(leg, opened) if opened else None
    return negotiating.terms(srtp, agreed, lambda size: next(numbers).to_bytes(size, "big"))


def test_the_codec_in_use_is_kept_as_long_as_they_have_it() -> None:
    offer = sdp.build_offer(THEIRS, THERE, 1, 1)
    plainly = terms(Srtp.OFF)
    _, kept = negotiating.answered(b"", offer, OURS, HERE, LEG, wanted=plainly)
    assert kept.codec == "PCMU"
    other = sdp.build_offer(("PCMA",), THERE, 1, 2)
    _, changed = negotiating.answered(b"", other, OURS, HERE, LEG, wanted=plainly)
    assert changed.codec == "PCMA"


def test_what_is_offered_again_unchanged_has_the_same_version() -> None:
    plainly = terms(Srtp.OFF)
    first = negotiating.offered(b"", OURS, HERE, LEG, wanted=plainly)
    assert sdp.origin(first) == (7, 1)
    assert negotiating.offered(first, OURS, HERE, LEG, wanted=plainly) == first
    held = negotiating.offered(
        first, OURS, HERE, LEG, wanted=replace(plainly, direction="sendonly")
    )
    assert sdp.origin(held) == (7, 2)


def test_a_key_in_use_stays_and_only_its_suite_is_offered_again() -> None:
    offer = sdp.build_offer(THEIRS, THERE, 1, 1, terms=terms(Srtp.REQUIRED, seed=50))
    first, agreed = negotiating.answered(
        b"", offer, OURS, HERE, LEG, wanted=terms(Srtp.REQUIRED, seed=1)
    )
    assert agreed.srtp is not None
    leg = replace(LEG, codec=agreed.codec, srtp_suite=agreed.srtp.suite, srtp_keys=WHO)
    opened = negotiating.written_keys(agreed.srtp)
    assert negotiating.keys_of(leg, opened) == agreed.srtp
    later = terms(Srtp.REQUIRED, leg, opened, seed=900)
    again, same = negotiating.answered(first, offer, OURS, HERE, leg, wanted=later)
    assert (again, same.srtp) == (first, agreed.srtp)
    ours = negotiating.offered(again, OURS, HERE, leg, wanted=later)
    assert ours.count(b"a=crypto:") == 1
    assert agreed.srtp.send_key.encode() in ours


def test_who_offers_no_key_where_one_is_required_is_refused() -> None:
    plain = sdp.build_offer(THEIRS, THERE, 1, 1)
    with pytest.raises(sdp.SdpError):
        negotiating.answered(b"", plain, OURS, HERE, LEG, wanted=terms(Srtp.REQUIRED))
