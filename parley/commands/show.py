"""parley show: one call with all that is known of it, now or at any moment of its life."""

import argparse

import apsw

from parley import history, moment, record, telling, transcript
from parley.commands import No, NotLikeThis, finding, looks, place
from parley.plain import Key, Plain
from recordings.access import Looked
from runtime.tables import select
from sessions.tables import Call

EXAMPLES = """\
examples:
  parley show last
  parley show 7f3a --as-of +12.5s --json     12.5 seconds after it was answered
  parley show 7f3a --as-of 812               when entry 812 of the log had just been written"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument("--as-of", metavar="SEQ|TIME", help="as it was then; " + moment.HINT)
    parser.add_argument(
        "--original", action="store_true", help="words as they were kept, if none were destroyed"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    looks.add_officer(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        what = ("transcript", "actions_pii", *(["original"] if args.original else []))
        looks.enter(here, rows, Looked.SHOWN, call.id, *what, officer=args.as_officer)
        then = rows if args.as_of is None else _past(here, call, args.as_of)
        key = here.keystore().key
        found = record.record(then, key, call.id)
        if args.original:
            found["transcript"] = _original(then, key, call.id, found["transcript"])
    print(finding.as_json(found) if args.json else "\n".join(telling.told(found)))
    return 0


def _original(rows: apsw.Connection, key: Key, call: str, shown: list[Plain]) -> list[Plain]:
    try:
        return transcript.with_originals(shown, transcript.originals(rows, key, call))
    except transcript.NoOriginal as error:
        raise No(str(error)) from error


def _past(here: place.Place, call: Call, text: str) -> apsw.Connection:
    """The rows as they were. Raises No for a moment before the call."""
    try:
        wanted = moment.parse(text, call.answered_us or call.offered_us)
    except ValueError as error:
        raise NotLikeThis(f"--as-of: {error}") from error
    rows = history.rebuild(history.entries(here.database, wanted.seq, wanted.at_us))
    if not select(rows, Call, ("id",), (call.id,)):
        begun = moment.clock(call.offered_us)
        raise No(f"--as-of {text}: the call was not there yet; it was offered at {begun}")
    return rows
