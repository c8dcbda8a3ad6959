"""Digest authentication against the vectors of the RFCs, and our two sides against each other."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from telephony.sip import digest
from telephony.sip.challenges import COUNT_WINDOW, NONCE_S, NONCES_MAX, Answer, Challenger
from telephony.sip.credentials import Credentials, Wallet, challenges
from telephony.sip.digest import Algorithm
from telephony.sip.errors import GrammarError
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

from .wire import counting

SECRET = bytes(32)
REALM = "parley"
ALICE = Credentials("alice", "secret")
PASSWORDS = {"alice": "secret"}
NOTHING: Mapping[str, str] = MappingProxyType({})

RFC_7616 = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}
RFC_7616_USERHASH = {
    "username": "Jäsøn Doe",
    "realm": "api@example.org",
    "uri": "/doe.json",
    "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
    "nc": "00000001",
    "cnonce": "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    "qop": "auth",
}
RFC_2617 = {
    "username": "Mufasa",
    "realm": "testrealm@host.com",
    "uri": "/dir/index.html",
    "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "nc": "00000001",
    "cnonce": "0a4f113b",
    "qop": "auth",
}


@pytest.mark.parametrize(
    ("algorithm", "password", "fields", "expected"),
    [
        (Algorithm.MD5, "Circle of Life", RFC_7616, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm.SHA_256,
            "Circle of Life",
            RFC_7616,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            # As erratum 4897 corrects it.
            Algorithm.SHA_512_256,
            "Secret, or not?",
            RFC_7616_USERHASH,
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        ),
        (Algorithm.MD5, "Circle Of Life", RFC_2617, "6629fae49393a05397450978507c4ef1"),
    ],
)
def test_the_vectors_of_the_rfcs(
    algorithm: Algorithm, password: str, fields: digest.Fields, expected: str
) -> None:
    assert digest.response(algorithm, password, fields, "GET") == expected


def test_auth_int_covers_the_body_and_a_session_the_nonces() -> None:
    integrity = {**RFC_7616, "qop": "auth-int"}
    one, other = (digest.response(Algorithm.MD5, "x", integrity, "GET", b) for b in (b"a", b"b"))
    assert one != other
    plain, session = (
        digest.response(algorithm, "x", RFC_7616, "GET")
        for algorithm in (Algorithm.SHA_256, Algorithm.SHA_256_SESS)
    )
    assert plain != session


@pytest.mark.parametrize(
    "header",
    [
        "Basic YTpi",
        'Digest realm="a',
        'Digest realm="a", realm="b"',
        "Digest realm",
        f'Digest nonce="{"n" * 2_000}"',
        'Digest realm="a"b',
        "Digest " + ",".join(f"a{n}=1" for n in range(100)),
    ],
)
def test_what_is_no_digest_is_refused(header: str) -> None:
    with pytest.raises(GrammarError):
        digest.parse(header)


def test_quotes_hold_commas_and_equals_signs() -> None:
    fields = digest.parse('digest  REALM="a, \\"b\\"", nonce="b=c,d", qop="auth,auth-int"')
    assert fields == {"realm": 'a, "b"', "nonce": "b=c,d", "qop": "auth,auth-int"}


def refusal(*lines: tuple[str, str], status: int = 401) -> Response:
    return Response(Headers(lines), status=status, reason="")


def invite(*authorization: tuple[str, str], cseq: int = 1, body: bytes = b"") -> Request:
    lines = (("Call-ID", "c"), ("CSeq", f"{cseq} INVITE"), *authorization)
    return Request(Headers(lines), method="INVITE", uri="sip:desk@example.org", body=body)


def www(text: str) -> tuple[str, str]:
    return "WWW-Authenticate", f"Digest {text}"


def test_the_strongest_of_each_realm_is_answered() -> None:
    found = challenges(
        refusal(
            www('realm="a", nonce="1", algorithm=MD5, qop="auth"'),
            www('realm="a", nonce="2", algorithm=SHA-256, qop="auth-int,auth"'),
            www('realm="a", nonce="3", algorithm=SHA-3, qop="auth"'),
            www('realm="b", nonce="4"'),
            ("WWW-Authenticate", "Basic realm=x"),
            ("Proxy-Authenticate", 'Digest realm="a", nonce="5", qop="auth-int"'),
        )
    )
    assert [(one.header, one.nonce, one.qop) for one in found] == [
        ("www-authenticate", "2", "auth"),
        ("www-authenticate", "4", ""),
        ("proxy-authenticate", "5", "auth-int"),
    ]


def test_a_nonce_is_answered_once_and_its_count_rises() -> None:
    wallet = Wallet(counting(1))
    asked = refusal(www('realm="a", nonce="n", qop="auth"'))
    first = wallet.authorize(invite(), asked, ALICE)
    assert "nc=00000001" in first[0][1]
    assert wallet.authorize(invite(*first), asked, ALICE) == ()
    assert "nc=00000002" in wallet.authorize(invite(cseq=2), asked, ALICE)[0][1]


def test_a_stale_nonce_is_no_wrong_password() -> None:
    wallet = Wallet(counting(1))
    first = wallet.authorize(invite(), refusal(www('realm="a", nonce="n", qop="auth"')), ALICE)
    other = 'realm="a", nonce="m", qop="auth"'
    assert wallet.authorize(invite(*first), refusal(www(other)), ALICE) == ()
    assert wallet.authorize(invite(*first), refusal(www(other + ", stale=true")), ALICE)


def test_only_the_realm_of_the_trunk_gets_its_password() -> None:
    wallet = Wallet(counting(1))
    asked = refusal(www('realm="a", nonce="n", qop="auth"'))
    assert wallet.authorize(invite(), asked, Credentials("alice", "secret", "b")) == ()
    assert wallet.authorize(invite(), asked, Credentials("alice", "secret", "a"))


def answered(
    challenger: Challenger, now: float = 0.0, changed: Mapping[str, str] = NOTHING
) -> Request:
    """An INVITE which answers a challenge; with fields changed by somebody on its way."""
    asked = refusal(*challenger.challenge(REALM, now))
    ((name, value),) = Wallet(counting(9)).authorize(invite(body=b"v=0"), asked, ALICE)
    fields = {**digest.parse(value), **changed}
    return invite((name, digest.written(fields.items())), body=b"v=0")


def test_our_two_sides_understand_each_other_with_both_algorithms() -> None:
    challenger = Challenger(SECRET, counting(1))
    lines = challenger.challenge(REALM, 0.0)
    for line in lines:
        authorization = Wallet(counting(9)).authorize(invite(), refusal(line), ALICE)
        checked = challenger.check(invite(*authorization), REALM, PASSWORDS, 1.0)
        assert checked == (Answer.RIGHT, "alice")
    assert [digest.parse(value)["algorithm"] for _, value in lines] == ["SHA-256", "MD5"]


def test_a_nonce_outlives_the_process_and_is_good_on_another_node() -> None:
    request = answered(Challenger(SECRET, counting(1)), 1_000.0)
    other_node = Challenger(SECRET, counting(5_000))
    assert other_node.check(request, REALM, PASSWORDS, 1_001.0)[0] is Answer.RIGHT
    other_house = Challenger(b"x" * 32, counting(1))
    assert other_house.check(request, REALM, PASSWORDS, 1_001.0)[0] is Answer.NONE


def test_a_nonce_is_stale_after_its_time() -> None:
    challenger = Challenger(SECRET, counting(1))
    request = answered(challenger)
    assert challenger.check(request, REALM, PASSWORDS, NONCE_S + 1)[0] is Answer.STALE
    early = answered(challenger, now=1_000.0)
    assert challenger.check(early, REALM, PASSWORDS, 10.0)[0] is Answer.NONE
    assert all("stale=true" in value for _, value in challenger.challenge(REALM, 0, stale=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"response": "0" * 64},
        {"response": "é"},
        {"username": "bob"},
        {"nc": "0"},
        {"nc": "0000000g"},
        {"nc": "-0000001"},
        {"qop": ""},
        {"uri": "sip:other@example.org"},
        {"cnonce": "another"},
    ],
)
def test_what_was_changed_is_wrong(changed: dict[str, str]) -> None:
    challenger = Challenger(SECRET, counting(1))
    request = answered(challenger, changed=changed)
    assert challenger.check(request, REALM, PASSWORDS, 1.0)[0] is Answer.WRONG


@pytest.mark.parametrize("nonce", ["", "x", "A" * 44, "!" * 44, "é"])
def test_a_nonce_that_is_not_ours_is_asked_for_anew(nonce: str) -> None:
    challenger = Challenger(SECRET, counting(1))
    request = answered(challenger, changed={"nonce": nonce})
    assert challenger.check(request, REALM, PASSWORDS, 1.0)[0] is Answer.NONE


def counted(challenger: Challenger) -> list[Request]:
    """INVITEs which answer one challenge, with rising counts."""
    asked = refusal(*challenger.challenge(REALM, 0.0))
    wallet = Wallet(counting(9))
    return [
        invite(*wallet.authorize(invite(), asked, ALICE), cseq=cseq)
        for cseq in range(1, COUNT_WINDOW + 3)
    ]


def test_an_answer_counts_once_and_in_any_order_within_the_window() -> None:
    challenger = Challenger(SECRET, counting(1))
    requests = counted(challenger)

    def check(request: Request) -> Answer:
        return challenger.check(request, REALM, PASSWORDS, 1.0)[0]

    assert check(requests[3]) is Answer.RIGHT
    assert check(requests[3]) is Answer.RIGHT, "the same request, repeated by its sender"
    assert check(requests[1]) is Answer.RIGHT
    assert check(requests[3]) is Answer.STALE
    assert check(requests[1]) is Answer.RIGHT, "it came last"
    assert check(requests[-1]) is Answer.RIGHT
    assert check(requests[0]) is Answer.STALE, "below the window nobody knows"
    assert check(requests[1]) is Answer.STALE


def test_the_counts_have_a_limit_and_what_is_forgotten_is_stale() -> None:
    challenger = Challenger(SECRET, counting(1))
    first = answered(challenger, 0.0)
    assert challenger.check(first, REALM, PASSWORDS, 1.0)[0] is Answer.RIGHT
    later = [answered(challenger, 1.0) for _ in range(NONCES_MAX)]
    assert {challenger.check(one, REALM, PASSWORDS, 1.0)[0] for one in later} == {Answer.RIGHT}
    again = Request(
        first.headers.replaced("cseq", "7 INVITE"), method="INVITE", uri=first.uri, body=first.body
    )
    assert challenger.check(again, REALM, PASSWORDS, 2.0)[0] is Answer.STALE
