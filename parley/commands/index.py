"""parley index: what `parley search` looks in. It is no part of the record, and holds no words."""

import argparse

import apsw

from parley import searching
from parley.commands import NotLikeThis, finding, looks, place, search, verbs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    found = parser.add_subparsers(metavar="VERB", required=True)
    example = "parley index rebuild"
    verbs.add(found, "rebuild", _rebuild, "throw the index away and build it anew", example)
    parser.epilog = f"example:\n  {example}"


run = verbs.perform


def _rebuild(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    if not looks.is_writable(here):
        raise NotLikeThis(f"{here.data} cannot be written: no index can be kept there")
    with place.reading(here) as rows:
        index = search.opened(here)
        try:
            index.empty()
            calls = searching.refresh(index, rows, here.keystore().key)
        except apsw.Error as error:
            raise search.unusable(here, error) from error
        finally:
            index.close()
    print(finding.as_json({"calls": calls}) if args.json else f"{calls} calls can be searched")
    return 0
