"""parley emergency: somebody's life is at stake in a call: record and understand it from now on."""

import argparse

from parley import operating
from parley.commands import finding, place

EXAMPLES = """\
examples:
  parley emergency last --why "the caller reports a heart attack"
  parley emergency 7f3a --by id_3f9a --why "threat of suicide"

it is opened on vital interests, whatever the caller agreed to, and two people are asked afterwards
whether it was right: parley approve"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument("--why", required=True, metavar="TEXT", help="kept in clear: no names")
    parser.add_argument("--by", default="", metavar="ID", help="your identity; you cannot approve")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call).id
    found = operating.perform(here, "call.emergency", call=call, by=args.by, why=args.why)
    if args.json:
        print(finding.as_json(found))
    else:
        print(f"{call} is recorded on vital interests; two people look at it: parley approve")
    return 0
