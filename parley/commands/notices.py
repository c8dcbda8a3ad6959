"""parley notices: who else got data of a call, and what they said when it was erased."""

import argparse

from parley import moment, operating
from parley.commands import finding, place, verbs
from parley.plain import fields_of
from recordings.retention.precedence import Artefact
from runtime.tables import select
from sessions.retention.tables import ProcessorNotice

EXAMPLES = """\
examples:
  parley notices record 7f3a --recipient "Acme Transcripts" --what audio --purpose "quality review"
  parley notices list
  parley notices ack erasure_1/disclosure_2 --answer "deleted on 4 May"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    example = "parley notices list --json"
    listed = verbs.add(found, "list", _list, "who is to be told of an erasure", example)
    listed.add_argument("--all", action="store_true", help="those too that answered")
    example = 'parley notices ack erasure_1/disclosure_2 --answer "deleted on 4 May"'
    done = verbs.add(found, "ack", _ack, "a recipient answered", example)
    done.add_argument("notice", metavar="NOTICE", help="its id")
    done.add_argument("--answer", required=True, metavar="TEXT", help="what became of their copy")
    example = 'parley notices record 7f3a --recipient "Acme" --what audio --purpose "review"'
    new = verbs.add(found, "record", _record, "data of a call went to somebody", example)
    finding.add_call(new)
    new.add_argument(
        "--recipient", required=True, metavar="NAME", help="a firm or a system, never a person"
    )
    new.add_argument(
        "--what", action="append", required=True, choices=[str(one) for one in Artefact]
    )
    new.add_argument("--purpose", required=True, metavar="TEXT")
    parser.epilog = EXAMPLES


run = verbs.perform


def _list(args: argparse.Namespace) -> int:
    with place.reading(place.place_of(args)) as rows:
        found = sorted(
            (
                row
                for row in select(rows, ProcessorNotice, (), ())
                if args.all or row.acknowledged_us is None
            ),
            key=lambda row: (row.opened_us, row.id),
        )
    if args.json:
        print(finding.as_json([fields_of(row) for row in found]))
        return 0
    for row in found:
        said = f": {row.answer}" if row.acknowledged_us is not None else ""
        what = ", ".join(row.artefacts)
        print(f"{row.id}  {moment.clock(row.opened_us)}  {row.call}  {row.recipient}  {what}{said}")
    if not found:
        print("nobody is to be told of an erasure")
    return 0


def _ack(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "notices.ack", notice=args.notice, answer=args.answer)
    print(finding.as_json(found) if args.json else f"{found['notice']} is acknowledged")
    return 0


def _record(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call).id
    found = operating.perform(
        here,
        "notices.record",
        call=call,
        recipient=args.recipient,
        artefacts=args.what,
        purpose=args.purpose,
    )
    print(finding.as_json(found) if args.json else f"recorded as {found['disclosure']}")
    return 0
