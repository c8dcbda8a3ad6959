"""parley correct: what is written of what was said, as somebody heard it better."""

import argparse

from parley.commands import NotLikeThis, revising
from transcripts.redaction.finding import LABELS
from transcripts.redaction.keeping import Keeping

EXAMPLES = """\
examples:
  parley correct last 3 --text "on Monday, please" --why "misheard" """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    revising.add_arguments(parser)
    parser.add_argument("segment", metavar="SEGMENT", help=revising.SEGMENT_HELP)
    parser.add_argument("--text", required=True, metavar="TEXT", help="all that was said there")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    subject = revising.subject(args)
    # Whoever listens again may write down the number that was taken out.
    text = Keeping().cleared(" ".join(args.text.split()))
    before: str = subject.segment["text"]
    for label in LABELS.values():
        if text.count(label) < before.count(label):
            raise NotLikeThis(f"what was redacted stays redacted: write {label} where it stands")
    span = f"corrected:0-{max(0, len(subject.words) - 1)}"
    print(f"corrected: {subject.revise('corrected', args.why, [span], text)}")
    return 0
