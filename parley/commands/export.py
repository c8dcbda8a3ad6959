"""parley export: one call for somebody else: to be verified, passed on, or listened to."""

import argparse
import time
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parley import evidence, pack_vcon, sounding, vcon_keys, vcons
from parley.commands import No, NotLikeThis, export_vcon, finding, looks, place
from recordings import ExportError, PackError, VaultError
from recordings.access import Looked
from recordings.pack.locking import PublicKey
from recordings.vcon.errors import VconError
from runtime import checkpoint
from runtime.log_key import load_or_create
from sessions.import_reducers import IMPORTED
from sessions.tables import Call, CallState

FORMATS = ("pack", "vcon", "wav", "opus")
SOUND = ("wav", "opus")

EXAMPLES = """\
examples:
  parley export last --to evidence/ && parley verify evidence/
  parley export last --to evidence/ --recipient auditor.pem
  parley export last --format opus --to call.ogg
  parley export last --format vcon --to call.vcon && parley vcon verify call.vcon
  parley export 7f3a --format vcon --to call.vcon --sign-key our.key --sign-cert our.pem \\
      --encrypt theirs.pem"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    finding.add_call(parser)
    parser.add_argument(
        "--to", type=Path, metavar="PATH", required=True, help="a file, or the folder of a pack"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="pack",
        help="pack: to be verified (default); vcon: to be passed on; wav, opus: caller left,"
        " agent right",
    )
    looks.add_officer(parser)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="of a pack: one that the recipient has, prove growth",
    )
    parser.add_argument(
        "--recipient",
        type=Path,
        metavar="FILE",
        action="append",
        help="of a pack: lock it for whoever has this certificate or public key (PEM, JWK);"
        " may be repeated",
    )
    export_vcon.add_arguments(parser)
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    export_vcon.check(args)
    if args.checkpoint is not None and args.format != "pack":
        raise NotLikeThis(f"--checkpoint goes with a pack, not with --format {args.format}")
    if args.recipient is not None and args.format != "pack":
        raise NotLikeThis("--recipient goes with a pack; a vCon is locked with --encrypt PEM")
    recipients = [_recipient(path) for path in args.recipient or ()]
    with place.reading(here) as rows:
        call = finding.call_of(rows, args.call)
        if call.state is not CallState.SEALED:
            raise No(f"{call.id} is {call.state}, not sealed yet: try again once it is over")
        if args.format == "pack" and call.direction == IMPORTED:
            raise No(
                f"{call.id} was imported: there is no evidence of ours for it;"
                " --format vcon says where it came from"
            )
        seen = ("audio",) if args.format in SOUND else ("transcript", "audio", "actions_pii")
        looks.enter(here, rows, Looked.EXPORTED, call.id, *seen, officer=args.as_officer)
        try:
            unreadable = _export(args, here, rows, call, recipients)
        except (ExportError, OSError) as error:
            what = "folder" if args.format == "pack" else "file"
            raise NotLikeThis(f"{error}: name another {what} with --to") from error
        except sounding.NothingToHear as error:
            raise No(str(error)) from error
        except (PackError, VaultError) as error:
            raise No(f"the records of {call.id} do not fit together: {error}") from error
    for name in unreadable:
        print(f"missing or changed: {name}")
    print(f"exported {call.id} to {args.to}; it is confidential, {_holds(args)}")
    return 0


def _holds(args: argparse.Namespace) -> str:
    if args.format == "vcon":
        return export_vcon.holds(args)
    if args.format in SOUND:
        return "anybody can hear it"
    if args.recipient:
        return "and locked for whom you named: they alone can hear it, and open_keys.py says how"
    return "it holds the recording in clear, and data/keys.json its keys; --recipient locks them"


def _recipient(path: Path) -> PublicKey:
    try:
        return vcon_keys.recipient(path)
    except vcon_keys.BadPem as error:
        raise NotLikeThis(str(error)) from error


def _export(
    args: argparse.Namespace,
    here: place.Place,
    rows: apsw.Connection,
    call: Call,
    recipients: list[PublicKey],
) -> list[str]:
    """Answers the chunks that would not open."""
    now_us = time.time_ns() // 1_000
    key = here.keystore().key
    if args.format == "vcon":
        return export_vcon.write(args, here, rows, call.id, now_us=now_us, log_key=log_key(here))
    if args.format != "pack":
        return sounding.write(
            rows, call.id, key=key, recordings=here.recordings, kind=args.format, path=args.to
        )
    return evidence.export(
        rows,
        call,
        key=key,
        log_key=log_key(here),
        recordings=here.recordings,
        directory=args.to,
        now_us=now_us,
        held=None if args.checkpoint is None else _held(args.checkpoint),
        vcon=_vcon(here, rows, call, now_us, recipients),
        recipients=recipients,
    )


def _vcon(
    here: place.Place,
    rows: apsw.Connection,
    call: Call,
    now_us: int,
    recipients: list[PublicKey],
) -> bytes | None:
    try:
        return pack_vcon.made(
            rows,
            call.id,
            data=here.data,
            key=here.keystore().key,
            recordings=here.recordings,
            log_key=log_key(here),
            now_us=now_us,
            recipients=recipients,
        )
    except (vcons.TooMuchAudio, VconError, OSError) as error:
        print(f"without a vCon: {error}")
        return None


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
