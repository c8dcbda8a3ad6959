"""parley restore: go on from a backup. The server must not run."""

import argparse
from dataclasses import asdict
from pathlib import Path

import apsw

from parley import backup, moment
from parley.backup import Restored
from parley.commands import No, NotLikeThis, finding, place, progress
from parley.commands.place import Place
from parley.keeper import KeeperError
from parley.keeper.directory import Directory
from runtime.errors import StoreBroken
from runtime.key_errors import KekError, KeystoreError

EXAMPLES = """\
examples:
  parley restore --from /mnt/backup/monday --data /var/lib/parley
  parley restore --from monday --keys /mnt/keys     keys come from a copy kept apart
  parley restore --from monday --keys monday/keys   keys come from a backup with --keys
The KEK that wrapped those keys must be in place: DATA/kek, or where [keys] kek says."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument(
        "--from", type=Path, metavar="DIR", required=True, dest="source", help="the backup"
    )
    parser.add_argument(
        "--keys", type=Path, metavar="DIR", help="a copy of the keystore; destroyed keys stay out"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    if args.keys is not None and not args.keys.is_dir():
        raise NotLikeThis(f"--keys {args.keys} is no folder: name a copy of a keystore")
    try:
        held = Directory(here.data)
    except KeeperError as error:
        raise NotLikeThis(str(error)) from error
    try:
        with progress.shown() as told:
            done = _restore(here, args, told)
    finally:
        held.close()
    if args.json:
        manifest = done.manifest
        facts = {"entries": manifest.size, "root": manifest.root, "missing": manifest.missing}
        rest = {name: value for name, value in asdict(done).items() if name != "manifest"}
        print(finding.as_json({**facts, **rest}))
    else:
        print("\n".join(told_of(done, here)))
    return 0


def _restore(here: Place, args: argparse.Namespace, told: progress.Told) -> Restored:
    try:
        return backup.restore(
            args.source,
            here.database,
            here.recordings,
            here.data,
            keys=args.keys,
            told=told,
            kek=here.kek,
        )
    except KekError as error:
        do = "put the KEK of these keys in place first"
        raise NotLikeThis(f"nothing was restored: {error}; {do}") from error
    except backup.InTheWay as error:
        raise NotLikeThis(str(error)) from error
    except backup.BadBackup as error:
        raise No(f"nothing was restored: {error}") from error
    except (OSError, KeystoreError, apsw.Error, StoreBroken) as error:
        raise No(f"there is no store at {here.database} yet: {error}; try again") from error


def told_of(done: Restored, here: Place) -> list[str]:
    """What the operator must know, the worst plainly."""
    manifest = done.manifest
    lines = [f"missing in the backup: {path}" for path in manifest.missing]
    at = moment.clock(manifest.at_us)
    lines.append(f"restored {manifest.size} entries as of {at}; entry {done.seq} says so")
    if done.lost:
        lines.append(f"{done.lost} entries were acknowledged after this backup, and are lost")
    lines.append(
        f"a checkpoint published of more than {manifest.size} entries does not fit this log:"
        " auditors will see that it goes on another way from there"
    )
    if done.keys_brought or done.keys_refused:
        lines.append(
            f"keys: {done.keys_brought} brought, {done.keys_refused} not (destroyed, or here)"
        )
    if not here.log_key.exists():
        lines.append(f"put the log's key back at {here.log_key} before the server starts")
    lines.append("the first start destroys every key that no restored row names")
    return lines
