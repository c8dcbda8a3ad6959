"""parley module: which code is deployed, who is served by it, what is paused."""

import argparse
from pathlib import Path
from typing import Any

import apsw

from parley import moment, operating
from parley.commands import NotLikeThis, finding, place, verbs
from runtime.modules.loading import SOURCES_BYTES_MAX
from runtime.modules.rules import ALL
from runtime.modules.tables import ModuleVersion, Pause, Release
from runtime.tables import select

EXAMPLES = """\
examples:
  parley module deploy booking/ --rollout 10%
  parley module deploy booking/
  parley module list
  parley module rollback booking
  parley module pause booking --why "a bug in 4f1c" """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    new = verbs.add(
        found,
        "deploy",
        _deploy,
        "take a version live, if the log agrees with it",
        "parley module deploy booking/ --rollout 10%",
    )
    new.add_argument("path", type=Path, metavar="PATH", help="a folder with __init__.py, or a file")
    new.add_argument("--name", metavar="N", help="the module's name (default: the path's)")
    new.add_argument(
        "--rollout", default="100%", metavar="P", help="how many of the new calls, as 10%% or 0.5%%"
    )
    new.add_argument(
        "--accept-differences",
        action="store_true",
        help="go live even though it would have done otherwise in the past",
    )
    summary = "every module: what serves, what is tried, what is paused"
    verbs.add(found, "list", _list, summary, "parley module list")
    summary = "new calls get the version before"
    back = verbs.add(found, "rollback", _rollback, summary, "parley module rollback booking")
    back.add_argument("name", metavar="NAME")
    for name, run, summary in (
        ("pause", _pause, "take no action of a module or call; its state is kept"),
        ("resume", _resume, "take them again"),
    ):
        verb = verbs.add(found, name, run, summary, f"parley module {name} booking")
        verb.add_argument("what", metavar="MODULE|CALL")
        if name == "pause":
            verb.add_argument("--why", default="", metavar="TEXT", help="kept with the pause")
    parser.epilog = EXAMPLES


run = verbs.perform


def _deploy(args: argparse.Namespace) -> int:
    files = _files(args.path)
    name = args.name or args.path.resolve().stem
    found = operating.perform(
        place.place_of(args),
        "module.deploy",
        name=name,
        files=files,
        permille=_permille(args.rollout),
        accept=args.accept_differences,
    )
    if args.json:
        print(finding.as_json(found))
        return 0
    rehearsal = found["rehearsal"]
    unlike = len(rehearsal["differences"])
    print(f"{found['version']} is live for {args.rollout} of new calls")
    print(f"rehearsed on {rehearsal['acted']} past actions: {unlike or 'no'} differences")
    before = found["before"]
    if before and before != found["version"]:
        print(f"before it: {before}; to go back: parley module rollback {name}")
    return 0


def _list(args: argparse.Namespace) -> int:
    with place.reading(place.place_of(args)) as rows:
        found = _modules(rows)
        paused = [{"what": p.id, "since_us": p.since_us, "why": p.why} for p in _all(rows, Pause)]
    if args.json:
        print(finding.as_json({"modules": found, "paused": paused}))
        return 0
    for module in found:
        tried = f", {module['candidate']} for {module['rollout']}" if module["candidate"] else ""
        print(f"{module['name']}  {module['stable'] or 'no stable version'}{tried}")
        for version in module["versions"]:
            print(f"  {version['id']}  deployed {moment.clock(version['deployed_us'])}")
    for one in paused:
        why = f": {one['why']}" if one["why"] else ""
        print(f"{one['what']} is paused since {moment.clock(one['since_us'])}{why}")
    if not found:
        print("no module yet: parley module deploy FOLDER")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    found = operating.perform(place.place_of(args), "module.rollback", name=args.name)
    said = f"new calls get {found['stable'] or 'no version'}; calls under way keep theirs"
    print(finding.as_json(found) if args.json else said)
    return 0


def _pause(args: argparse.Namespace) -> int:
    return _told(args, "pause", "takes no action until you resume it", why=args.why)


def _resume(args: argparse.Namespace) -> int:
    return _told(args, "resume", "acts again")


def _told(args: argparse.Namespace, verb: str, said: str, **more: str) -> int:
    here = place.place_of(args)
    found = operating.perform(here, f"module.{verb}", what=args.what, **more)
    print(finding.as_json(found) if args.json else f"{args.what} {said}")
    return 0


def _files(path: Path) -> dict[str, str]:
    """The code of a module, by its path inside of it. Raises NotLikeThis."""
    found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    try:
        if sum(one.stat().st_size for one in found) > SOURCES_BYTES_MAX:
            raise NotLikeThis(f"{path} holds more than {SOURCES_BYTES_MAX // 1024} KiB of code")
        texts = [one.read_text(encoding="utf-8") for one in found]
    except (OSError, UnicodeDecodeError) as error:
        raise NotLikeThis(f"{path} can not be read: {error}") from error
    if not path.is_dir():
        return {"__init__.py": texts[0]}
    names = [one.relative_to(path).as_posix() for one in found]
    return dict(zip(names, texts, strict=True))


def _permille(rollout: str) -> int:
    try:
        permille = round(float(rollout.strip().removesuffix("%")) * 10)
    except ValueError:
        permille = 0
    if not rollout.strip().endswith("%") or not 0 < permille <= ALL:
        raise NotLikeThis(f"--rollout {rollout!r}: write a share such as 10% or 0.5%")
    return permille


def _modules(rows: apsw.Connection) -> list[dict[str, Any]]:
    versions = sorted(_all(rows, ModuleVersion), key=lambda row: row.deployed_us)
    return [
        {
            "name": release.id,
            "stable": release.stable,
            "candidate": release.candidate,
            "rollout": f"{release.permille / 10:g}%",
            "versions": [
                {"id": one.id, "deployed_us": one.deployed_us, "deployed_by": one.deployed_by}
                for one in versions
                if one.name == release.id
            ],
        }
        for release in _all(rows, Release)
    ]


def _all(rows: apsw.Connection, cls: type[Any]) -> list[Any]:
    return select(rows, cls, (), ())
