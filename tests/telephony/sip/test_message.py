import pytest

from telephony.sip.errors import HeaderError
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.sip.parser import parse

from .wire import request


@pytest.mark.parametrize(
    "line", [("X", "a\r\nVia: b"), ("X", "a\nb"), ("X", "\r"), ("X\r\nY", "a"), ("X: y", "a")]
)
def test_a_header_which_would_break_its_line_is_not_sent(line: tuple[str, str]) -> None:
    with pytest.raises(HeaderError):
        bytes(Request(Headers([line]), method="OPTIONS", uri="sip:a"))


def test_a_start_line_which_would_break_is_not_sent() -> None:
    with pytest.raises(HeaderError):
        bytes(Request(Headers(), method="OPTIONS", uri="sip:a SIP/2.0\r\nX: y"))
    with pytest.raises(HeaderError):
        bytes(Response(Headers(), status=200, reason="OK\r\nX: y"))


def test_content_length_is_always_that_of_the_body() -> None:
    message = Response(Headers([("l", "99")]), status=200, reason="OK", body=b"abc")
    assert bytes(message).endswith(b"OK\r\nContent-Length: 3\r\n\r\nabc")


def test_unknown_headers_keep_their_names_and_order() -> None:
    message = parse(request("OPTIONS", extra="X-B: 1\r\nx-a: 2\r\nX-B: 3\r\n"))
    assert message.headers.all("x-b") == ("1", "3")
    assert b"X-B: 1\r\nx-a: 2\r\nX-B: 3\r\n" in bytes(message)
