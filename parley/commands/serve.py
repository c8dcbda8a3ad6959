"""parley serve: the keeper, which starts everything else."""

import argparse

from parley.commands import No, NotLikeThis, place
from parley.keeper import Damaged, Keeper, KeeperError
from parley.music import MusicError, music_of
from parley.plans import PlanError, checked
from parley.trunks import TrunkError, policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    place.add_arguments(parser)
    parser.epilog = "example:\n  parley serve --config parley.toml --data /var/lib/parley"


def run(args: argparse.Namespace) -> int:
    here = place.place_of(args)
    try:
        policies(here.config)
        music_of(here.config)
        checked(here.config)
        here.keystore()  # Also wraps what an older release left in clear, before anybody calls.
        return Keeper(here.config, here.data).run()
    except (KeeperError, TrunkError, MusicError, PlanError) as error:
        raise NotLikeThis(str(error)) from error
    except Damaged as error:
        raise No(str(error)) from error
