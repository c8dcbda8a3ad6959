"""parley proof: an entry is in the log, or the log only grew; for somebody without the store."""

import argparse
import json
from pathlib import Path

import apsw
from cryptography.x509 import Certificate

from parley import proving
from parley.commands import No, NotLikeThis, finding, place
from runtime import checkpoint, proofs, timestamps, tsa

STAMP_SUFFIX = ".tsr"
"""A proof's time stamp lies beside it, under its name and this."""

EXAMPLES = """\
examples:
  parley proof last --to call.tlog-proof       the last entry of the newest call
  parley proof 812 --to 812.tlog-proof         entry 812
  parley proof --from 500 --to growth.txt      the log still begins with the 500 you know
  parley proof --verify 812.tlog-proof --key "$(cat log.vkey)"
  parley proof --verify growth.txt --key "$(cat log.vkey)" --checkpoint yours.txt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    what = f"the number of an entry, or {finding.CALL_HELP}"
    parser.add_argument("what", metavar="SEQ|CALL", nargs="?", help=what)
    parser.add_argument(
        "--from", dest="old", type=int, metavar="SIZE", help="that the log grew from this size"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="write it there, with its stamp")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="check a proof, offline")
    parser.add_argument("--key", metavar="VKEY", help="the log's verifier key (parley check)")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="the older checkpoint that you hold"
    )
    parser.add_argument(
        "--authority", type=Path, metavar="PEM", help="whom you trust to stamp the time"
    )
    parser.epilog = EXAMPLES


def run(args: argparse.Namespace) -> int:
    if [args.what, args.old, args.verify].count(None) != 2:
        raise NotLikeThis("one of SEQ, CALL, --from SIZE or --verify FILE: parley proof last")
    if args.verify is not None:
        return _verify(args)
    with place.reading(place.place_of(args)) as rows:
        try:
            proof = _proof(rows, args.what, args.old)
        except proving.NotProved as error:
            raise No(str(error)) from error
    if args.to is None:
        print(proof.text, end="")
    else:
        _write(args.to, proof)
    return 0


def _proof(rows: apsw.Connection, what: str | None, old: int | None) -> proving.Proof:
    if what is None:
        assert old is not None, "one of them was given"
        return proving.of_growth(rows, old)
    if what.isascii() and what.isdigit():
        # A longer number is none of SQLite's, nor of any log.
        return proving.of_entry(rows, int(what[:18]))
    return proving.of_entry(rows, proving.last_entry(rows, finding.call_of(rows, what).id))


def _write(path: Path, proof: proving.Proof) -> None:
    try:
        path.write_text(proof.text, encoding="utf-8")
        if proof.stamp is not None:
            _stamp_of(path).write_bytes(proof.stamp)
    except OSError as error:
        raise NotLikeThis(f"{error.filename}: {error.strerror}; name another with --to") from error
    print(f"written: {path}, under the checkpoint of size {proof.size}")
    if proof.stamp is not None:
        print(f"written: {_stamp_of(path)}, when that checkpoint was stamped")


def _verify(args: argparse.Namespace) -> int:
    if args.key is None:
        raise NotLikeThis("whose log? --key VKEY: the line that `parley check` shows")
    text = _text(args.verify)
    try:
        origin, key = checkpoint.parse_verifier_key(args.key)
        if proofs.is_inclusion(text):
            included = proofs.check_inclusion(text, origin, key)
            note, size = included.note, included.checkpoint.size
            print(f"holds: entry {included.seq} is in the log of {size} entries")
            print(_shown(included.entry))
        else:
            if args.checkpoint is None:
                raise NotLikeThis("grown from what? --checkpoint FILE: the older one that you hold")
            older = _text(args.checkpoint)
            grown = proofs.check_consistency(text, older, origin, key)
            note, size = grown.note, grown.checkpoint.size
            print(f"holds: the log of {size} entries begins with your {grown.older.size}")
    except ValueError as error:
        raise No(f"{args.verify} proves nothing: {error}") from error
    _verify_stamp(_stamp_of(args.verify), note, args.authority)
    return 0


def _verify_stamp(path: Path, note: str, authority: Path | None) -> None:
    if not path.exists():
        if authority is not None:
            raise NotLikeThis(f"there is no time stamp at {path}")
        return
    try:
        trusted: list[Certificate] = [] if authority is None else tsa.trusted_in(authority)
        stamp = timestamps.check(path.read_bytes(), note, trusted)
    except (timestamps.NotStamped, OSError) as error:
        raise No(f"{path}: {error}") from error
    if stamp.chained:
        print(f"holds: it was there at {stamp.at:%Y-%m-%dT%H:%M:%SZ}, says {stamp.authority}")
    else:
        print(f"note: a stamp says {stamp.at:%Y-%m-%dT%H:%M:%SZ}; --authority PEM checks by whom")


def _shown(entry: bytes) -> str:
    """For a terminal: whatever the entry says, it says in plain letters."""
    try:
        return json.dumps(json.loads(entry), indent=2)
    except (ValueError, RecursionError):
        return ascii(entry)


def _stamp_of(path: Path) -> Path:
    return path.with_name(path.name + STAMP_SUFFIX)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(proofs.TEXT_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise NotLikeThis(f"{path} cannot be read: {error}") from error
