"""parley replay: run the reducers again over the log, and compare every change they make."""

import argparse
from dataclasses import asdict

from parley import history
from parley.commands import NO, NotLikeThis, finding, place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser, nargs="?")
    parser.add_argument("--all", action="store_true", help="every action of the log")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = "examples:\n  parley replay last\n  parley replay --all"


def run(args: argparse.Namespace) -> int:
    if args.all == (args.call is not None):
        raise NotLikeThis("name one call, or --all: parley replay last")
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = None if args.all else finding.call_of(rows, args.call).id
        audit = history.audit(history.entries(here.database), call)
    if args.json:
        differences = [asdict(one) for one in audit.differences]
        print(finding.as_json({"replayed": audit.replayed, "differences": differences}))
    else:
        print("\n".join(told(audit)))
    return NO if audit.differences else 0


def told(audit: history.Audit) -> list[str]:
    """`replay: identical`, or each difference."""
    if not audit.differences:
        return [f"replay: identical ({audit.replayed} actions)"]
    lines = [f"entry {one.seq}, {one.reducer}: {one.what}" for one in audit.differences]
    return [*lines, f"replay: {len(lines)} differences in {audit.replayed} actions"]
