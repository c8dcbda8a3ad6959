"""parley basis: why somebody may be called, recorded before anybody is."""

import argparse
from typing import Any

import apsw

from consent.policy.terms import BasisKind
from consent.tables import Basis
from parley import moment, operating, words
from parley.commands import finding, place, verbs
from parley.plain import Key, opened
from runtime.tables import select

EXAMPLES = """\
examples:
  parley basis record tel:+41790001122 --kind consent --source "web form of 3 May" --days 30
  parley basis list
  parley basis withdraw basis_5d0c1f2e3a4b5968"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add(
        found,
        "record",
        _record,
        "somebody may be called, and this is why; the server must run",
        'parley basis record tel:+41790001122 --kind contract --source "order 4711"',
    )
    new.add_argument("uri", metavar="URI", help='whom: "sip:user@host" or "tel:+41790001122"')
    new.add_argument("--kind", required=True, choices=[str(kind) for kind in BasisKind])
    new.add_argument("--source", required=True, metavar="TEXT", help="where that is written")
    new.add_argument("--days", type=int, metavar="N", help="how long it holds")
    verbs.add(found, "list", _list, "every basis in one line", "parley basis list --json")
    example = "parley basis withdraw basis_5d0c1f2e3a4b5968"
    gone = verbs.add(found, "withdraw", _withdraw, "nobody is called on it any more", example)
    gone.add_argument("id", metavar="ID", help="the id of the basis")
    parser.epilog = EXAMPLES


run = verbs.perform


def _record(args: argparse.Namespace) -> int:
    asked = {"uri": args.uri, "basis": args.kind, "source": args.source, "days": args.days}
    found = operating.perform(place.place_of(args), "basis.record", **asked)
    print(finding.as_json(found) if args.json else f"recorded as {found['basis']}")
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "basis.withdraw", id=args.id)
    print(finding.as_json(found) if args.json else f"{found['basis']} is withdrawn")
    return 0


def _list(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        found = _bases(rows, here.keystore().key)
    if args.json:
        print(finding.as_json(found))
        return 0
    for basis in found:
        print(_line(basis))
    if not found:
        print("nobody may be called yet: parley basis record URI --kind consent --source TEXT")
    return 0


def _bases(rows: apsw.Connection, key: Key) -> list[dict[str, Any]]:
    """Every basis, the oldest first. What a destroyed key sealed is None, and `erased`."""
    found = sorted(select(rows, Basis, (), ()), key=lambda row: (row.granted_us, row.id))
    return [_plain(row, key) for row in found]


def _plain(row: Basis, key: Key) -> dict[str, Any]:
    party = opened(row.party, key)
    return {
        "id": row.id,
        "kind": row.kind,
        "party": party,
        "source": opened(row.source, key),
        "granted_us": row.granted_us,
        "expires_us": row.expires_us,
        "withdrawn_us": row.withdrawn_us,
        "erased": party is None,
    }


def _line(basis: dict[str, Any]) -> str:
    until = "" if basis["expires_us"] is None else f", until {moment.clock(basis['expires_us'])}"
    if basis["withdrawn_us"] is not None:
        until = f", withdrawn {moment.clock(basis['withdrawn_us'])}"
    source = "" if basis["erased"] else f": {basis['source']}"
    return (
        f"{basis['id']}  {moment.clock(basis['granted_us'])}  {words.party(basis['party'])}"
        f"  {basis['kind']}{source}{until}"
    )
