"""RFC 3263, without a name server: the questions asked and the order of the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from telephony.address import Address
from telephony.dns_cache import ANSWERS_MAX, NOTHING_S_MAX, TTL_S_MAX, DnsCache
from telephony.flow import Hop, Transport
from telephony.resolving import (
    ANY_MEANS,
    HOPS_MAX,
    Host,
    Kind,
    Means,
    Naptr,
    Question,
    Record,
    Srv,
    by_priority,
    hops,
)
from telephony.sip.uri import Uri

Zone = Mapping[str, Sequence[Record]]
UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS

EXAMPLE: Zone = {
    "NAPTR example.com": [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com."),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com."),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com."),
        Naptr(10, 10, "u", "E2U+sip", ""),
        Naptr(10, 10, "s", "SIP+D2X", "_sip._sctp.example.com."),
    ],
    "SRV _sips._tcp.example.com": [Srv(0, 1, 5061, "one.example.com.")],
    "SRV _sip._tcp.example.com": [Srv(1, 1, 5060, "two.example.com"), Srv(0, 1, 5070, "One.")],
    "SRV _sip._udp.example.com": [Srv(0, 1, 5060, "two.example.com")],
    "A one.example.com": [Host("192.0.2.1")],
    "A one": [Host("192.0.2.11")],
    "A two.example.com": [Host("192.0.2.2")],
    "AAAA two.example.com": [Host("2001:db8::2")],
    "A example.com": [Host("192.0.2.9")],
}


def found(uri: str, zone: Zone, means: Means = ANY_MEANS) -> tuple[list[str], list[Hop]]:
    """The questions which were asked, and what came of them."""
    asked: list[str] = []
    asking = hops(Uri.parse(uri), means, lambda _: 0)
    try:
        question = next(asking)
        while True:
            asked.append(f"{question.kind} {question.name}")
            question = asking.send(zone.get(asked[-1], ()))
    except StopIteration as end:
        places: list[Hop] = end.value
        return asked, places


def written(places: Sequence[Hop]) -> list[str]:
    return [f"{hop.transport} {hop.address.host} {hop.address.port}" for hop in places]


def test_a_domain_says_what_it_prefers_and_all_of_it_is_tried_in_that_order() -> None:
    _, places = found("sip:bob@example.com", EXAMPLE)
    assert written(places) == [
        "tls 192.0.2.1 5061",
        "tcp 192.0.2.11 5070",
        "tcp 192.0.2.2 5060",
        "tcp 2001:db8::2 5060",
        "udp 192.0.2.2 5060",
        "udp 2001:db8::2 5060",
    ]
    assert [hop.name for hop in places] == ["example.com"] + [""] * 5, "not that of the SRV"


def test_only_what_we_can_send_by_is_asked_for() -> None:
    asked, places = found("sip:bob@Example.com.", EXAMPLE, Means((UDP,), (Kind.A,)))
    assert written(places) == ["udp 192.0.2.2 5060"]
    assert asked == ["NAPTR example.com", "SRV _sip._udp.example.com", "A two.example.com"]


@pytest.mark.parametrize(
    ("uri", "asked", "places"),
    [
        ("sip:192.0.2.7", [], ["udp 192.0.2.7 5060"]),
        ("sip:x@[2001:db8::7]:5080;transport=tcp", [], ["tcp 2001:db8::7 5080"]),
        ("sips:192.0.2.7", [], ["tls 192.0.2.7 5061"]),
        ("sip:192.0.2.7;transport=TLS", [], ["tls 192.0.2.7 5061"]),
        ("sip:example.com:5080", ["A example.com", "AAAA example.com"], ["udp 192.0.2.9 5080"]),
        ("sips:example.com:99", ["A example.com", "AAAA example.com"], ["tls 192.0.2.9 99"]),
        (
            "sip:example.com;transport=udp",
            ["SRV _sip._udp.example.com", "A two.example.com", "AAAA two.example.com"],
            ["udp 192.0.2.2 5060", "udp 2001:db8::2 5060"],
        ),
    ],
)
def test_what_a_uri_says_is_not_asked_for(uri: str, asked: list[str], places: list[str]) -> None:
    questions, answer = found(uri, EXAMPLE)
    assert (questions, written(answer)) == (asked, places)


def test_a_secure_uri_is_never_sent_in_the_clear() -> None:
    assert written(found("sips:example.com", EXAMPLE)[1]) == ["tls 192.0.2.1 5061"]
    zone = {key: value for key, value in EXAMPLE.items() if "_sips" not in key}
    assert {hop.transport for hop in found("sips:example.com", zone)[1]} == {TLS}


def test_without_naptr_each_transport_is_asked_for_and_without_srv_the_host_is_used() -> None:
    bare = {key: value for key, value in EXAMPLE.items() if not key.startswith("NAPTR")}
    assert [hop.transport for hop in found("sip:example.com", bare)[1]] == [
        *(UDP, UDP, TCP, TCP, TCP, TLS)
    ]
    asked, places = found("sip:host.example", {"A host.example": [Host("192.0.2.5")]})
    assert asked[:4] == [
        "NAPTR host.example",
        *(f"SRV {service}.host.example" for service in ("_sip._udp", "_sip._tcp", "_sips._tcp")),
    ]
    assert written(places) == ["udp 192.0.2.5 5060"]
    assert written(found("sips:host.example", {"A host.example": [Host("192.0.2.5")]})[1]) == [
        "tls 192.0.2.5 5061"
    ]


def test_a_service_which_is_said_not_to_be_there_is_not_looked_for_elsewhere() -> None:
    zone = {**EXAMPLE, "SRV _sip._udp.example.com": [Srv(0, 0, 0, ".")]}
    assert found("sip:example.com;transport=udp", zone)[1] == []


def test_the_lowest_priority_comes_first_and_weights_share_the_rest() -> None:
    records = [Srv(2, 9, 1, "last"), Srv(1, 0, 1, "none"), Srv(1, 1, 1, "a"), Srv(1, 3, 1, "b")]
    firsts: Counter[str] = Counter()
    for mark in range(5):
        marks = [0, 0, 0, mark]
        order = [one.target for one in by_priority(records, drawing(marks))]
        assert set(order) == {"none", "a", "b", "last"} and order[-1] == "last"
        firsts[order[0]] += 1
    assert firsts == {"none": 1, "a": 1, "b": 3}


def drawing(marks: list[int]) -> Callable[[int], int]:
    """Chance which gives these from the last to the first."""
    return lambda most: min(marks.pop(), most)


def test_a_domain_which_answers_with_too_much_is_cut_short() -> None:
    targets = [Srv(0, 1, 5060, f"h{n}.example") for n in range(1_000)]
    zone: dict[str, Sequence[Record]] = {"SRV _sip._udp.example.com": targets}
    zone |= {f"A h{n}.example": [Host(f"192.0.2.{n % 250}")] * 500 for n in range(1_000)}
    _, places = found("sip:example.com;transport=udp", zone)
    assert len(places) == HOPS_MAX


def test_answers_are_kept_as_long_as_they_hold_and_not_for_ever() -> None:
    cache = DnsCache()
    question, nothing = Question("a.example", Kind.A), Question("b.example", Kind.A)
    cache.put(question, [Host("192.0.2.1")], 60, now=0.0)
    cache.put(nothing, [], 86_400, now=0.0)
    assert cache.get(question, 59.0) == (Host("192.0.2.1"),)
    assert cache.get(question, 60.0) is None
    assert cache.get(nothing, NOTHING_S_MAX - 1) == ()
    assert cache.get(nothing, NOTHING_S_MAX) is None
    cache.put(question, [Host("192.0.2.1")], 10**9, now=0.0)
    assert cache.get(question, TTL_S_MAX) is None


def test_no_more_answers_are_kept_than_fit() -> None:
    cache = DnsCache()
    for n in range(ANSWERS_MAX + 10):
        cache.put(Question(f"h{n}", Kind.A), [Host("192.0.2.1")], 60, now=0.0)
    assert len(cache) == ANSWERS_MAX
    assert cache.get(Question("h9", Kind.A), 0.0) is None
    assert cache.get(Question("h10", Kind.A), 0.0) is not None


def test_an_address_is_a_hop() -> None:
    assert found("sip:192.0.2.7", {})[1] == [Hop(UDP, Address("192.0.2.7", 5060))]
