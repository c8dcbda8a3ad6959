from __future__ import annotations

from pathlib import Path

import pytest

from telephony.sip.message import Message, Request, Response
from telephony.sip.parser import (
    HEADERS_MAX,
    LINE_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    VIAS_MAX,
    MessageError,
    parse,
)
from telephony.sip.uri import Uri

from .wire import request

TORTURE = Path(__file__).parents[3].parent / "shared" / "rfc4475"
here = pytest.mark.skipif(not TORTURE.is_dir(), reason="the RFC 4475 messages are not here")

UNREADABLE = {
    "badaspec": 400,
    "baddn": 400,
    "badinv01": 400,
    "badvers": 505,
    "clerr": 400,
    "escruri": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "mcl01": 400,
    "mismatch01": 400,
    "mismatch02": 400,
    "multi01": 400,
    "ncl": 400,
    "quotbal": 400,
    "regbadct": 400,
    "scalar02": 400,
    "trws": 400,
}


def torture(name: str) -> Message:
    return parse((TORTURE / f"{name}.dat").read_bytes())


def request_of(name: str) -> Request:
    message = torture(name)
    assert isinstance(message, Request)
    return message


@here
@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_request_says_how_to_answer_it(name: str) -> None:
    with pytest.raises(MessageError) as caught:
        torture(name)
    assert caught.value.status == UNREADABLE[name]
    assert caught.value.request is not None


@here
@pytest.mark.parametrize("name", ["bigcode", "scalarlg", "insuf", "test"])
def test_what_cannot_be_answered_is_an_error_without_a_request(name: str) -> None:
    with pytest.raises(MessageError) as caught:
        torture(name)
    assert caught.value.request is None


@here
def test_wsinv_is_folded_compact_and_full_of_white_space() -> None:
    message = request_of("wsinv")
    assert message.to.tag == "1918181833n"
    assert (message.from_.display, message.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert message.cseq == (9, "INVITE")
    assert (message.via.host, message.via.branch) == ("192.0.2.2", "390skdjuw")
    assert len(message.values("via")) == 3
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.contact is not None
    assert message.contact.display == 'Quoted string ""'
    assert message.contact.params[0] == ("newparam", "newvalue")
    assert len(message.body) == 150


@here
def test_intmeth_uses_every_character_a_token_may_have() -> None:
    message = request_of("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = Uri.parse(message.uri)
    password = "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri.user == f"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:{password}"
    assert uri.host == "example.com"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.tag == "_token~1'+`*%!-."


@here
def test_esc01_keeps_escapes_and_resolves_them_on_demand() -> None:
    message = request_of("esc01")
    assert Uri.parse(message.uri).user_unescaped == "sips:user@example.com"
    assert Uri.parse(message.uri).host == "example.net"
    assert message.to.uri.user_unescaped == "user"
    assert message.contact is not None
    assert message.contact.uri.params == (("%6C%72", None), ("n%61me", "v%61lue%25%34%31"))


@here
def test_escnull_and_esc02_are_not_unescaped() -> None:
    assert request_of("escnull").to.uri.user_unescaped == "null-\0-null"
    message = request_of("esc02")
    assert message.method == "RE%47IST%45R"
    assert len(message.headers.all("contact")) == 2
    assert message.headers.get("c%6fntact") == "<sip:alias2@host2.example.com>"


@here
def test_lwsdisp_and_semiuri_are_read() -> None:
    assert request_of("lwsdisp").from_.display == "caller"
    uri = Uri.parse(request_of("semiuri").uri)
    assert (uri.user_unescaped, uri.host) == ("user;par=u@example.net", "example.com")
    assert len(request_of("semiuri").values("accept")) == 6


@here
def test_longreq_has_34_vias_and_a_long_tag() -> None:
    message = request_of("longreq")
    assert len(message.values("via")) == 34
    assert message.to.uri.port == 6000
    assert message.contact is not None


@here
def test_dblreq_is_one_request_and_not_the_second() -> None:
    message = request_of("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")


@here
def test_transports_and_mpart01_and_unreason_and_noreason_are_read() -> None:
    hops = [line.split()[0] for line in request_of("transports").headers.all("via")]
    assert hops == [f"SIP/2.0/{name}" for name in ("UDP", "SCTP", "TLS", "UNKNOWN", "TCP")]
    assert len(request_of("mpart01").body) == 553
    unreason, noreason = torture("unreason"), torture("noreason")
    assert isinstance(unreason, Response) and isinstance(noreason, Response)
    assert unreason.reason.startswith("= 2**3 * 5**2 но сто девяносто девять")
    assert (noreason.status, noreason.reason) == (100, "")


@here
@pytest.mark.parametrize("path", sorted(TORTURE.glob("*.dat")), ids=lambda path: path.stem)
def test_what_can_be_read_is_written_so_that_it_reads_the_same(path: Path) -> None:
    try:
        message = parse(path.read_bytes())
    except MessageError:
        return
    again = parse(bytes(message))
    assert again.body == message.body
    length = "content-length"
    assert again.headers.without(length) == message.headers.without(length)


@pytest.mark.parametrize(
    "data",
    [
        request("OPTIONS", body=b"x" * MESSAGE_BYTES_MAX),
        request("OPTIONS", extra=f"X: {'y' * LINE_BYTES_MAX}\r\n"),
        request("OPTIONS", extra=f"X: {'y' * 4096}\r\n {'y' * 4096}\r\n"),
        request("OPTIONS", extra="X: y\r\n" * HEADERS_MAX),
        request("OPTIONS", extra="X: y\r\n" + " z\r\n" * 1_000),
        request("OPTIONS", extra="Via: SIP/2.0/UDP a;branch=b\r\n" * VIAS_MAX),
        request("OPTIONS", extra="Via: a" + ",a" * VIAS_MAX + "\r\n"),
        request("OPTIONS", call_id="c" * 1_025),
    ],
)
def test_past_a_limit_a_message_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse(data)


def test_a_keep_alive_before_the_start_line_is_skipped() -> None:
    assert isinstance(parse(b"\r\n\r\n" + request("OPTIONS")), Request)


def test_a_body_longer_than_its_content_length_is_cut() -> None:
    assert parse(request("OPTIONS", body=b"ab").replace(b"Length: 2", b"Length: 1")).body == b"a"


def test_without_a_content_length_the_body_is_the_rest() -> None:
    assert parse(request("OPTIONS", body=b"ab").replace(b"Content-Length", b"X")).body == b"ab"


def test_bytes_which_are_not_utf8_survive_the_way_through() -> None:
    data = request("OPTIONS", extra="Subject: Jos?\r\n").replace(b"Jos?", b"Jos\xe9")
    assert b"Subject: Jos\xe9\r\n" in bytes(parse(data))


def test_two_addresses_in_one_from_are_not_taken_for_one() -> None:
    data = request("OPTIONS").replace(
        b"<sip:eve@203.0.113.9>", b'"A" <sip:a@b.com>, "B" <sip:c@d.com>'
    )
    with pytest.raises(MessageError):
        parse(data)


def test_a_bare_carriage_return_in_a_header_is_refused() -> None:
    with pytest.raises(MessageError):
        parse(request("OPTIONS", extra="X: a\rVia: b\r\n"))
