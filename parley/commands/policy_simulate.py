"""parley policy simulate: a call that is not made, and what it would be asked."""

import argparse
from pathlib import Path
from typing import Any

from consent.policy import asking
from consent.policy.asking import Asked
from consent.policy.cells import Law, Overlay
from consent.policy.resolver import resolve
from consent.policy.shipped import law as shipped_law
from consent.policy.terms import Line, Role
from parley import policies, simulating
from parley.commands import NotLikeThis, finding, place, verbs
from parley.commands.policy_file import day_of, midnight, overlay_of


def add(found: Any) -> None:
    """The verb."""
    summary = "what a call would be asked, in which order, and why"
    example = 'parley policy simulate "caller 415, agent in Dublin, health line"'
    made = verbs.add(found, "simulate", _simulate, summary, example)
    made.add_argument("words", nargs="?", metavar="CALL", help="the call in words, parts by commas")
    for role in Role:
        made.add_argument(
            f"--{role}",
            action="append",
            default=[],
            metavar="WHERE",
            help="a number, an area code (415), a code (IE, US-CA), a name (Dublin), or unknown",
        )
    made.add_argument("--line", metavar="L", help=f"one of {', '.join(Line)} (default: general)")
    made.add_argument("--vendor", action="append", default=[], metavar="NAME")
    made.add_argument("--language", metavar="L", help="the service is held in, as de")
    made.add_argument(
        "--standing", action="append", default=[], metavar="SCOPE", help="agreed before"
    )
    made.add_argument("--on", metavar="DATE", help="the day (default: today)")
    made.add_argument(
        "--policy", type=Path, metavar="FILE", help="with this file, not the published"
    )
    made.add_argument("--tenant", default="", metavar="T", help="whose calls")


def _simulate(args: argparse.Namespace) -> int:
    law = shipped_law()
    try:
        asked = _asked(args)
        query = asking.query(
            law, asked, day=day_of(args.on), language=args.language, standing=args.standing
        )
    except ValueError as error:
        raise NotLikeThis(str(error)) from error
    plan = resolve(law, query, _overlays(law, args))
    if args.json:
        print(finding.as_json(simulating.as_plain(query, plan)))
        return 0
    for line in simulating.lines(query, plan):
        print(line)
    return 0


def _asked(args: argparse.Namespace) -> Asked:
    """What the words say, then what the options say. Raises ValueError."""
    heard = asking.heard(args.words or "")
    named = tuple((role, words) for role in Role for words in getattr(args, role.value))
    if args.line is not None and heard.line is not None:
        raise ValueError("the line is named twice: in the words, and by --line")
    return Asked((*heard.parties, *named), args.line or heard.line, (*heard.vendors, *args.vendor))


def _overlays(law: Law, args: argparse.Namespace) -> tuple[Overlay, ...]:
    """The file that was named, else what is published, where there is a store."""
    if args.policy is not None:
        return (overlay_of(law, args.policy),)
    here = place.place_of(args)
    if not here.database.exists():
        return ()
    with place.reading(here) as rows:
        at_us = policies.now_us() if args.on is None else midnight(args.on)
        return policies.overlays(rows, law, args.tenant, at_us)
