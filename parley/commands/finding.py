"""The call that a command is about."""

import argparse
import json
from typing import Any

import apsw

from parley import record
from parley.commands import No
from sessions.tables import Call

CALL_HELP = 'the id of the call, its beginning, or "last"'


def add_call(parser: argparse.ArgumentParser, **more: Any) -> None:
    parser.add_argument("call", metavar="CALL", help=CALL_HELP, **more)


def call_of(rows: apsw.Connection, wanted: str) -> Call:
    """Raises No, naming the nearest call, where there is none."""
    try:
        return record.find(rows, wanted)
    except record.NoSuchCall as error:
        raise No(str(error)) from error


def as_json(value: object, *, ascii: bool = False) -> str:
    """`ascii` for the words of strangers: no letter of theirs reaches a terminal."""
    return json.dumps(value, ensure_ascii=ascii, indent=2)
