"""parley policy: what the law asks of a call, what a tenant adds, and why."""

import argparse
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from consent.policy import places
from consent.policy.cells import Cell, Law
from consent.policy.resolver import governing
from consent.policy.shipped import law as shipped_law
from consent.policy.strictness import joined
from consent.policy.terms import SCOPES, Line
from parley import moment, operating, policies, simulating
from parley.commands import No, NotLikeThis, finding, place, policy_simulate, verbs
from parley.commands.act import key_of
from parley.commands.policy_file import day_of, midnight, overlay_of
from runtime.identities import rules, signing
from runtime.log_key import ORIGIN

EXAMPLES = """\
examples:
  parley policy simulate "caller 415, agent in Dublin, health line"
  parley policy simulate --caller +14155550100 --agent IE --line health --vendor acme-stt
  parley policy show US-CA
  parley policy check ours.toml
  parley policy publish ours.toml --key ann.pem --why "the board asked for it"
  parley policy list"""

VERSION_CHARS_MIN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add(
        found, "list", _list, "the law that ships, and what was published", "parley policy list"
    )
    example = "parley policy show US-CA --line health"
    show = verbs.add(found, "show", _show, "the cells of a place, or a published text", example)
    show.add_argument("what", nargs="?", metavar="PLACE|VERSION", help="all places without it")
    show.add_argument("--line", default="general", choices=[str(one) for one in Line])
    show.add_argument("--on", metavar="DATE", help="the day (default: today)")
    summary = "would this file be a policy, and does it only tighten?"
    check = verbs.add(found, "check", _check, summary, "parley policy check ours.toml")
    check.add_argument("file", type=Path, metavar="FILE")
    summary = "propose a file; it is in force once two others have approved it"
    example = 'parley policy publish ours.toml --key ann.pem --why "the board asked for it"'
    publish = verbs.add(found, "publish", _publish, summary, example)
    publish.add_argument("file", type=Path, metavar="FILE")
    publish.add_argument("--key", type=Path, required=True, metavar="PEM", help="your private key")
    publish.add_argument("--why", required=True, metavar="TEXT", help="what the others decide by")
    publish.add_argument("--from", dest="since", metavar="DATE", help="in force from this day, UTC")
    publish.add_argument("--tenant", default="", metavar="T", help="whose calls (default: all)")
    policy_simulate.add(found)
    parser.epilog = EXAMPLES


run = verbs.perform


def _list(args: argparse.Namespace) -> int:
    law = shipped_law()
    here = place.place_of(args)
    told: list[dict[str, Any]] = []
    if here.database.exists():
        with place.reading(here) as rows:
            told = policies.history(rows, law)
    if args.json:
        print(finding.as_json({"law": law.version, "published": told}))
        return 0
    cells = list(law.cells)
    newest = max(cell.reviewed for cell in cells)
    print(f"{law.version[:12]}  law    ships with Parley: {len(cells)} cells, reviewed to {newest}")
    for one in told:
        since = "" if one["from_us"] is None else f" from {moment.clock(one['from_us'])}"
        print(f"{one['policy'][:12]}  {one['state']}{since}  {one['subject']} (gate {one['gate']})")
        if one["flaw"] is not None:
            print(f"  today it would not be published: {one['flaw']}")
    if not told:
        print("no policy of a tenant yet: parley policy publish FILE --key PEM --why TEXT")
    return 0


def _show(args: argparse.Namespace) -> int:
    law, day = shipped_law(), day_of(args.on)
    if args.what is None:
        return _show_places(law, day, args)
    if (text := _published(law, args)) is not None:
        print(finding.as_json({"text": text}) if args.json else text)
        return 0
    found = _place(law, args.what)
    cells = [
        cell for scope in SCOPES for cell in governing(law, found.code, scope, Line(args.line), day)
    ]
    if args.json:
        print(finding.as_json([asdict(cell) for cell in cells]))
        return 0
    print(f"{found.name} ({found.because}), {args.line} line, on {day}")
    for cell in cells:
        print(_cell(cell))
    print(simulating.ADVICE)
    return 0


def _show_places(law: Law, day: str, args: argparse.Namespace) -> int:
    line = Line(args.line)
    wide = {one.within for one in law.jurisdictions.values()}
    told = [
        {"code": one.code, "name": one.name, "recording": _strictest(law, one.code, line, day)}
        for one in law.jurisdictions.values()
        if one.code not in wide
    ]
    if args.json:
        print(finding.as_json(told))
        return 0
    for one in told:
        print(f"{one['code']:<6}  {one['name']:<24}  recording: {one['recording']}")
    return 0


def _strictest(law: Law, code: str, line: Line, day: str) -> str:
    return str(joined(governing(law, code, "recording", line, day)).due)


def _check(args: argparse.Namespace) -> int:
    found = overlay_of(shipped_law(), args.file)
    cells = list(found.cells)
    if args.json:
        print(finding.as_json({"policy": found.version, "cells": len(cells)}))
    else:
        print(f"{args.file} only tightens: {len(cells)} cells, version {found.version[:12]}")
    return 0


def _publish(args: argparse.Namespace) -> int:
    law = shipped_law()
    found = overlay_of(law, args.file)
    key = key_of(args.key)
    public = key.public_key().public_bytes_raw()
    identity = rules.id_of(public)
    request = f"{identity}/{secrets.token_hex(8)}"
    asked = {
        "text": found.text,
        "law": law.version,
        "from_us": None if args.since is None else midnight(args.since),
        "why": args.why,
    }
    data = signing.message(
        ORIGIN,
        identity,
        "consent.policy_proposed",
        scope=None,
        request=request,
        args={"belongs_to": args.tenant, **asked},
    )
    told = operating.perform(
        place.place_of(args),
        "policy.propose",
        file=args.file.name,
        tenant=args.tenant,
        identity=identity,
        key=public,
        signed_request=request,
        signature=signing.sign(key, data),
        **asked,
    )
    if args.json:
        print(finding.as_json(told))
        return 0
    print(f"proposed as {told['policy'][:12]}; two others must approve it, each by")
    gate = f"--arg 'gate=\"{told['gate']}\"'"
    print(f"  parley act runtime.gate_approved --key THEIR.pem {gate} --arg 'why=\"read it\"'")
    return 0


def _published(law: Law, args: argparse.Namespace) -> str | None:
    """The text of a version, by its beginning; None where it is none."""
    wanted = args.what.lower()
    if len(wanted) < VERSION_CHARS_MIN or not all(one in "0123456789abcdef" for one in wanted):
        return None
    texts = {law.version: law.text}
    here = place.place_of(args)
    if here.database.exists():
        with place.reading(here) as rows:
            texts |= policies.kept(rows)
    found = [text for version, text in texts.items() if version.startswith(wanted)]
    if len(found) != 1:
        raise No(f"no version begins with {wanted}: parley policy list names them")
    return found[0]


def _place(law: Law, words: str) -> places.Place:
    try:
        return places.of_words(law, words)
    except ValueError as error:
        raise NotLikeThis(str(error)) from error


def _cell(cell: Cell) -> str:
    more = [str(one) for one in (cell.basis, cell.on_no, *cell.conditions) if one is not None]
    if cell.implied_after_s is not None:
        more.append(f"implied after {cell.implied_after_s} s")
    note = f"\n    {cell.note}" if cell.note else ""
    return (
        f"  {cell.id}: {cell.due} ({', '.join(more)})\n"
        f"    {cell.source} [{simulating.GRADES[cell.grade]}, reviewed {cell.reviewed}]{note}"
    )
