"""parley transcript: what was said in a call, as readers may see it."""

import argparse
from collections.abc import Callable

from parley import moment, transcript, words
from parley.commands import No, finding, looks, place
from parley.plain import Plain
from recordings import readable
from recordings.access import Looked

EXAMPLES = """\
examples:
  parley transcript last
  parley transcript 7f3a --format vtt > call.vtt      subtitles of the exported audio
  parley transcript 7f3a --format json --original"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="as JSON")
    parser.add_argument(
        "--original", action="store_true", help="as it was kept, where nothing was destroyed"
    )
    looks.add_officer(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        what = ("transcript", "original") if args.original else ("transcript",)
        looks.enter(here, rows, Looked.TRANSCRIPT, call.id, *what, officer=args.as_officer)
        key = here.keystore().key
        shown = transcript.segments(rows, key, call.id)
        if args.original:
            try:
                found = transcript.originals(rows, key, call.id)
            except transcript.NoOriginal as error:
                raise No(str(error)) from error
            shown = transcript.with_originals(shown, found)
        begins_us = transcript.begins_us(rows, call, shown)
    print(FORMATS[args.format](shown, begins_us), end="")
    return 0


def _text(shown: list[Plain], begins_us: int) -> str:
    lines = [
        f"{moment.after(one['start_us'], begins_us):>8}  {one['party']}:"
        f" {words.speech(one['text'], one['kind'])}\n"
        for one in shown
    ]
    return "".join(lines) or "nothing was kept of what was said\n"


def _vtt(shown: list[Plain], begins_us: int) -> str:
    return readable.webvtt(shown, begins_us).decode()


def _json(shown: list[Plain], begins_us: int) -> str:
    return finding.as_json({"begins_us": begins_us, "segments": shown}) + "\n"


FORMATS: dict[str, Callable[[list[Plain], int], str]] = {
    "text": _text,
    "vtt": _vtt,
    "json": _json,
}
