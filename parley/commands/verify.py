"""parley verify: does an evidence pack, or a certificate of erasure, hold?

Needs no store, no configuration and no network.
"""

import argparse
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from parley.commands import NO, NotLikeThis

NAME = "parley_verify"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, metavar="DIR|FILE", help="the pack, or the certificate"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the log you got before"
    )
    parser.add_argument("--key", metavar="VKEY", help="the verifier key of the log as you know it")
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
    verifier = load()
    if not args.json:
        return int(verifier.main(_arguments(args)))
    checkpoint = None if args.checkpoint is None else _text(args.checkpoint)
    report = verifier.verify(args.directory, checkpoint, args.key)
    facts = {"checks": report.checks, "failures": report.failures, "notes": report.notes}
    print(json.dumps({"ok": report.ok, **facts}, ensure_ascii=False, indent=2))
    return 0 if report.ok else NO


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


def _arguments(args: argparse.Namespace) -> list[str]:
    checkpoint = [] if args.checkpoint is None else ["--checkpoint", str(args.checkpoint)]
    key = [] if args.key is None else ["--key", args.key]
    return [*checkpoint, *key, "--", str(args.directory)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise NotLikeThis(f"the checkpoint {path} cannot be read: {error}") from error
