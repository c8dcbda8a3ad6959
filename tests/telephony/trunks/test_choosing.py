"""By which trunk a call goes out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from telephony.sip.errors import GrammarError
from telephony.trunks import Trunk
from telephony.trunks.choosing import choose
from telephony.trunks.tables import TrunkState

NOW_US = 1_000_000
FIRST = Trunk("first", proxy="sip.first.example:5070", username="us", prefer=1)
SECOND = Trunk("second", registrar="second.example", username="u2", prefer=2, identity="+4930")
INBOUND = Trunk("inbound")
ALL = (INBOUND, SECOND, FIRST)
REGISTERED = TrunkState("second", 2 * NOW_US, True, 0, "", 0)


def names(
    states: Mapping[str, TrunkState], calls: Mapping[str, int], trunks: tuple[Trunk, ...] = ALL
) -> list[str]:
    chosen = choose(trunks, states, lambda name: calls.get(name, 0), "+49301", NOW_US)
    return [one.trunk.name for one in chosen]


def test_the_preferred_comes_first_and_who_leads_nowhere_not_at_all() -> None:
    assert names({}, {}) == ["first", "second"]


def test_who_is_down_or_not_registered_comes_last() -> None:
    down = TrunkState("first", 0, False, 2, "", 0)
    assert names({"first": down, "second": REGISTERED}, {}) == ["second", "first"]
    lost = TrunkState("second", 0, True, 0, "403", 0)
    assert names({"second": lost}, {}, (SECOND, Trunk("third", proxy="h", prefer=9))) == [
        "third",
        "second",
    ]


def test_who_is_full_is_left_out() -> None:
    full = Trunk("full", proxy="h", calls_max=2)
    assert names({}, {"full": 2}, (full,)) == []
    assert names({}, {"full": 1}, (full,)) == ["full"]


def test_a_number_is_written_as_the_trunk_wants_it_and_a_uri_stays() -> None:
    def targets(to: str) -> list[str]:
        return [one.target_uri for one in choose(ALL, {}, lambda _: 0, to, NOW_US)]

    assert targets("+49 (30) 1-2") == [
        "sip:+493012@sip.first.example:5070;user=phone",
        "sip:+493012@second.example;user=phone",
    ]
    assert targets("tel:+4930;phone-context=x")[1] == "sip:+4930@second.example;user=phone"
    assert targets("*21#")[0] == "sip:*21%23@sip.first.example:5070;user=phone"
    assert targets("sip:bob@example.org") == ["sip:bob@example.org"] * 2
    for wrong in ("mailto:x@y", "sip:", "", "bob", "sip:a@b\r\nX: y"):
        with pytest.raises(GrammarError):
            targets(wrong)


def test_we_say_who_is_calling_as_the_trunk_is_told() -> None:
    one, other = choose(ALL, {}, lambda _: 0, "+49301", NOW_US)
    assert (one.from_uri, one.headers) == ("sip:us@sip.first.example:5070", ())
    assert other.from_uri == "sip:+4930@second.example"
    assert other.headers == (("P-Asserted-Identity", "<sip:+4930@second.example>"),)
