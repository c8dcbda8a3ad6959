"""parley hold: calls of which nothing is destroyed, whoever asks."""

import argparse

from parley import keeping, moment, operating, words
from parley.commands import finding, place, verbs

EXAMPLES = """\
examples:
  parley hold place --matter "Case 12/26" --call 7f3a --caller +41790001122
  parley hold list
  parley hold release hold_5d0c1f2e3a4b5968
  parley hold lock 7f3a --until 2033-11-21 --source "FINMA, letter of 3 May"
a hold on a caller binds future calls too; to release one takes two people"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    example = 'parley hold place --matter "Case 12/26" --caller +41790001122'
    new = verbs.add(found, "place", _place, "destroy nothing of these calls", example)
    new.add_argument("--matter", required=True, metavar="TEXT", help="which case it is for")
    new.add_argument("--call", action="append", default=[], metavar="CALL", help=finding.CALL_HELP)
    new.add_argument(
        "--caller",
        action="append",
        default=[],
        metavar="NUMBER",
        help="every call of this number or URI, future ones too",
    )
    verbs.add(found, "list", _list, "every hold, and what it binds", "parley hold list --json")
    example = "parley hold release hold_5d0c1f2e3a4b5968"
    gone = verbs.add(found, "release", _release, "ask two people to release a hold", example)
    gone.add_argument("hold", metavar="HOLD", help="the id of the hold")
    gone.add_argument("--by", default="", metavar="ID", help="whose wish it is; they have no vote")
    example = 'parley hold lock 7f3a --until 2033-11-21 --source "FINMA, letter of 3 May"'
    lock = verbs.add(found, "lock", _lock, "an authority wants one call to be kept", example)
    finding.add_call(lock)
    lock.add_argument("--until", required=True, metavar="DAY", help="such as 2033-11-21")
    lock.add_argument("--source", required=True, metavar="TEXT", help="where that is written")
    parser.epilog = EXAMPLES


run = verbs.perform


def _place(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    callers = [keeping.named(caller) for caller in args.caller]
    with place.reading(here) as rows:
        calls = [finding.call_of(rows, call).id for call in args.call]
    found = operating.perform(here, "hold.place", matter=args.matter, calls=calls, callers=callers)
    with place.reading(here) as rows:
        placed = next(
            one for one in keeping.holds(rows, here.keystore().key) if one["id"] == found["hold"]
        )
    if args.json:
        print(finding.as_json(placed))
        return 0
    to_come = ", and all to come of who is named" if placed["callers"] else ""
    print(f"{placed['id']} binds {', '.join(placed['held']) or 'no call so far'}{to_come}")
    for call in placed["too_late"]:
        print(f"too late for {call}: its destruction had begun")
    return 0


def _list(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        found = keeping.holds(rows, here.keystore().key)
    if args.json:
        print(finding.as_json(found))
        return 0
    for hold in found:
        since = moment.clock(hold["placed_us"])
        print(f"{hold['id']}  {hold['state']}  since {since}  {words.party(hold['matter'])}")
        waits = (
            f", release waits at {hold['gate']}" if hold["gate"] and not hold["released_us"] else ""
        )
        callers = ", ".join(words.party(one) for one in hold["callers"]) or "no caller"
        print(f"  {len(hold['held'])} calls, {callers}{waits}")
    if not found:
        print("no hold: parley hold place --matter TEXT --caller NUMBER")
    return 0


def _release(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "hold.release", hold=args.hold, by=args.by)
    said = f"two people must agree: parley approve {found['gate']} --key YOURS.pem"
    print(finding.as_json(found) if args.json else said)
    return 0


def _lock(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    until_us = keeping.day_us(args.until)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call).id
    found = operating.perform(here, "hold.lock", call=call, until_us=until_us, source=args.source)
    print(finding.as_json(found) if args.json else f"{call} is locked until {args.until}")
    return 0
