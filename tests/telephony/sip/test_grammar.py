import pytest

from telephony.address import Address
from telephony.sip.errors import GrammarError
from telephony.sip.name_addr import NameAddr
from telephony.sip.uri import Uri
from telephony.sip.via import Via


@pytest.mark.parametrize(
    "text", ["SIP:node1", "sip:a_b@my_svc:5070", "sip:[2001:db8::1]:5060;lr=on;ftag=x=", "tel:+1"]
)
def test_uris_seen_in_the_field_are_read(text: str) -> None:
    assert Uri.parse(text).text == text


@pytest.mark.parametrize(
    "text", ["", "sip", "sip:", "sip:@h", "sip:h:99999", "sip:h:-1", "sip:a b", "sip:h\r\nX: y"]
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        Uri.parse(text)


def test_parameters_of_a_bare_uri_belong_to_the_header() -> None:
    value = NameAddr.parse("sip:a@b;tag=x")
    assert (value.uri.text, value.tag) == ("sip:a@b", "x")


def test_parameters_in_angle_brackets_belong_to_the_uri() -> None:
    value = NameAddr.parse('"x;tag=y" <sip:a@b;tag=z>')
    assert (value.display, value.tag) == ("x;tag=y", "")


def test_a_display_name_is_written_so_that_it_reads_the_same() -> None:
    value = NameAddr.parse(r'"a \"b\" \\ <c>" <sip:a@b>;tag=t')
    assert NameAddr.parse(str(value)) == value


def test_via_notes_where_a_request_came_from() -> None:
    via = Via.parse("SIP/2.0/UDP host;rport;branch=z9hG4bKa=b;received=1.2.3.4")
    seen = via.seen_from(Address("192.0.2.1", 99))
    assert str(seen) == "SIP/2.0/UDP host;branch=z9hG4bKa=b;received=192.0.2.1;rport=99"
    assert seen.response_address == Address("192.0.2.1", 99)


def test_via_of_ipv6_is_read_with_and_without_a_port() -> None:
    assert Via.parse("SIP/2.0/UDP [::1]").response_address == Address("::1", 5060)
    assert Via.parse("SIP/2.0/UDP [::1]:7").response_address == Address("::1", 7)
