"""parley keys: how many there are of each kind, and another key (KEK) that wraps them."""

import argparse
from collections.abc import Callable

from parley.commands import No, NotLikeThis, finding, place, verbs
from parley.commands.place import Place
from parley.keeper import KeeperError
from parley.keeper.directory import Directory
from runtime.kek import Source
from runtime.kek_check import is_clear, known_in
from runtime.kek_sources import HINT, File, source_of
from runtime.key_errors import KekError
from runtime.key_files import ids_in
from runtime.keystore import read_tombstones
from runtime.rewrapping import rewrap
from runtime.wrapped import is_call_key, parent_of

EXAMPLES = """\
examples:
  parley keys list
  parley keys rotate                              a new KEK in the file of the old one
  parley keys rotate --kek keyring:parley/kek     then write that as [keys] kek"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    example = "parley keys list --json"
    verbs.add(found, "list", _list, "how many keys there are, of each kind", example)
    example = "parley keys rotate --kek env:PARLEY_NEW_KEK"
    rotate = verbs.add(found, "rotate", _rotate, "wrap all keys under another KEK", example)
    rotate.add_argument(
        "--kek",
        metavar="NEW",
        help="where it is, as [keys] kek; by default drawn for the same file",
    )
    parser.epilog = EXAMPLES


run = verbs.perform


def _list(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    if not here.keys.is_dir():
        raise NotLikeThis(f"there is no keystore at {here.keys}: name its directory with --data")
    there = ids_in(here.keys)
    calls = sum(is_call_key(key_id) for key_id in there)
    below = sum(parent_of(key_id) is not None for key_id in there)
    try:
        keks = list(known_in(here.keys))
    except KekError as error:
        raise No(str(error)) from error
    facts = {
        "calls": calls,
        "of_calls": below,
        "of_no_call": len(there) - calls - below,
        "clear": sum(is_clear(here.keys / key_id) for key_id in there),
        "destroyed": len(read_tombstones(here.keys)),
        "kek": here.kek.where,
        "wrapped_under": keks,
    }
    if args.json:
        print(finding.as_json(facts))
        return 0
    print(f"{calls} keys of calls, {below} under them, {facts['of_no_call']} of no call")
    print(f"{facts['destroyed']} destroyed, and listed as such")
    if facts["clear"]:
        print(f"{facts['clear']} in clear, from an older release: the next start wraps them")
    print(f"wrapped under {' and '.join(keks) or 'nothing yet'}: {facts['kek']}")
    return 0


def _rotate(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    if not here.keys.is_dir():
        raise NotLikeThis(f"there is no keystore at {here.keys}: name its directory with --data")
    try:
        held = Directory(here.data)
    except KeeperError as error:
        raise NotLikeThis(str(error)) from error
    try:
        new, commit = _next(here, args.kek)
        count = rewrap(here.keys, here.kek, new, commit)
    except KekError as error:
        raise NotLikeThis(f"{error}; what is wrapped opens as before") from error
    except OSError as error:
        raise No(f"{here.keys}: {error}; do it again, it goes on where it was") from error
    finally:
        held.close()
    (kek_id,) = known_in(here.keys)
    if args.json:
        print(finding.as_json({"wrapped": count, "kek": kek_id, "where": new.where}))
        return 0
    print(f"{count} keys are wrapped under {kek_id} now")
    if args.kek is not None and args.kek != here.config.keys.kek:
        print(f'write it down before the server starts: [keys] kek = "{args.kek}"')
    print(
        "copies of the keystore from before still open under the KEK of before: keep or destroy it"
    )
    return 0


def _next(here: Place, wanted: str | None) -> tuple[Source, Callable[[], None]]:
    """The KEK that is to come, and what is to be done once everything opens under it."""
    old = here.kek
    if wanted is not None:
        new = source_of(wanted, here.data)
        new.make()
        return new, lambda: None
    if not isinstance(old, File):
        raise NotLikeThis(
            f"the KEK is {old.where}, not ours to change: name another with --kek, {HINT}"
        )
    return old.next(), old.succeed
