"""Who a URI means."""

import pytest

from sessions.parties import callable_uri, is_same, party


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tel:+41790001122", "tel:+41-79-000.11(22)"),
        ("tel:+41790001122;phone-context=x", "sips:+41790001122@carrier.example"),
        ("sip:+41790001122@192.0.2.1", "sip:+41790001122@carrier.example;user=phone"),
        ("sip:bob@Example.COM", "sips:bob@example.com:5061;transport=tls"),
        ("sip:b%6Fb@example.com", "sip:bob@example.com"),
    ],
)
def test_two_ways_to_write_one_party(one: str, other: str) -> None:
    assert is_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:bob@example.com", "sip:bob@example.org"),
        ("sip:Bob@example.com", "sip:bob@example.com"),
        ("sip:100@example.com", "tel:100"),
        ("tel:+41790001122", "tel:+41790001123"),
        ("sip:bob@example.com", "nothing"),
    ],
)
def test_two_parties(one: str, other: str) -> None:
    assert not is_same(one, other)


@pytest.mark.parametrize(
    "text", ["", "bob", "mailto:b@c", "sip:b@c?X=1", "sip:\u00e9@c", "sip:" + "a" * 600 + "@c"]
)
def test_nobody_who_can_be_called(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        callable_uri(text)
    with pytest.raises(ValueError, match=r".+"):
        party(text)
