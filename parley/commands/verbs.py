"""Verbs of a command: `parley identity new`, `parley module deploy`."""

import argparse
from collections.abc import Callable
from typing import Any

from parley.commands import place


def add(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, example: str
) -> argparse.ArgumentParser:
    """A verb with the options that all have. `perform` calls its `run`."""
    parser = bare(verbs, name, run, summary, example)
    place.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def bare(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, example: str
) -> argparse.ArgumentParser:
    """A verb that needs no store, and has its own options only."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.description = f"{summary[0].upper()}{summary[1:]}."
    parser.epilog = f"example:\n  {example}"
    parser.set_defaults(verb=run)
    return parser


def perform(args: argparse.Namespace) -> int:
    """Run the verb that was asked for."""
    code: int = args.verb(args)
    return code
