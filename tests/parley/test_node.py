"""What the node tells its operator."""

import json

import pytest

from parley.node import note
from runtime.sealed import Sealed


def test_a_note_never_shows_what_is_sealed_or_unforeseen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    note(
        "odd", caller=Sealed("key_a", b"box", b"commitment"), error=ValueError("+41790001122"), n=1
    )
    told = json.loads(capsys.readouterr().err)
    assert told == {"node": "odd", "caller": "<sealed key_a>", "error": "<ValueError>", "n": 1}
