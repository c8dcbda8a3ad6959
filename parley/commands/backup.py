"""parley backup: the store as it is at one moment, without what opens it, while the server runs."""

import argparse
import time
from pathlib import Path

import apsw

from parley import backup, moment
from parley.commands import No, NotLikeThis, finding, place, progress

EXAMPLES = """\
examples:
  parley backup --to /mnt/backup/monday --data /var/lib/parley
  parley backup --to monday --keys       with the wrapped keys; the KEK is never in a backup"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.add_argument(
        "--to", type=Path, metavar="DIR", required=True, help="a folder to be made, or empty"
    )
    parser.add_argument(
        "--keys", action="store_true", help="the wrapped keys too: useless without the KEK"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    with place.reading(here):
        pass  # It is there, and its newest entries are sound.
    if args.keys:
        here.keystore()  # They open under the KEK, and none lies in clear.
    began = time.perf_counter()
    with progress.shown() as told:
        try:
            taken = backup.take(
                here.database,
                here.recordings,
                args.to,
                time.time_ns() // 1_000,
                told,
                keys=here.keys if args.keys else None,
            )
        except backup.NotEmpty as error:
            raise NotLikeThis(f"{error}: name another folder with --to") from error
        except (OSError, apsw.Error) as error:
            raise No(f"the backup to {args.to} failed, nothing is left of it: {error}") from error
        except backup.BadBackup as error:
            raise No(f"what would be backed up is not sound: {error}") from error
    size = sum(kept.bytes for kept in taken.files)
    facts = {
        "to": str(args.to),
        "entries": taken.size,
        "root": taken.root,
        "at": moment.clock(taken.at_us),
        "files": len(taken.files),
        "bytes": size,
        "seconds": round(time.perf_counter() - began, 3),
        "missing": list(taken.missing),
    }
    if args.json:
        print(finding.as_json(facts))
        return 0
    for path in taken.missing:
        print(f"missing or changed: {path}")
    print(f"backed up {taken.size} entries, {len(taken.files)} files, {size} bytes to {args.to}")
    if args.keys:
        print(
            f"its keys are wrapped: without the KEK, {here.kek.where}, they open nothing;"
            " keep that, and log.key, at another place than this backup"
        )
    else:
        print("it holds no key: keep copies of the keys, the KEK and log.key at other places")
    return 0
