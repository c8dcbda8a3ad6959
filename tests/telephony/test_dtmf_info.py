import pytest

from telephony.dtmf_info import parse


@pytest.mark.parametrize(
    ("content_type", "body", "digit"),
    [
        ("application/dtmf-relay", b"Signal=1\r\nDuration=160", "1"),
        ("application/dtmf-relay", b"Duration=160\r\nsignal = *\r\n", "*"),
        ("application/dtmf-relay", b"Signal=11\r\n", "#"),
        ("application/dtmf", b"7\r\n", "7"),
        ("application/dtmf", b"d", "D"),
        ("application/dtmf", b"77", None),
        ("application/dtmf", b"", None),
        ("application/dtmf-relay", b"Duration=160", None),
        ("application/dtmf-relay", b"Signal=\xff", None),
        ("application/dtmf", b"1" * 600, None),
        ("text/plain", b"1", None),
    ],
)
def test_info_names_one_digit_or_none(content_type: str, body: bytes, digit: str | None) -> None:
    assert parse(content_type, body) == digit
