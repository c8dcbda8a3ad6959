"""parley approve: say yes or no at a gate, signed with your key; or see what waits."""

import argparse
import secrets
from pathlib import Path

from parley import keeping, moment, operating
from parley.commands import NotLikeThis, act, finding, place
from runtime.identities import rules, signing
from runtime.log_key import ORIGIN

WHY = "approved"
EXAMPLES = """\
examples:
  parley approve
  parley approve gate_x3k2 --key ann.pem --why "checked with counsel"
  parley approve gate_x3k2 --key ann.pem --refuse --why "wrong caller" """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("gate", metavar="GATE", nargs="?", help="its id; without, what waits")
    parser.add_argument("--key", type=Path, metavar="FILE", help="your private key (PEM)")
    parser.add_argument("--refuse", action="store_true", help="say no: one is enough")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept with your vote, in clear")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    if args.gate is None:
        return _list(args, here)
    if args.key is None:
        raise NotLikeThis("name your private key with --key: a vote is signed")
    key, request = act.key_of(args.key), secrets.token_hex(8)
    identity = rules.id_of(key.public_key().public_bytes_raw())
    why = args.why or ("refused" if args.refuse else WHY)
    reducer = "runtime.gate_refused" if args.refuse else "runtime.gate_approved"
    data = signing.message(
        ORIGIN,
        identity,
        reducer,
        scope=None,
        request=f"{identity}/{request}",
        args={"gate": args.gate, "why": why},
    )
    with place.reading(here):
        found = operating.perform(
            here,
            "gate.vote",
            gate=args.gate,
            approve=not args.refuse,
            why=why,
            identity=identity,
            sig=signing.sign(key, data),
            key=request,
        )
    said = f"{found['gate']} is {found['state']}, entry {found['entry']} of the log"
    print(finding.as_json(found) if args.json else said)
    return 0


def _list(args: argparse.Namespace, here: place.Place) -> int:
    with place.reading(here) as rows:
        found = keeping.waiting(rows)
    if args.json:
        print(finding.as_json(found))
        return 0
    for gate in found:
        votes = f"{len(gate['votes'])} of {gate['quorum']} agreed"
        asks, until = ", ".join(gate["asks"]), moment.clock(gate["expires_us"])
        print(f"{gate['id']}  {gate['subject']}  {votes}; asks {asks}; until {until}")
    if not found:
        print("nothing waits for anybody")
    return 0
