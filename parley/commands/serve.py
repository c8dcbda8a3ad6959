"""parley serve: the keeper, which starts everything else."""

import argparse

from parley.commands import No, NotLikeThis, place
from parley.keeper import Damaged, Keeper, KeeperError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.epilog = "example:\n  parley serve --config parley.toml --data /var/lib/parley"


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    try:
        return Keeper(here.config, here.data).run()
    except KeeperError as error:
        raise NotLikeThis(str(error)) from error
    except Damaged as error:
        raise No(str(error)) from error
