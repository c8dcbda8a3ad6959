"""parley export: the evidence pack of one call, to be verified by somebody else."""

import argparse
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import evidence, keeping
from parley.commands import No, NotLikeThis, finding, place
from recordings import ExportError, PackError, VaultError
from runtime import checkpoint
from runtime.log_key import load_or_create
from sessions.tables import CallState


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument(
        "--to", type=Path, metavar="DIR", required=True, help="a folder to be made, or empty"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="one that the recipient has: prove growth"
    )
    parser.add_argument(
        "--claim", action="store_true", help="also a restricted call: for a legal claim, or a lock"
    )
    parser.epilog = "example:\n  parley export last --to evidence/ && parley verify evidence/"


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        if call.state is not CallState.SEALED:
            raise No(f"{call.id} is {call.state}, not sealed yet: try again once it is over")
        until_us = keeping.restricted_until_us(rows, call.id)
        if until_us is not None and not args.claim:
            raise No(
                f"{call.id} is restricted until {keeping.day(until_us)} (GDPR Art 18): it is kept"
                " only because the law asks; --claim if that, or a legal claim, is what it is for"
            )
        try:
            unreadable = evidence.export(
                rows,
                call,
                key=here.keystore().key,
                log_key=log_key(here),
                recordings=here.recordings,
                directory=args.to,
                now_us=time.time_ns() // 1_000,
                held=None if args.checkpoint is None else _held(args.checkpoint),
            )
        except (ExportError, OSError) as error:
            raise NotLikeThis(f"{error}: name another folder with --to") from error
        except (PackError, VaultError) as error:
            raise No(f"the records of {call.id} do not fit together: {error}") from error
    for name in unreadable:
        print(f"missing or changed: {name}")
    print(f"exported {call.id} to {args.to}; it is confidential, it holds the recording in clear")
    return 0


def _held(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        checkpoint.parse(text)
    except (OSError, ValueError) as error:
        raise NotLikeThis(f"{path} is no checkpoint: {error}") from error
    return text


def log_key(here: place.Place) -> Ed25519PrivateKey:
    """What signs the log. One made now would sign a log it never saw: only that which is there."""
    if not here.log_key.exists():
        raise NotLikeThis(f"there is no log key at {here.log_key}: put it back from your backup")
    try:
        return load_or_create(here.log_key)
    except (OSError, ValueError) as error:
        raise NotLikeThis(f"the log key at {here.log_key} cannot be used: {error}") from error
