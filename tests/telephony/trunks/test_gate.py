"""Who is let in, and how much; everybody else hears nothing."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from telephony.address import Address
from telephony.flow import Flow, Hop, Transport
from telephony.sip import digest
from telephony.sip.challenges import OFFERED, Challenger
from telephony.sip.credentials import Credentials, Wallet
from telephony.sip.digest import Algorithm
from telephony.sip.gate import Admitted, Refused, Silent, Verdict
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.trunks import Auth, Trunk, TrunkGate
from telephony.trunks.gate import GUESSES_MAX, GUESSING_S
from telephony.trunks.limits import Bucket
from tests.telephony.sip.wire import counting

HOME = Address("192.0.2.2", 5060)
OUTSIDE = "203.0.113.9"


def gate(*trunks: Trunk) -> TrunkGate:
    return TrunkGate(trunks, Challenger(bytes(32), counting(1)))


def flow(host: str) -> Flow:
    return Flow(Transport.UDP, HOME, Address(host, 5060))


def request(method: str = "INVITE", uri: str = "sip:desk@h", *lines: tuple[str, str]) -> Request:
    head = (("Call-ID", "c"), ("CSeq", f"1 {method}"))
    return Request(Headers((*head, *lines)), method=method, uri=uri)


def trunk(name: str, *peers: str, auth: Auth = Auth.ACL, user: str = "") -> Trunk:
    networks = tuple(ip_network(peer) for peer in peers)
    return Trunk(name, networks, auth=auth, username=user, password=user and "secret")


def test_the_longest_prefix_names_the_trunk() -> None:
    house = gate(
        trunk("wide", "198.51.0.0/16"), trunk("narrow", "198.51.100.0/24", "2001:db8::/32")
    )
    assert house.admit(request(), flow("198.51.7.1"), 0.0) == Admitted("wide")
    assert house.admit(request(), flow("198.51.100.1"), 0.0) == Admitted("narrow")
    assert house.admit(request(), flow("2001:db8::5"), 0.0) == Admitted("narrow")
    assert house.admit(request(), flow("::ffff:198.51.7.1"), 0.0) == Admitted("wide")


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "MESSAGE"])
def test_strangers_hear_nothing(method: str) -> None:
    house = gate(trunk("carrier", "198.51.100.0/24"))
    assert house.admit(request(method), flow(OUTSIDE), 0.0) == Silent()
    assert not house.knows(flow(OUTSIDE))
    assert house.knows(flow("198.51.100.1"))


def test_trunks_which_share_a_carriers_addresses_are_told_apart_by_who_is_called() -> None:
    shared = "198.51.100.0/24"
    house = gate(trunk("one", shared, user="u1"), trunk("other", shared, user="u2"))
    assert house.admit(request(uri="sip:u2@h"), flow("198.51.100.1"), 0.0) == Admitted("other")
    assert house.admit(request(uri="tel:+49"), flow("198.51.100.1"), 0.0) == Admitted("one")


def test_where_the_registrar_is_found_calls_come_from() -> None:
    house = gate(Trunk("carrier", registrar="sip.example.org", username="u", password="p"))
    assert house.admit(request(), flow(OUTSIDE), 0.0) == Silent()
    house.reached_at("carrier", [Hop(Transport.UDP, Address(OUTSIDE, 5060))])
    assert house.admit(request(), flow(OUTSIDE), 0.0) == Admitted("carrier")
    house.reached_at("carrier", [Hop(Transport.UDP, Address("203.0.113.10", 5060))])
    assert house.admit(request(), flow(OUTSIDE), 0.0) == Silent()


def proof(
    refused: Verdict, password: str = "secret", user: str = "u"
) -> tuple[tuple[str, str], ...]:
    assert isinstance(refused, Refused) and refused.status == 401
    asked = Response(Headers(refused.headers), status=401, reason="")
    return Wallet(counting(9)).authorize(request(), asked, Credentials(user, password))


def test_a_password_opens_from_anywhere_but_only_an_invite_is_asked_for_it() -> None:
    house = gate(trunk("mobile", auth=Auth.DIGEST, user="u"))
    refused = house.admit(request(), flow(OUTSIDE), 0.0)
    proved = request("INVITE", "sip:desk@h", *proof(refused))
    assert house.admit(proved, flow(OUTSIDE), 1.0) == Admitted("mobile")
    assert house.admit(request("OPTIONS"), flow(OUTSIDE), 0.0) == Silent()
    assert not house.knows(flow(OUTSIDE))


def test_old_telephones_are_challenged_as_they_can_answer() -> None:
    def algorithms(*offered: tuple[Algorithm, ...]) -> list[str]:
        phones = [
            Trunk(f"t{n}", username=f"u{n}", password="p", auth=Auth.DIGEST, algorithms=known)
            for n, known in enumerate(offered)
        ]
        verdict = gate(*phones).admit(request(), flow(OUTSIDE), 0.0)
        assert isinstance(verdict, Refused)
        return [digest.parse(value)["algorithm"] for _, value in verdict.headers]

    assert algorithms(OFFERED) == ["SHA-256", "MD5"]
    assert algorithms(OFFERED, (Algorithm.MD5,)) == ["MD5"]
    assert algorithms((Algorithm.SHA_256,), (Algorithm.MD5,)) == ["SHA-256", "MD5"]


def test_an_algorithm_that_was_not_offered_opens_nothing() -> None:
    known = (Algorithm.SHA_256,)
    strict = Trunk("t", username="u", password="secret", auth=Auth.DIGEST, algorithms=known)
    asked = gate(trunk("t", auth=Auth.DIGEST, user="u")).admit(request(), flow(OUTSIDE), 0.0)
    assert isinstance(asked, Refused)
    weak = Refused(401, asked.headers[1:])
    answered = request("INVITE", "sip:desk@h", *proof(weak))
    assert isinstance(gate(strict).admit(answered, flow(OUTSIDE), 1.0), Refused)


def test_both_need_the_network_and_the_password() -> None:
    house = gate(trunk("pbx", "198.51.100.0/24", auth=Auth.BOTH, user="u"))
    refused = house.admit(request(), flow("198.51.100.1"), 0.0)
    proved = request("INVITE", "sip:desk@h", *proof(refused))
    assert house.admit(proved, flow(OUTSIDE), 1.0) == Silent()
    assert house.admit(proved, flow("198.51.100.1"), 1.0) == Admitted("pbx")
    assert house.admit(request("OPTIONS"), flow("198.51.100.1"), 1.0) == Admitted("pbx")


def test_who_guesses_passwords_is_not_heard_for_a_while() -> None:
    house = gate(trunk("mobile", auth=Auth.DIGEST, user="u"))
    refused = house.admit(request(), flow(OUTSIDE), 0.0)
    wrong = request("INVITE", "sip:desk@h", *proof(refused, "wrong"))
    right = request("INVITE", "sip:desk@h", *proof(refused))
    for _ in range(GUESSES_MAX):
        assert isinstance(house.admit(wrong, flow(OUTSIDE), 1.0), Refused)
    assert house.admit(right, flow(OUTSIDE), 2.0) == Silent()
    assert isinstance(house.admit(request(), flow("203.0.113.10"), 2.0), Refused)
    assert house.admit(right, flow(OUTSIDE), 2.0 + GUESSING_S) == Admitted("mobile")


def test_who_guesses_for_one_trunk_of_a_carrier_does_not_silence_the_others() -> None:
    shared, carrier = "198.51.100.0/24", flow("198.51.100.1")
    house = gate(*(trunk(name, shared, auth=Auth.BOTH, user=name) for name in ("one", "other")))
    refused = house.admit(request(uri="sip:one@h"), carrier, 0.0)
    wrong = request("INVITE", "sip:one@h", *proof(refused, "wrong", "one"))
    for _ in range(GUESSES_MAX):
        assert isinstance(house.admit(wrong, carrier, 1.0), Refused)
    assert house.admit(wrong, carrier, 1.0) == Silent()
    assert isinstance(house.admit(request(uri="sip:other@h"), carrier, 1.0), Refused)


def test_limits_are_the_trunks_and_not_the_carriers() -> None:
    one = Trunk("one", calls_max=2)
    other = Trunk("other", cps=2)
    house = gate(one, other)
    assert house.limit("one", 1, 0.0) is None
    assert house.limit("one", 2, 0.0) == Refused(503, (("Retry-After", "10"),))
    assert [house.limit("other", 99, 100.0) for _ in range(2)] == [None, None]
    assert house.limit("other", 99, 100.0) == Refused(503, (("Retry-After", "1"),))
    assert house.limit("other", 99, 100.5) is None
    assert house.limit("one", 1, 100.0) is None


def test_a_bucket_holds_a_second_and_no_more() -> None:
    bucket = Bucket(3)
    assert [bucket.take(1_000.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(900.0), "a clock that is put back fills nothing"
    assert [bucket.take(901.0) for _ in range(4)] == [True, True, True, False]
