"""parley vcon: is a vCon what it says, and what does it say? Needs no store and no network.

Only `parley vcon import` has a store: it takes a call of others into it.
"""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parley import vcon_keys, vcon_telling
from parley.commands import NO, No, NotLikeThis, finding, vcon_import, verbs
from recordings.vcon import contents, strict_json
from recordings.vcon.errors import VconError
from recordings.vcon.opening import Opened, open_vcon

FILES_MAX = 1_000

SUFFIXES = {
    "application/json": "json",
    "application/timestamp-reply": "tsr",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/x-mp3": "mp3",
    "audio/x-wav": "wav",
    "text/plain": "txt",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    words = parser.add_subparsers(metavar="VERB", required=True)
    for name, run, summary in (
        ("verify", _verify, "does its signature hold, and is it well made?"),
        ("show", _show, "what it says, in words"),
        ("extract", _extract, "what was signed, and each file in it, into a folder"),
    ):
        more = " --to opened/" if name == "extract" else " --ca theirs.pem"
        verb = verbs.bare(words, name, run, summary, f"parley vcon {name} call.vcon{more}")
        verb.add_argument("file", type=Path, metavar="FILE", help="the vCon")
        verb.add_argument(
            "--ca", type=Path, metavar="PEM", help="whose certificates, or which one, you trust"
        )
        verb.add_argument("--key", type=Path, metavar="PEM", help="your key, if it is encrypted")
        if name == "extract":
            verb.add_argument("--to", type=Path, metavar="DIR", required=True, help="to be made")
        else:
            verb.add_argument("--json", action="store_true", help="as JSON")
    vcon_import.add_arguments(
        verbs.bare(
            words, "import", vcon_import.run, "keep the call in the store", vcon_import.EXAMPLE
        )
    )
    parser.epilog = "example:\n  parley vcon verify call.vcon --ca theirs.pem --key ours.key"


def run(args: argparse.Namespace) -> int:
    return verbs.perform(args)


def _verify(args: argparse.Namespace) -> int:
    try:
        opened = _opened(args)
    except VconError as error:
        if not args.json:
            raise No(f"{args.file}: {vcon_telling.plainly(str(error))}") from error
        print(finding.as_json({"ok": False, "failures": [str(error)]}, ascii=True))
        return NO
    ok = opened.is_signed and not opened.problems
    if args.json:
        print(finding.as_json({"ok": ok, **vcon_telling.report(opened)}, ascii=True))
    else:
        for line in vcon_telling.verdict(opened, trusted=args.ca is not None):
            print(line)
    return 0 if ok else NO


def _show(args: argparse.Namespace) -> int:
    opened = _must_open(args)
    if args.json:
        print(finding.as_json({**vcon_telling.report(opened), "vcon": opened.vcon}, ascii=True))
    else:
        for line in vcon_telling.told(opened):
            print(line)
    return 0


def _extract(args: argparse.Namespace) -> int:
    """Names are ours: what a stranger calls a file is no place to write to."""
    opened = _must_open(args)
    if args.to.exists():
        raise NotLikeThis(f"{args.to} exists: name a folder to be made with --to")
    files = _files(opened.vcon)
    try:
        args.to.mkdir(mode=0o700, parents=True)
        (args.to / "vcon.json").write_bytes(opened.payload)
        for name, content in files:
            (args.to / name).write_bytes(content)
            print(f"written: {args.to / name}, {len(content)} bytes")
    except OSError as error:
        raise NotLikeThis(f"{error.filename}: {error.strerror}; name another with --to") from error
    for line in vcon_telling.warnings(opened):
        print(line)
    return 0


def _files(vcon: Any) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for kind in ("dialog", "analysis", "attachments"):
        for index, item in enumerate(vcon.get(kind, ())):
            content = contents.payload(item)
            if content is not None:
                suffix = SUFFIXES.get(str(item.get("mediatype")).partition(";")[0], "bin")
                found.append((f"{kind}-{index}.{suffix}", content))
    if len(found) > FILES_MAX:
        raise No(f"there are {len(found)} files in it, and at most {FILES_MAX} are extracted")
    return found


def _must_open(args: argparse.Namespace) -> Opened:
    """Raises No where it does not open, or has not the shape of a vCon."""
    try:
        opened = _opened(args)
    except VconError as error:
        raise No(f"{args.file}: {vcon_telling.plainly(str(error))}") from error
    if opened.problems:
        why = vcon_telling.plainly(opened.problems[0])
        raise No(f"{args.file} is no vCon that can be shown: {why}; `parley vcon verify` lists all")
    return opened


def _opened(args: argparse.Namespace) -> Opened:
    try:
        anchors = [] if args.ca is None else vcon_keys.authorities(args.ca)
        key = None if args.key is None else vcon_keys.private(args.key)
    except vcon_keys.BadPem as error:
        raise NotLikeThis(str(error)) from error
    try:
        with args.file.open("rb") as file:
            data = file.read(strict_json.BYTES_MAX + 1)
    except OSError as error:
        raise NotLikeThis(f"{args.file} cannot be read: {error.strerror}") from error
    now = datetime.fromtimestamp(time.time(), UTC)
    return open_vcon(data, now=now, anchors=anchors, key=key)
