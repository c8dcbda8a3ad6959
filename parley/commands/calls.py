"""parley calls: every call in one line."""

import argparse
from typing import Any

from parley import moment, record, words
from parley.commands import finding, place

LISTED = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("--live", action="store_true", help="only those that are not over")
    parser.add_argument(
        "--limit", type=int, default=LISTED, metavar="N", help=f"the newest N (default: {LISTED})"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "example:\n  parley calls --live --json"


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        found = record.calls(rows, here.keystore().key, live=args.live)
    shown = found[: max(0, args.limit)]
    if args.json:
        print(finding.as_json(shown))
        return 0
    for call in shown:
        print(line(call))
    if len(shown) < len(found):
        print(f"and {len(found) - len(shown)} older: parley calls --limit {len(found)}")
    if not found:
        print("no call is live" if args.live else "no call yet")
    return 0


def line(call: dict[str, Any]) -> str:
    """Id, when, how long, where it stands, who, and whether it was recorded."""
    end_us = call["ended_us"]
    length = "-" if end_us is None else f"{(end_us - call['offered_us']) / 1e6:.1f}s"
    recorded = "recorded" if call["recorded"] else "not recorded"
    return (
        f"{call['id']}  {moment.clock(call['offered_us'])}  {length:>8}"
        f"  {call['state']:<8}  {recorded:<12}  {words.party(call['remote'])}"
    )
