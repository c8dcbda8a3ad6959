"""parley subject: what is known of one caller, as a folder that they may have (GDPR Art 15)."""

import argparse
from pathlib import Path

from parley import access, keeping
from parley.commands import NO, No, NotLikeThis, finding, looks, place
from recordings import VaultError
from recordings.access import Looked

EXAMPLES = """\
examples:
  parley subject +41790001122
  parley subject +41790001122 --to request-17/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument("subject", metavar="NUMBER", help="their number, or their URI")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="a folder to be made; without, only list the calls"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    name = keeping.named(args.subject)
    with place.reading(here) as rows:
        calls = keeping.shelf_of(rows, here).of_subject(name)
        if not calls:
            print("no call is known of them, or who called was erased")
            return NO
        if args.to is None:
            found = [{"call": one.id, "state": one.state.value} for one in calls]
        else:
            for call in calls:
                looks.note(here, Looked.EXPORTED, call.id, "transcript", "audio", "actions_pii")
            source = access.Source(rows, here.keystore().key, here.recordings)
            try:
                found = access.write(source, calls, args.to)
            except access.AccessError as error:
                raise NotLikeThis(f"{error}: name another folder with --to") from error
            except VaultError as error:
                raise No(f"the recording does not fit its rows: {error}") from error
    if args.json:
        print(finding.as_json(found))
        return 0
    for one in found:
        print("  ".join(str(value) for value in one.values()))
    if args.to is not None:
        print(f"written to {args.to}; it is confidential, it holds what they said in clear")
    return 0
