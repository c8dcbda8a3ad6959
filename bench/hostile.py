"""What the worst messages cost: CPU per message of the SIP core, by kind. The limit is 1 ms.

Run: python -m bench.hostile [--messages N]
"""

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench._measure import machine
from telephony.address import Address
from telephony.flow import Flow, Listener, Transport
from telephony.sip import UserAgent
from telephony.sip.name_addr import NameAddr
from telephony.sip.uri import Uri
from telephony.sip.via import Via
from tests.telephony.sip import strange
from tests.telephony.sip.wire import OFFER, request

LIMIT_US = 1_000.0
HOME = Address("192.0.2.2", 5060)
FLOW = Flow(Transport.UDP, HOME, Address("203.0.113.9", 4711))
TORTURE = Path(__file__).resolve().parents[2] / "shared" / "rfc4475"
INVITE = request("INVITE", extra="Content-Type: application/sdp\r\n", body=OFFER)
REPEATS = 5
"""Each message is measured so often, and its quickest run counts: the rest is the machine's."""


def made_to_be_slow() -> list[bytes]:
    """As large as limits allow, and as crooked as the grammar does."""
    tails = (
        b"Contact: " + b'"\\' * 4_000,
        b"X: y\r\n" * 150,
        b"Record-Route: " + b"<sip:a;lr>," * 700,
        (b"X: " + b",;=<" * 2_000 + b"\r\n") * 7,
        b" " * 60_000,
        b"P: " + b"a" * 8_000 + b"\r\n" + b" x\r\n" * 10_000,
        b"Via: " + b"SIP/2.0/UDP a;branch=z9hG4bKa," * 40,
        b"From: " + b";" * 8_000,
        b"To: <sip:" + b"%41" * 2_600 + b">",
        b"Require: " + b"a," * 4_000,
        b'Authorization: Digest a="' + b"b" * 8_000,
        b"Authorization: Digest " + b'a="b",' * 1_300 + b"!",
        (b"Supported: " + b"x" * 8_000 + b"\r\n") * 7,
        b"Content-Length: " + b"9" * 8_000,
    )
    return [INVITE[: -2 - len(OFFER)] + tail + b"\r\n\r\n" for tail in tails]


def mutated(count: int, seed: int = 1) -> Iterable[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(INVITE)
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 20))
        yield bytes(changed)


def costs(messages: Iterable[bytes]) -> list[float]:
    """Microseconds of CPU for each, in a user agent that has seen those before it."""
    numbers = itertools.count(1)
    agents = [
        UserAgent([Listener.udp(HOME)], "parley", lambda size: next(numbers).to_bytes(size, "big"))
        for _ in range(REPEATS)
    ]
    taken: list[float] = []
    for n, message in enumerate(messages):
        runs = [_cost(agent, message, n / 100) for agent in agents]
        taken.append(min(runs))
    return taken


def _cost(agent: UserAgent, message: bytes, now: float) -> float:
    for parsed in (Uri, NameAddr, Via):
        # A stranger's message is new to us: what was read before must not help.
        parsed.parse.cache_clear()
    began = time.perf_counter_ns()
    agent.receive(message, FLOW, now)
    while agent.poll() is not None:
        pass
    took = (time.perf_counter_ns() - began) / 1e3
    agent.wake(now)
    while agent.poll() is not None:
        pass
    return took


def row(name: str, taken: list[float]) -> str:
    ordered = sorted(taken)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    above = sum(1 for one in ordered if one > LIMIT_US)
    return f"{name:<34}{len(ordered):>9}{p50:>9.0f}{p99:>9.0f}{ordered[-1]:>9.0f}{above:>9}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000)
    options = parser.parse_args(argv)
    kinds: dict[str, Callable[[], Iterable[bytes]]] = {
        "an ordinary INVITE": lambda: (INVITE for _ in range(100)),
        "mutated INVITEs": lambda: mutated(options.messages),
        "by the grammar, and against it": lambda: strange.messages(1, options.messages),
        "made to be slow": made_to_be_slow,
    }
    if TORTURE.is_dir():
        kinds["RFC 4475"] = lambda: (path.read_bytes() for path in sorted(TORTURE.glob("*.dat")))
    print(f"{machine()}; microseconds of the SIP core per message, best of {REPEATS} runs each")
    print(f"{'':<34}{'messages':>9}{'p50':>9}{'p99':>9}{'worst':>9}{'> 1 ms':>9}")
    for name, make in kinds.items():
        print(row(name, costs(make())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
