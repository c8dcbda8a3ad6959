"""parley redact: words of a call that readers are not to see any more. They stay in the record.

Only the original is hidden, not destroyed: a record that must be kept can be rebuilt. What must go
for good, goes with the key of the call; or, a card number that was found late, with --destroy.
"""

import argparse
import re

from parley.commands import NotLikeThis, redact_destroy, revising
from parley.commands.revising import Subject
from transcripts.redaction import patterns
from transcripts.redaction.finding import Found, What, find, masked, merged

EXAMPLES = """\
examples:
  parley redact last 3 --words 4-6 --why "name of a third party"
  parley redact last --found --why "before it goes to training"    whatever the detectors find
  parley redact last --from 12 --to 21.5 --track caller --destroy --why "a card number\""""
_WORDS = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    revising.add_arguments(parser)
    parser.add_argument("segment", metavar="SEGMENT", nargs="?", help=revising.SEGMENT_HELP)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--words", metavar="FIRST-LAST", help="which words of it, from 1")
    which.add_argument("--found", action="store_true", help="what the detectors find, in all of it")
    redact_destroy.add_arguments(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    redact_destroy.check(args)
    if args.begin is not None:
        return redact_destroy.of_seconds(args)
    if args.words is not None:
        if args.segment is None:
            raise NotLikeThis("--words are those of a segment: name it")
        subject = revising.subject(args)
        span = _span(args.words, subject)
        if args.destroy:
            return redact_destroy.of_words(args, subject, span.first, span.last)
        print(f"redacted: {_redact(subject, args.why, [span])}")
        return 0
    if not args.found:
        raise NotLikeThis("say what: --words FIRST-LAST, --found, or --from S --to S --destroy")
    more = patterns.Patterns() if patterns.installed() else None
    revised = 0
    for subject in revising.subjects(args):
        if args.segment is not None and revising.subject(args).segment != subject.segment:
            continue
        found = [*find(subject.words), *(more.find(subject.words) if more else ())]
        if found:
            print(f"redacted: {_redact(subject, args.why, found)}")
            revised += 1
    if not revised:
        print("nothing was found that is not hidden already")
    return 0


def _redact(subject: Subject, why: str, found: list[Found]) -> str:
    found = list(merged(found))
    spans = [f"{one.what}:{one.first}-{one.last}" for one in found]
    return subject.revise("redacted", why, spans, " ".join(masked(subject.words, found)))


def _span(written: str, subject: Subject) -> Found:
    fits = _WORDS.fullmatch(written)
    first, last = (int(fits[1]), int(fits[2] or fits[1])) if fits else (0, 0)
    if not 0 < first <= last <= len(subject.words):
        raise NotLikeThis(f"--words {written}: write FIRST-LAST, from 1 to {len(subject.words)}")
    return Found(What.OTHER, first - 1, last - 1)
