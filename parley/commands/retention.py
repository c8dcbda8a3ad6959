"""parley retention: what is due to be destroyed, under which rule, and the proof that it was."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import apsw

from parley import certifying, keeping, moment, operating
from parley.commands import No, NotLikeThis, finding, place, verbs
from parley.commands.export import log_key
from parley.plain import Plain, fields_of
from recordings.retention import certificate
from recordings.retention.precedence import DAY_US
from runtime.tables import select
from sessions.retention.tables import Erasure, StandingApproval

SOON_DAYS = (30, 90)

EXAMPLES = """\
examples:
  parley retention due
  parley retention due --on 2027-01-01
  parley retention run --dry-run
  parley retention stand --days 365        propose it; then two people approve it
  parley retention list
  parley retention certificate erasure_5d0c1f2e3a4b5968 --to 7f3a.erasure.json
  parley retention policies --line sip"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    example = "parley retention due --on 2027-01-01"
    due = verbs.add(found, "due", _due, "what expires in the next 30 and 90 days", example)
    due.add_argument("--on", metavar="DAY", help="as if it were this day")
    example = "parley retention run --dry-run"
    now = verbs.add(found, "run", _run, "ask for what has expired to be destroyed", example)
    now.add_argument("--dry-run", action="store_true", help="only say what that would be")
    example = "parley retention list --json"
    verbs.add(found, "list", _list, "every erasure, and the standing approvals", example)
    example = "parley retention stand --days 365"
    stand = verbs.add(found, "stand", _stand, "have what expires go each day", example)
    stand.add_argument("--days", type=int, required=True, metavar="N", help="how long that holds")
    stand.add_argument("--by", default="", metavar="ID", help="whose wish it is; no vote for them")
    example = "parley retention unstand standing_x3k2"
    gone = verbs.add(found, "unstand", _unstand, "withdraw a standing approval", example)
    gone.add_argument("standing", metavar="STANDING", help="its id")
    example = "parley retention certificate erasure_5d0c1f2e3a4b5968 --to erasure.json"
    paper = verbs.add(found, "certificate", _certificate, "prove that a call was erased", example)
    paper.add_argument("erasure", metavar="ERASURE", help="the id of the erasure")
    paper.add_argument("--to", type=Path, required=True, metavar="FILE", help="and FILE.txt")
    paper.add_argument(
        "--keys-until", metavar="DAY", help="when the last copy of the keystore from before expires"
    )
    example = "parley retention policies --line sip"
    law = verbs.add(found, "policies", _policies, "how long is kept what, and why", example)
    law.add_argument("--line", default="sip", metavar="LINE", help="of calls on this line")
    law.add_argument("--outbound", action="store_true", help="of calls that we make")
    parser.epilog = EXAMPLES


run = verbs.perform


