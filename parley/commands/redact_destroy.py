"""parley redact --destroy: seconds of a call that go for good, with the words of them.

For card numbers that were found late (PCI DSS 3.3.1): no hold and no lock stands against it.
"""

import argparse
from typing import Any

from parley import moment, operating, transcript
from parley.commands import No, NotLikeThis, finding, looks, place, revising
from parley.commands.revising import Subject
from parley.plain import Plain

SECOND_US = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for good")
    group.add_argument(
        "--destroy",
        action="store_true",
        help="a card number: destroy these words and their sound, once two people agreed",
    )
    group.add_argument("--from", dest="begin", metavar="S", help="seconds, as in the transcript")
    group.add_argument("--to", dest="end", metavar="S", help="up to there")
    group.add_argument("--track", choices=("caller", "agent"), help="whose (default: caller)")
    group.add_argument(
        "--counsel", action="store_true", help="counsel has seen it: of a held or locked call"
    )
    group.add_argument("--by", default="", metavar="ID", help="whose wish it is; no vote for them")


def check(args: argparse.Namespace) -> None:
    """Raises NotLikeThis for options that do not go together."""
    if (args.begin is None) != (args.end is None):
        raise NotLikeThis("--from and --to go together: the seconds of a span")
    given = (args.begin, args.track, args.counsel or None, args.by or None)
    if not args.destroy and any(one is not None for one in given):
        raise NotLikeThis("--from, --to, --track, --counsel and --by go with --destroy")
    if args.destroy and args.found:
        raise NotLikeThis("--destroy: name what goes, with --words or with --from and --to")
    if args.begin is not None and args.segment is not None:
        raise NotLikeThis("--from and --to are of the whole call: leave out the segment")


def of_words(args: argparse.Namespace, subject: Subject, first: int, last: int) -> int:
    """Words of one segment, counted from 0, and the seconds in which they were said."""
    segment = subject.segment
    times: list[Any] | None = segment["words"]
    span = segment["start_us"], segment["end_us"]
    if times is not None and last < len(times):
        begin_us: int = segment["start_us"]
        span = begin_us + times[first][1] * 1_000, begin_us + times[last][2] * 1_000
    names = [f"{segment['id']}#{first}-{last}"]
    return _ask(args, subject.here, subject.call.id, segment["party"], span=span, names=names)


def of_seconds(args: argparse.Namespace) -> int:
    """All that one party said within a span."""
    here = place.place_of(args)
    party = args.track or "caller"
    subjects = revising.subjects(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        shown = transcript.segments(rows, here.keystore().key, call.id)
        zero_us = transcript.begins_us(rows, call, shown)
    span = _time(args.begin, zero_us), _time(args.end, zero_us)
    names = [
        f"{one.segment['id']}#{first}-{last}"
        for one in subjects
        if one.segment["party"] == party
        for first, last in _within(one.segment, len(one.words), span)
    ]
    return _ask(args, here, call.id, party, span=span, names=names)


def _within(segment: Plain, count: int, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Which words of a segment were said then; all of them where nobody knows."""
    if not count or segment["start_us"] >= span[1] or segment["end_us"] <= span[0]:
        return []
    times: list[Any] | None = segment["words"]
    if times is None or len(times) != count:
        return [(0, count - 1)]
    begin_us: int = segment["start_us"]
    found = [
        at
        for at, word in enumerate(times)
        if begin_us + word[1] * 1_000 < span[1] and begin_us + word[2] * 1_000 > span[0]
    ]
    return [(found[0], found[-1])] if found else []


def _ask(
    args: argparse.Namespace,
    here: place.Place,
    call: str,
    party: str,
    *,
    span: tuple[int, int],
    names: list[str],
) -> int:
    if span[0] >= span[1]:
        raise No("that span has no length: --from is before --to")
    found = operating.perform(
        here,
        "span.shred",
        call=call,
        party=party,
        from_us=span[0],
        until_us=span[1],
        words=names,
        reason=args.why,
        by=args.by,
        counsel=args.counsel,
    )
    print(
        f"{found['shred']}: {found['chunks']} pieces of the {party}'s sound and the words of"
        f" {len(names)} segments are to be destroyed, asked for by {looks.operator()}"
    )
    print(f"  two people must agree: parley approve {found['gate']} --key YOURS.pem")
    return 0


def _time(written: str, zero_us: int) -> int:
    try:
        text = written if written.startswith("+") else f"+{written}"
        found = moment.parse(text, zero_us)
    except ValueError as error:
        raise NotLikeThis(f"{written!r} is no second of the call: write 12.5") from error
    assert found.at_us is not None, "what begins with + is a time"
    return found.at_us
