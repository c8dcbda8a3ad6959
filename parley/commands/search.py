"""parley search: the calls in which something was said, of what may be seen."""

import argparse
import sys
import time

import apsw

from parley import keeping, moment, searching, words
from parley.commands import No, NotLikeThis, finding, looks, place
from parley.commands.place import Place
from parley.plain import Plain
from recordings.access import Looked
from transcripts import terms
from transcripts.index import Index

EXAMPLES = """\
examples:
  parley search invoice
  parley search '"cancel my contract" monday' --since 2026-03-01 --json

Words in quotes must stand together; all that is asked for must be said in one utterance. Whoever
searches is noted in the log, what they looked for is kept sealed."""
SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("words", metavar="WORDS", nargs="+", help="what was said")
    parser.add_argument("--since", metavar="TIME", help="calls offered then or later (ISO 8601)")
    parser.add_argument("--until", metavar="TIME", help="calls offered before")
    parser.add_argument(
        "--limit", type=int, default=SHOWN, metavar="N", help=f"the newest N (default: {SHOWN})"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    looks.add_officer(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    query = " ".join(args.words)
    if not terms.phrases(query):
        raise NotLikeThis(f"{query!r} has no word to look for")
    here = place.place_of(args)
    since_us, until_us = _time(args.since, "--since"), _time(args.until, "--until")
    with place.reading(here) as rows:
        key = here.keystore().key
        index = opened(here)
        try:
            searching.refresh(index, rows, key)
            found = searching.find(index, rows, key, query, since_us=since_us, until_us=until_us)
        except apsw.Error as error:
            raise unusable(here, error) from error
        finally:
            index.close()
        sealed = looks.sealed_of_day(here, rows, query) if looks.is_writable(here) else None
        hidden = _hidden(args, here, rows, found)
    looks.note(here, Looked.SEARCHED, "", "transcript", query=sealed, hits=len(found))
    found = [one for one in found if one["call"] not in hidden]
    for call, until_us in sorted(hidden.items()):
        print(f"not shown: {looks.why_restricted(call, until_us)}", file=sys.stderr)
    shown = found[: max(0, args.limit)]
    if args.json:
        print(finding.as_json(shown))
        return 0
    for one in shown:
        print(_line(one))
    if len(shown) < len(found):
        print(f"and {len(found) - len(shown)} more: --limit {len(found)}")
    if not found and not hidden:
        print("nobody said that in a call that may be read")
    return 0


def _hidden(
    args: argparse.Namespace, here: Place, rows: apsw.Connection, found: list[Plain]
) -> dict[str, int]:
    """The restricted calls among what was found, unless an officer looks at them."""
    restricted = keeping.restrictions(rows)
    hidden = {one["call"]: restricted[one["call"]] for one in found if one["call"] in restricted}
    if args.as_officer is None:
        return hidden
    for call in hidden:
        looks.as_officer(here, rows, Looked.SEARCHED, call, "transcript", reason=args.as_officer)
    return {}


def opened(here: Place) -> Index:
    """The index of this place; one in memory where nothing can be written. Raises No."""
    path = here.data / searching.NAME
    try:
        return Index(path if looks.is_writable(here) else None)
    except (apsw.Error, OSError) as error:
        raise unusable(here, error) from error


def unusable(here: Place, error: Exception) -> No:
    path = here.data / searching.NAME
    return No(f"{path} cannot be used ({error}): remove it, and it is built anew")


def _time(written: str | None, option: str) -> int | None:
    if written is None:
        return None
    try:
        found = moment.parse(written, time.time_ns() // 1_000)
    except ValueError as error:
        raise NotLikeThis(f"{option}: {error}") from error
    if found.at_us is None:
        raise NotLikeThis(f"{option} {written}: write a time, such as 2026-03-01 or 14:03:07")
    return found.at_us


def _line(one: Plain) -> str:
    said = words.speech(one["text"], one["kind"])
    return f"{one['call']}  {moment.clock(one['start_us'])}  {one['party']}: {said}"
