"""parley consent: what somebody agreed to before a call, and whether it still holds."""

import argparse
import time
from typing import Any

import apsw

from consent.filed import ConsentOnFile, current
from consent.wordings import LANGUAGES, WORDINGS
from parley import moment, operating, words
from parley.commands import finding, place, verbs
from parley.plain import Key, opened
from runtime.tables import select

EXAMPLES = """\
examples:
  parley consent file tel:+41790001122 --scope recording --language de --source "contract 4711"
  parley consent list
  parley consent revoke consent_5d0c1f2e3a4b5968"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add(
        found,
        "file",
        _file,
        "somebody agreed before, to these words, and a short notice is enough; needs the server",
        "parley consent file tel:+41790001122 --scope recording --language de"
        ' --source "contract 4711" --days 365',
    )
    new.add_argument("uri", metavar="URI", help='whose: "tel:+41790001122" or "sip:user@host"')
    new.add_argument("--scope", required=True, metavar="SCOPE", help="recording, vendor:acme, ...")
    new.add_argument(
        "--language", required=True, choices=LANGUAGES, help="the one they were asked in"
    )
    new.add_argument(
        "--wording", default="", metavar="NAME", help="what they agreed to (default: as we ask now)"
    )
    new.add_argument("--source", required=True, metavar="TEXT", help="where that is written")
    new.add_argument("--days", type=int, metavar="N", help="how long it holds")
    verbs.add(found, "list", _list, "all that is on file, in one line each", "parley consent list")
    example = "parley consent revoke consent_5d0c1f2e3a4b5968"
    gone = verbs.add(found, "revoke", _revoke, "from the next call on they are asked", example)
    gone.add_argument("id", metavar="ID", help="the id of the consent")
    parser.epilog = EXAMPLES


run = verbs.perform


def _file(args: argparse.Namespace) -> int:
    asked = {
        "uri": args.uri,
        "scope": args.scope,
        "language": args.language,
        "wording": args.wording,
        "source": args.source,
        "days": args.days,
    }
    found = operating.perform(place.place_of(args), "consent.file", **asked)
    if args.json:
        print(finding.as_json(found))
    else:
        print(f"filed as {found['consent']}: they agreed to")
        print(f"  {WORDINGS[found['wording']].text}")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "consent.revoke", id=args.id)
    print(finding.as_json(found) if args.json else f"{found['consent']} is revoked")
    return 0


def _list(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        found = on_file(rows, here.keystore().key, time.time_ns() // 1_000)
    if args.json:
        print(finding.as_json(found))
        return 0
    for consent in found:
        print(_line(consent))
    if not found:
        print("nothing is on file: everybody is asked in each call (parley consent file --help)")
    return 0


def on_file(rows: apsw.Connection, key: Key, now_us: int) -> list[dict[str, Any]]:
    """All, the oldest first. What a destroyed key sealed is None, and `erased`."""
    found = sorted(select(rows, ConsentOnFile, (), ()), key=lambda row: (row.granted_us, row.id))
    return [_plain(row, key, now_us) for row in found]


def _plain(row: ConsentOnFile, key: Key, now_us: int) -> dict[str, Any]:
    party = opened(row.party, key)
    return {
        "id": row.id,
        "party": party,
        "scope": row.scope,
        "wording": row.wording,
        "wording_sha256": row.wording_sha256,
        "language": row.language,
        "source": opened(row.source, key),
        "granted_us": row.granted_us,
        "expires_us": row.expires_us,
        "revoked_us": row.revoked_us,
        "state": _state(row, now_us),
        "erased": party is None,
    }


def _state(row: ConsentOnFile, now_us: int) -> str:
    if row.revoked_us is not None:
        return "revoked"
    if row.expires_us is not None and row.expires_us <= now_us:
        return "expired"
    known = current(row.scope, row.language).values()
    return "holds" if row.wording_sha256 in known else "other words"


def _line(one: dict[str, Any]) -> str:
    until = "" if one["expires_us"] is None else f", until {moment.clock(one['expires_us'])}"
    source = "" if one["erased"] else f": {one['source']}"
    return (
        f"{one['id']}  {moment.clock(one['granted_us'])}  {words.party(one['party'])}"
        f"  {one['scope']}  {one['wording']}  {one['state']}{until}{source}"
    )
