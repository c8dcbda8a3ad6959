"""Which names a certificate proves (RFC 5922)."""

import pytest

from telephony.certificates import proves


@pytest.mark.parametrize(
    ("names", "name", "is_proven"),
    [
        ([("DNS", "sip.example.com")], "SIP.example.com.", True),
        ([("DNS", "sip.example.com")], "example.com", False),
        ([("DNS", "*.example.com")], "sip.example.com", True),
        ([("DNS", "*.example.com")], "a.sip.example.com", False),
        ([("DNS", "*.example.com")], "example.com", False),
        ([("DNS", "*.com")], "example.com", False),
        ([("DNS", "s*.example.com")], "sip.example.com", False),
        ([("URI", "sip:example.com")], "example.com", True),
        ([("URI", "sip:user@example.com")], "example.com", False),
        ([("URI", "https://example.com")], "example.com", False),
        ([("URI", "sip:example.com"), ("DNS", "gw.example.com")], "gw.example.com", False),
        ([("URI", "https://x"), ("DNS", "gw.example.com")], "gw.example.com", True),
        ([("IP Address", "192.0.2.1")], "192.0.2.1", True),
        ([("IP Address", "2001:DB8:0:0:0:0:0:1")], "[2001:db8::1]", True),
        ([("DNS", "192.0.2.1")], "192.0.2.1", False),
        ([], "example.com", False),
    ],
)
def test_a_name_is_proven_or_not(names: list[tuple[str, str]], name: str, is_proven: bool) -> None:
    assert proves({"subjectAltName": tuple(names)}, name) is is_proven


def test_a_common_name_proves_nothing() -> None:
    subject = ((("commonName", "example.com"),),)
    assert not proves({"subject": subject}, "example.com")
    assert not proves({}, "example.com")
