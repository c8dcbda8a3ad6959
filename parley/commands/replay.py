"""parley replay: run the reducers again in a fresh process, and compare all that they make."""

import argparse
from dataclasses import asdict
from functools import partial

from parley import history
from parley.commands import NO, No, NotLikeThis, finding, looks, place, progress
from recordings.access import Looked

SHOWN_OF_HASH = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser, nargs="?")
    parser.add_argument("--all", action="store_true", help="every action of the log")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = (
        "The process has another hash seed, time zone and locale. At the end the rows that the\n"
        "log makes are compared with those of the store, so damage to a row is found as well.\n\n"
        "examples:\n  parley replay last\n  parley replay --all"
    )


def run(args: argparse.Namespace) -> int:
    if args.all == (args.call is not None):
        raise NotLikeThis("name one call, or --all: parley replay last")
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = None if args.all else finding.call_of(rows, args.call).id
    # Nothing of it is opened; whoever has it run sees when what happened, all the same.
    looks.note(here, Looked.REPLAYED, call or "", "log")
    try:
        with progress.shown() as told_how_far:
            audit = history.replay(here.database, call, tell=partial(told_how_far, "replay"))
    except history.ReplayFailed as error:
        raise No(str(error)) from error
    if args.json:
        print(finding.as_json(asdict(audit)))
    else:
        print("\n".join(told(audit)))
    return 0 if audit.identical else NO


def told(audit: history.Audit) -> list[str]:
    """`replay: identical`, or each difference."""
    if audit.identical:
        state = audit.state[:SHOWN_OF_HASH]
        return [f"replay: identical ({audit.replayed} actions, state {state})"]
    lines = [f"{_place(one)}{one.reducer}: {one.what}" for one in audit.differences]
    lines += [f"row {one.table} {one.key}: {one.what}" for one in audit.damaged]
    if audit.differences and audit.changed:
        lines += [f"its code has changed since: {name}" for name in audit.changed]
    more = "at least " if len(audit.damaged) == history.NAMED_MAX else ""
    return [
        *lines,
        f"replay: {audit.differed} differences in {audit.replayed} actions,"
        f" {more}{len(audit.damaged)} damaged rows",
    ]


def _place(one: history.Difference) -> str:
    return "" if one.seq is None else f"entry {one.seq}, "
