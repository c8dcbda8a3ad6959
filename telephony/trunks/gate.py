"""The gate of a house with trunks: everybody else hears nothing, as if nobody were there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from telephony.flow import Flow, Hop
from telephony.sip.challenges import Answer, Challenger
from telephony.sip.digest import Algorithm
from telephony.sip.errors import GrammarError
from telephony.sip.gate import Admitted, Refused, Silent, Verdict
from telephony.sip.message import Request
from telephony.sip.uri import Uri
from telephony.trunks.limits import Bucket
from telephony.trunks.trunk import Auth, Trunk

REALM = "parley"
RETRY_FULL_S = 10
RETRY_TOO_FAST_S = 1
# Who guesses passwords, and so often, is not heard for so long.
GUESSES_MAX = 8
GUESSING_S = 60.0
GUESSERS_MAX = 1_000


class TrunkGate:
    """Knows peers by the longest prefix, and callers by their password."""

    def __init__(self, trunks: Sequence[Trunk], challenger: Challenger) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._challenger = challenger
        self._by_user = {t.username: t for t in trunks if t.auth is Auth.DIGEST and t.username}
        self._buckets = {trunk.name: Bucket(trunk.cps) for trunk in trunks if trunk.cps}
        self._networks = {trunk.name: trunk.peers for trunk in trunks}
        # Who -> wrong answers, and when the first came.
        self._guesses: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def reached_at(self, trunk: str, hops: Sequence[Hop]) -> None:
        """Where a trunk's registrar or proxy is found: calls come from there, too."""
        found = tuple(ip_network(hop.address.host) for hop in hops)
        self._networks[trunk] = self._trunks[trunk].peers + found

    def knows(self, flow: Flow) -> bool:
        return bool(self._peers(flow))

    def admit(self, request: Request, flow: Flow, now: float) -> Verdict:
        peers = self._peers(flow)
        if peers:
            trunk = _meant(request, peers)
            if trunk.auth is Auth.ACL or request.method == "OPTIONS":
                return Admitted(trunk.name)
            # A carrier has many customers: who guesses for one of them harms no other.
            guesser = f"{flow.remote.host} {trunk.name}"
            return self._proved({trunk.username: trunk}, request, guesser, now)
        if request.method == "INVITE" and self._by_user:
            return self._proved(self._by_user, request, flow.remote.host, now)
        return Silent()

    def limit(self, trunk: str, calls: int, now: float) -> Refused | None:
        policy = self._trunks.get(trunk)
        if policy is None:
            return None
        if policy.calls_max and calls >= policy.calls_max:
            return _busy(RETRY_FULL_S)
        bucket = self._buckets.get(trunk)
        return _busy(RETRY_TOO_FAST_S) if bucket and not bucket.take(now) else None

    def _peers(self, flow: Flow) -> list[Trunk]:
        """The trunks whose network fits the address best: more than one, where they share it."""
        address = _address(flow)
        found: dict[int, list[Trunk]] = {}
        for name, trunk in self._trunks.items():
            fitting = [net.prefixlen for net in self._networks[name] if address in net]
            if fitting and trunk.auth is not Auth.DIGEST:
                found.setdefault(max(fitting), []).append(trunk)
        return found[max(found)] if found else []

    def _proved(
        self, trunks: dict[str, Trunk], request: Request, guesser: str, now: float
    ) -> Verdict:
        if self._is_guessing(guesser, now):
            return Silent()
        passwords = {name: trunk.password for name, trunk in trunks.items()}
        algorithms = _algorithms(list(trunks.values()))
        answer, user = self._challenger.check(request, REALM, passwords, now, algorithms)
        if answer is Answer.RIGHT:
            return Admitted(trunks[user].name)
        if answer is Answer.WRONG:
            self._guessed(guesser, now)
        stale = answer is Answer.STALE
        return Refused(401, self._challenger.challenge(REALM, now, algorithms, stale=stale))

    def _is_guessing(self, guesser: str, now: float) -> bool:
        guesses, since = self._guesses.get(guesser, (0, now))
        if now - since > GUESSING_S:
            self._guesses.pop(guesser, None)
            return False
        return guesses >= GUESSES_MAX

    def _guessed(self, guesser: str, now: float) -> None:
        guesses, since = self._guesses.get(guesser, (0, now))
        self._guesses[guesser] = (guesses + 1, since)
        if len(self._guesses) > GUESSERS_MAX:
            self._guesses.popitem(last=False)


def _algorithms(trunks: list[Trunk]) -> list[Algorithm]:
    """Those that all of them know, in the order of the first; where there is none, all."""
    named = [algorithm for trunk in trunks for algorithm in trunk.algorithms]
    shared = [one for one in dict.fromkeys(named) if named.count(one) == len(trunks)]
    return shared or list(dict.fromkeys(named))


def _meant(request: Request, trunks: list[Trunk]) -> Trunk:
    """Of trunks that share a carrier's addresses, the one whose Contact was called."""
    if len(trunks) > 1:
        try:
            user = Uri.parse(request.uri).user_unescaped
        except GrammarError:
            user = ""
        for trunk in trunks:
            if user and trunk.username == user:
                return trunk
    return trunks[0]


def _address(flow: Flow) -> IPv4Address | IPv6Address:
    # The address of a link may name its interface: fe80::1%eth0.
    address = ip_address(flow.remote.host.partition("%")[0])
    # An IPv6 socket writes IPv4 peers as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _busy(seconds: int) -> Refused:
    return Refused(503, (("Retry-After", str(seconds)),))
