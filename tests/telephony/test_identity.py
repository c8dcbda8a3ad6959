"""Who is calling, as the network says; and whom we show."""

from __future__ import annotations

import base64
import json

import pytest

from telephony import passport
from telephony.identity import ANONYMOUS, read, shown
from telephony.passport import Passport

FROM = "sip:+4930@carrier.example"
ASSERTED = ("P-Asserted-Identity", '"Ann, B." <sip:+49301@carrier.example>, <tel:+49301>')


def token(claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'ES256', 'ppt': 'shaken'})}.{part(claims)}.c2ln"


CLAIMS = {"attest": "A", "orig": {"tn": "4930"}, "dest": {"tn": ["4940", "4941"]}, "iat": 7}


def test_every_header_is_kept_in_its_order() -> None:
    caller = read(
        (
            ASSERTED,
            ("Privacy", "id;critical"),
            ("Diversion", "<sip:a@h>;reason=no-answer"),
            ("Diversion", "<sip:b@h>;reason=user-busy"),
            ("History-Info", "<sip:a@h>;index=1, <sip:b@h>;index=1.1"),
            ("Reason", 'Q.850;cause=16;text="Terminated, all"'),
            ("X-Twilio-VerStat", "TN-Validation-Passed-A"),
            ("Identity", f'{token(CLAIMS)};info=<https://c.example>;alg=ES256;ppt="shaken"'),
        )
    )
    assert caller.asserted == ('"Ann, B." <sip:+49301@carrier.example>', "<tel:+49301>")
    assert caller.privacy == ("id", "critical")
    assert [value.split(";")[0] for value in caller.diversion] == ["<sip:a@h>", "<sip:b@h>"]
    assert len(caller.history) == 2
    assert caller.reason == ('Q.850;cause=16;text="Terminated, all"',)
    assert caller.verstat == ("TN-Validation-Passed-A",)
    assert caller.passports == (Passport("A", ("4930",), ("4940", "4941"), 7),)


def test_a_trunk_is_believed_and_a_stranger_is_not() -> None:
    assert shown(FROM, (ASSERTED,), "carrier") == "sip:+49301@carrier.example"
    assert shown(FROM, (ASSERTED,), "") == FROM
    assert shown(FROM, (("P-Asserted-Identity", '"unbalanced <'),), "carrier") == FROM


@pytest.mark.parametrize(
    ("header", "is_hidden"),
    [
        (("Privacy", "id"), True),
        (("Privacy", "header; USER"), True),
        (("Privacy", "none"), False),
        (("Privacy", "history"), False),
        (("Remote-Party-ID", "<sip:+49@h>;party=calling;privacy=full"), True),
        (("Remote-Party-ID", "<sip:+49@h>;privacy=off"), False),
        (("Remote-Party-ID", "<<"), False),
    ],
)
def test_who_wants_not_to_be_shown_is_not(header: tuple[str, str], is_hidden: bool) -> None:
    assert (shown(FROM, (header,), "carrier") == ANONYMOUS) is is_hidden


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "a.b",
        "..c2ln;info=<x>",
        "a.!!!.c",
        f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c",
        f"a.{base64.urlsafe_b64encode(b'[' * 6_000).decode()}.c",
        f"a.{base64.urlsafe_b64encode(bytes([255])).decode()}.c",
    ],
)
def test_what_is_no_passport_is_none(identity: str) -> None:
    assert passport.read(identity) is None


def test_claims_of_another_kind_are_left_out() -> None:
    hostile = {
        "attest": ["A"],
        "orig": {"tn": {"x": 1}, "uri": "sip:a@b\r\nX: y"},
        "dest": {"tn": ["1" * 300, 5, "4940"], "uri": None},
        "iat": True,
    }
    assert passport.read(token(hostile)) == Passport("", (), ("4940",), None)
