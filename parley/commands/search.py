"""parley search: the calls in which something was said, of what may be seen."""

import argparse
import secrets
import time

import apsw

from parley import moment, searching, words
from parley.commands import No, NotLikeThis, finding, looks, place
from parley.commands.place import Place
from parley.plain import Plain
from recordings.access import Access, Looked
from runtime.keystore import KeyDestroyed
from runtime.sealed import Sealed, seal
from runtime.tables import schema_of, select
from transcripts import terms
from transcripts.index import Index

EXAMPLES = """\
examples:
  parley search invoice
  parley search '"cancel my contract" monday' --since 2026-03-01 --json

Words in quotes must stand together; all that is asked for must be said in one utterance. Whoever
searches is noted in the log, what they looked for is kept sealed."""
DAY_US = 86_400_000_000
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
        sealed = _sealed(here, rows, query) if looks.is_writable(here) else None
    looks.note(here, Looked.SEARCHED, "", "transcript", query=sealed, hits=len(found))
    shown = found[: max(0, args.limit)]
    if args.json:
        print(finding.as_json(shown))
        return 0
    for one in shown:
        print(_line(one))
    if len(shown) < len(found):
        print(f"and {len(found) - len(shown)} more: --limit {len(found)}")
    if not found:
        print("nobody said that in a call that may be read")
    return 0


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


def _sealed(here: Place, rows: apsw.Connection, query: str) -> Sealed[str]:
    """What was looked for, under the day's key: what is searched for names people, too."""
    # A store that no server of this release has opened yet knows of no searches.
    known = rows.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (schema_of(Access).name,))
    keystore, today = here.keystore(), time.time_ns() // 1_000 // DAY_US
    found = [
        row.query.key_id
        for row in (select(rows, Access, ("looked",), (Looked.SEARCHED,)) if known.get else ())
        if row.query is not None and row.at_us // DAY_US == today
    ]
    for key_id in found[:1]:
        try:
            return seal(query, key_id, keystore.key(key_id), secrets.token_bytes)
        except KeyDestroyed:
            continue
    key_id = keystore.prepare()
    return seal(query, key_id, keystore.key(key_id), secrets.token_bytes)


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
