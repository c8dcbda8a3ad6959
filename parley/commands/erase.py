"""parley erase: destroy what is kept of a call, or of all calls of a caller, as far as one may."""

import argparse
import time
from typing import Any

from parley import keeping, operating
from parley.commands import NO, NotLikeThis, finding, place
from recordings.retention.precedence import Trigger
from sessions.retention.shelf import Shelf
from sessions.tables import Call

EXAMPLES = """\
examples:
  parley erase 7f3a --reason "request of 3 May" --dry-run
  parley erase --caller +41790001122 --reason "request of 3 May"
two people must agree (parley approve); then it is destroyed, and no backup brings it back"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("call", metavar="CALL", nargs="?", help=finding.CALL_HELP)
    parser.add_argument("--caller", metavar="NUMBER", help="every call of this number or URI")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="kept sealed")
    parser.add_argument(
        "--withdrawn", action="store_true", help="consent was withdrawn, and the past is to go too"
    )
    parser.add_argument(
        "--by", default="", metavar="ID", help="the identity whose wish it is; it has no vote"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would happen, and why"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    if (args.call is None) == (args.caller is None):
        raise NotLikeThis("name a CALL, or --caller NUMBER")
    here = place.place_of(args)
    with place.reading(here) as rows:
        shelf = keeping.shelf_of(rows, here)
        if args.call is not None:
            calls = [finding.call_of(rows, args.call)]
        else:
            calls = shelf.of_subject(keeping.named(args.caller))
    if not calls:
        print("no call is known of this caller, or who called was erased before")
        return NO
    if args.dry_run:
        return _dry(args, shelf, calls)
    found = operating.perform(
        here,
        "erasure.request",
        calls=[call.id for call in calls],
        reason=args.reason,
        withdrawal=args.withdrawn,
        by=args.by,
    )
    if args.json:
        print(finding.as_json(found))
    else:
        for one in found["erasures"]:
            _say(one)
    asked = [one for one in found["erasures"] if one["state"] != "refused"]
    return 0 if asked else NO


def _dry(args: argparse.Namespace, shelf: Shelf, calls: list[Call]) -> int:
    trigger = Trigger.WITHDRAWAL if args.withdrawn else Trigger.ERASURE
    now_us = time.time_ns() // 1_000
    found: list[dict[str, Any]] = [
        {
            "call": call.id,
            "state": call.state.value,
            "decisions": [keeping.decision(one) for one in shelf.decisions(call, trigger, now_us)],
        }
        for call in calls
    ]
    if args.json:
        print(finding.as_json(found))
        return 0
    for one in found:
        print(f"{one['call']}  {one['state']}")
        for decision in one["decisions"]:
            print(keeping.told(decision))
            for step in decision["trace"]:
                print(f"    {step}")
    print("nothing was done: leave out --dry-run to ask for it")
    return 0


def _say(one: dict[str, Any]) -> None:
    print(f"{one['call']}  {one['state']}{': ' + one['why'] if 'why' in one else ''}")
    for decision in one.get("decisions", []):
        print(keeping.told(decision))
    if one.get("gate"):
        print(f"  two people must agree: parley approve {one['gate']} --key YOURS.pem")
