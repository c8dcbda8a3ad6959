"""parley dial: have the running server call somebody who may be called."""

import argparse

from consent.policy.terms import BasisKind
from parley import operating
from parley.commands import finding, place

EXAMPLES = """\
examples:
  parley dial tel:+41790001122 --basis consent --source "web form of 3 May" --days 30
  parley dial sip:desk@192.0.2.7 --basis basis_5d0c1f2e3a4b5968"""

WHOM = 'whom: "sip:user@host" or "tel:+41790001122"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("uri", metavar="URI", help=WHOM)
    add_basis(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def add_basis(parser: argparse.ArgumentParser) -> None:
    """Why somebody may be called."""
    kinds = ", ".join(BasisKind)
    parser.add_argument(
        "--basis",
        required=True,
        metavar="KIND|ID",
        help=f"why they may be called: one of {kinds}; or the id of one that is recorded",
    )
    parser.add_argument("--source", default="", metavar="TEXT", help="where that is written")
    parser.add_argument("--days", type=int, metavar="N", help="how long it holds")


def run(args: argparse.Namespace) -> int:
    found = operating.perform(
        place.place_of(args),
        "call.dial",
        uri=args.uri,
        basis=args.basis,
        source=args.source,
        days=args.days,
    )
    if args.json:
        print(finding.as_json(found))
    else:
        print(f"{found['call']} is dialled on {found['basis']}: parley show {found['call']}")
    return 0
