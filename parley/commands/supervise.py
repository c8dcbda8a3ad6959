"""parley supervise: have the running server call a supervisor into a call that is up."""

import argparse

from parley import operating
from parley.calling import SUPERVISING
from parley.commands import dial, finding, place

EXAMPLES = """\
examples:
  parley supervise last --phone tel:+41790001122 --basis contract --source "the rota"
  parley supervise 7f3a --phone sip:sue@192.0.2.7 --basis basis_5d0c1f2e --as whisper

on their telephone, 4 is to listen, 5 to whisper and 6 to barge; where the call is recorded, who
whispers or barges is asked first whether they may be, and until they agree nobody is"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument("--phone", required=True, metavar="URI", help=dial.WHOM)
    dial.add_basis(parser)
    parser.add_argument(
        "--as",
        dest="part",
        choices=list(SUPERVISING),
        default="listen",
        help="be heard by nobody (the default), by who is coached, or by all",
    )
    parser.add_argument("--coach", metavar="CALL", help="who hears a whisper, if not CALL")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call).id
        coached = finding.call_of(rows, args.coach).id if args.coach else ""
    found = operating.perform(
        here,
        "call.supervise",
        call=call,
        coached=coached,
        uri=args.phone,
        basis=args.basis,
        source=args.source,
        days=args.days,
        **{"as": args.part},
    )
    if args.json:
        print(finding.as_json(found))
    else:
        print(f"{found['call']} is dialled, to {args.part} to {call}: parley show {call}")
    return 0