def _due(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    from_us = _now_us() if args.on is None else keeping.day_us(args.on)
    with place.reading(here) as rows:
        shelf = keeping.shelf_of(rows, here)
        soon = [_soon(shelf.due(from_us, days), days) for days in SOON_DAYS]
    if args.json:
        print(finding.as_json(soon))
        return 0
    for one in soon:
        print(f"within {one['days']} days, by {keeping.day(from_us + one['days'] * DAY_US)}:")
        for call in one["due"]:
            print(f"{call['call']}  {moment.clock(call['ended_us'])}")
            print(keeping.told(call))
        if not one["due"]:
            print("  nothing")
    return 0


def _soon(due: Any, days: int) -> Plain:
    return {
        "days": days,
        "due": [
            {"call": call.id, "ended_us": call.ended_us, **keeping.decision(one)}
            for call, one in due
        ],
    }


def _run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        expired = [call.id for call in keeping.shelf_of(rows, here).expired(_now_us())]
    found = [] if args.dry_run else operating.perform(here, "retention.run")["erasures"]
    if args.json:
        print(finding.as_json(expired if args.dry_run else found))
        return 0
    if args.dry_run:
        print("\n".join(expired) if expired else "nothing has expired")
        return 0
    for one in found:
        gate = f": parley approve {one['gate']} --key YOURS.pem" if one["gate"] else ""
        print(f"{one['call']}  {one['erasure']}  {one['state']}{gate}")
    if not found:
        print("nothing has expired that is not asked for already")
    return 0


def _list(args: argparse.Namespace) -> int:
    with place.reading(place.place_of(args)) as rows:
        asked = sorted(select(rows, Erasure, (), ()), key=lambda row: (row.requested_us, row.id))
        standing = select(rows, StandingApproval, (), ())
    if args.json:
        erasures = [
            {
                **fields_of(row, "reason", "decisions"),
                "decisions": [keeping.decision(one) for one in row.decisions],
            }
            for row in asked
        ]
        print(
            finding.as_json(
                {"erasures": erasures, "standing": [fields_of(row) for row in standing]}
            )
        )
        return 0
    for row in asked:
        until = f" until {keeping.day(row.until_us)}" if row.until_us else ""
        asked_at = moment.clock(row.requested_us)
        print(f"{row.id}  {asked_at}  {row.call}  {row.trigger}  {row.state}{until}")
    for one in standing:
        print(f"{one.id}  {one.state}  until {keeping.day(one.until_us)}, approved at {one.gate}")
    if not asked and not standing:
        print("nothing was erased, and nothing is to be")
    return 0


def _stand(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "retention.stand", days=args.days, by=args.by)
    said = f"two people must agree: parley approve {found['gate']} --key YOURS.pem"
    print(finding.as_json(found) if args.json else said)
    return 0


def _unstand(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        found = operating.perform(here, "retention.unstand", standing=args.standing)
    print(finding.as_json(found) if args.json else f"{found['standing']} has ended")
    return 0


def _certificate(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    until = None if args.keys_until is None else keeping.day(keeping.day_us(args.keys_until))
    with place.reading(here) as rows:
        erasure = _erasure(rows, args.erasure)
        try:
            data = certifying.certified(rows, erasure, log_key(here), until)
        except certifying.NotErased as error:
            raise No(str(error)) from error
    body = certificate.check(data)
    text = args.to.with_name(f"{args.to.name}.txt")
    try:
        for path, content in ((args.to, data), (text, certificate.readable(body).encode())):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
    except OSError as error:
        raise NotLikeThis(f"{error.filename}: {error.strerror}; name another with --to") from error
    if args.json:
        print(finding.as_json({name: body[name] for name in certificate.SAYS}))
    else:
        print(f"written: {args.to} and {text}; check it with `parley verify {args.to}`")
    return 0


def _erasure(rows: apsw.Connection, wanted: str) -> Erasure:
    found = select(rows, Erasure, ("id",), (wanted,)) or select(rows, Erasure, ("call",), (wanted,))
    if not found:
        raise No(f"there is no erasure {wanted}: parley retention list")
    return max(found, key=lambda row: (row.settled_us or 0, row.id))


def _policies(args: argparse.Namespace) -> int:
    law = keeping.policies(place.place_of(args))
    classes = law.classes(args.line, outbound=args.outbound)
    found = law.terms(classes)
    if args.json:
        print(finding.as_json({"classes": classes, "terms": [fields_of(one) for one in found]}))
        return 0
    print(f"line {args.line}: {', '.join(classes)}; edition {law.edition}")
    for one in found:
        least = f"at least {one.minimum_days} days" if one.minimum_days else "no minimum"
        most = "no maximum" if one.maximum_days is None else f"at most {one.maximum_days} days"
        print(f"{one.artefact}: {least}, {most}")
        for source in dict.fromkeys((one.minimum_source, one.maximum_source)):
            if source:
                print(f"  {source}")
    return 0


def _now_us() -> int:
    return time.time_ns() // 1_000
