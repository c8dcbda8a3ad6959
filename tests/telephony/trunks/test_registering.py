"""Registered, refreshed, refused, lost: in virtual time."""

from __future__ import annotations

import pytest

from telephony.sip.headers import Headers
from telephony.sip.message import Response
from telephony.trunks import Trunk
from telephony.trunks.probing import Probe
from telephony.trunks.registering import BACK_OFF_S_MAX, TOO_BRIEF_MAX, Registration

TRUNK = Trunk(
    "carrier",
    registrar="sip.example.org",
    username="u1",
    password="p",
    expires_s=600,
    keepalive_s=30,
)
NOW = 1_000.0


def registration() -> Registration:
    return Registration(TRUNK, "call-id", lambda: 0.5)


def answer(status: int, *lines: tuple[str, str], cseq: int = 1) -> Response:
    return Response(Headers((("CSeq", f"{cseq} REGISTER"), *lines)), status=status, reason="")


def test_it_asks_for_its_contact_under_one_call_id_with_rising_numbers() -> None:
    ours = registration()
    assert ours.due_at <= NOW
    asked = ours.request()
    assert (asked.method, asked.uri) == ("REGISTER", "sip:sip.example.org")
    assert asked.from_ == asked.to == "<sip:u1@sip.example.org>"
    assert asked.contact_user == "u1"
    assert asked.headers == (("Expires", "600"),)
    ours.answered(answer(200, cseq=2), NOW)
    assert (ours.request().call_id, ours.request().cseq) == ("call-id", 3)


@pytest.mark.parametrize(
    ("lines", "granted"),
    [
        ((), 600),
        ((("Expires", "300"),), 300),
        ((("Contact", "<sip:u1@192.0.2.2>;expires=120"), ("Expires", "300")), 120),
        ((("Contact", "<sip:else@h>;expires=5, <sip:u1@h>;expires=60"),), 60),
        ((("Contact", '"unbalanced'),), 600),
        ((("Expires", "99999999999999999999"),), 600),
        ((("Expires", "4294967295"),), 86_400),
    ],
)
def test_it_lasts_as_long_as_the_registrar_says(
    lines: tuple[tuple[str, str], ...], granted: int
) -> None:
    ours = registration()
    ours.answered(answer(200, *lines), NOW)
    assert ours.until == NOW + granted
    assert ours.due_at == pytest.approx(NOW + granted / 2)


def test_a_registrar_that_grants_nothing_is_not_asked_all_the_time() -> None:
    ours = registration()
    ours.answered(answer(200, ("Expires", "0")), NOW)
    assert ours.due_at >= NOW + 5


def test_too_brief_is_asked_again_at_once_for_longer() -> None:
    ours = registration()
    ours.answered(answer(423, ("Min-Expires", "1800")), NOW)
    assert ours.due_at == NOW
    assert ours.request().headers == (("Expires", "1800"),)
    ours.answered(answer(423, ("Min-Expires", "60")), NOW)
    assert ours.due_at > NOW, "a registrar that contradicts itself is no hurry"


def test_too_brief_has_an_end() -> None:
    ours = registration()
    for step in range(TOO_BRIEF_MAX + 1):
        ours.answered(answer(423, ("Min-Expires", str(1_000 + step))), NOW)
    assert ours.due_at > NOW


def test_failures_wait_longer_and_longer_but_never_for_ever() -> None:
    ours = registration()
    waits: list[float] = []
    for _ in range(20):
        ours.answered(answer(408), NOW)
        waits.append(ours.due_at - NOW)
    assert waits == sorted(waits)
    assert waits[0] < 3
    assert waits[-1] <= BACK_OFF_S_MAX
    ours.answered(answer(200), NOW)
    ours.answered(None, NOW)
    assert ours.due_at - NOW == waits[0]


def test_a_lost_refresh_leaves_the_registration_until_its_end() -> None:
    ours = registration()
    ours.answered(answer(200), NOW)
    ours.answered(answer(503), NOW + 300)
    assert (ours.until, ours.why) == (NOW + 600, "503")
    ours.answered(answer(503), NOW + 600)
    assert ours.until == 0.0


def test_a_refused_password_is_left_alone_and_retry_after_is_honoured() -> None:
    ours = registration()
    ours.answered(answer(401), NOW)
    assert ours.due_at >= NOW + 150
    ours.answered(answer(503, ("Retry-After", "120 (back soon);duration=3600")), NOW)
    assert ours.due_at >= NOW + 120
    ours.answered(answer(503, ("Retry-After", "4000000000")), NOW)
    assert ours.due_at <= NOW + 3_600


def test_a_probe_needs_two_losses_and_one_answer() -> None:
    probe = Probe(TRUNK, "c", lambda: 0.5)
    assert probe.is_up
    probe.answered(answer(408), NOW)
    assert probe.is_up
    probe.answered(None, NOW)
    assert not probe.is_up
    assert probe.due_at == pytest.approx(NOW + 30)
    probe.answered(answer(405), NOW)
    assert probe.is_up
    probe.answered(answer(503, ("Retry-After", "90")), NOW)
    assert (probe.failures, probe.due_at) == (1, NOW + 90)
