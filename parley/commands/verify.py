"""parley verify: does an evidence pack, or a certificate of erasure, hold?

Needs no store, no configuration and no network.
"""

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from parley.commands import NO, NotLikeThis

NAME = "parley_verify"
SHOWN_MAX = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, metavar="DIR|FILE", help="the pack, or the certificate"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the log you got before"
    )
    parser.add_argument("--key", metavar="VKEY", help="the verifier key of the log as you know it")
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="of a locked pack: its keys, once opened"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = (
        "examples:\n  parley verify evidence/ --checkpoint last-week.txt"
        '\n  parley verify erasure.json --key "$(cat log.vkey)"'
    )


def run(args: argparse.Namespace) -> int:
    if args.directory.is_file():
        return _certificate(args)
    if not args.directory.is_dir():
        raise NotLikeThis(f"{args.directory} is not a folder: `parley export` makes one")
    for file in (args.checkpoint, args.keys):
        _readable(file)
    given = {"checkpoint": args.checkpoint, "key": args.key, "keys": args.keys}
    given = {name: str(value) for name, value in given.items() if value is not None}
    faults: dict[str, list[str]] = load().verify(str(args.directory), **given)
    if not faults:
        # What is shown is compared with what was sealed by our own means: no part of verify.py.
        faults = importlib.import_module("recordings.pack.checks").check(args.directory)
    notes = [*_notes(args)] if not faults else []
    if args.json:
        told = {"ok": not faults, "faults": faults, "notes": notes}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return NO if faults else 0
    for rule, where in faults.items():
        print(f"FAILS {rule}: {'; '.join(where[:SHOWN_MAX])}")
    for note in notes:
        print(f"note: {note}")
    print("verify: not ok" if faults else "verify: ok")
    return NO if faults else 0


def _notes(args: argparse.Namespace) -> Iterator[str]:
    """What was not looked at."""
    if args.key is None:
        yield "no key was given: that the log key is genuine was not checked"
    if args.checkpoint is None:
        yield "no checkpoint was given: its key holder could have written the log anew"
    if args.keys is None and b'"ciphertext"' in (args.directory / "data/keys.json").read_bytes():
        yield "the keys are locked: that the audio opens was not checked (open_keys.py, --keys)"
    words = args.directory / "data/transcript.json"
    if words.exists() and json.loads(words.read_bytes()).get("remote") is None:
        yield "who called cannot be read: their key is not in the pack"
    stamp = args.directory / "data/tsr/checkpoint.tsr"
    if stamp.exists():
        data = stamp.with_suffix(".txt")
        command = f"openssl ts -verify -data {data} -in {stamp} -CAfile AUTHORITY.pem"
        yield f"whose time stamp it is was not checked: {command}"


def _certificate(args: argparse.Namespace) -> int:
    """Of an erasure."""
    # By name: what verifies a pack is to come with nothing of ours.
    certificate = importlib.import_module("recordings.retention.certificate")
    try:
        said = certificate.check(args.directory.read_bytes(), args.key)
    except certificate.BadCertificate as error:
        if args.json:
            print(json.dumps({"ok": False, "failures": [str(error)]}, indent=2))
        else:
            print(f"FAILS: {error}\nverify: not ok")
        return NO
    except OSError as error:
        raise NotLikeThis(f"{args.directory} cannot be read: {error.strerror}") from error
    if args.json:
        facts = {name: said[name] for name in certificate.SAYS}
        print(json.dumps({"ok": True, **facts}, ensure_ascii=False, indent=2))
        return 0
    print(certificate.readable(said))
    if args.key is None:
        print("note: no key was given: that the log key is genuine was not checked")
    print("verify: ok")
    return 0


def load() -> ModuleType:
    """The verifier as the lone file that lies in every pack: nothing else of ours comes with it."""
    if NAME not in sys.modules:
        folder = importlib.util.find_spec("recordings")
        assert folder is not None and folder.submodule_search_locations, "our own folder"
        path = Path(next(iter(folder.submodule_search_locations))) / "verify.py"
        spec = importlib.util.spec_from_file_location(NAME, path)
        assert spec is not None and spec.loader is not None, "a file of ours"
        sys.modules[NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[NAME])
    return sys.modules[NAME]


def _readable(path: Path | None) -> None:
    if path is None:
        return
    try:
        path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NotLikeThis(f"{path} cannot be read: {error}") from error
