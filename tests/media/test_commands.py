from random import Random

import pytest

from media.commands import Open, OpenGate, parse
from tests.media.line import gate, lease, opening, play

GOOD: list[dict[str, object]] = [
    opening("l", ("192.0.2.1", 4_000)),
    play("l", "u"),
    gate("l", 1, 5),
    {"cmd": "stop", "leg": "l", "utterance": None},
    {"cmd": "listen", "leg": "l", "on": True},
    {"cmd": "close_gate", "leg": "l"},
    {"cmd": "close_gate", "leg": "l", "drop": True},
    lease(5),
    {"cmd": "dtmf", "leg": "l", "digits": "1", "duration_ms": 160},
    {"cmd": "close", "leg": "l"},
    {"cmd": "ack", "ids": [1, 2]},
]
BAD: list[object] = [None, "", "../x", "x" * 65, -1, 1 << 60, 1.5, True, [], {}, [[]], [1] * 5_000]


def test_an_opening_is_read_in_full() -> None:
    command = parse(opening("l", ("192.0.2.1", 4_000), codec="PCMA", payload_type=8, port=4_002))
    assert isinstance(command, Open)
    assert (command.codec.name, command.remote, command.port) == (
        "PCMA",
        ("192.0.2.1", 4_000),
        4_002,
    )


def test_a_gate_names_its_keys_and_has_none() -> None:
    command = parse(gate("l", 1, 5))
    assert isinstance(command, OpenGate)
    assert [track.key_id for track in command.tracks] == ["key-caller", "key-agent"]
    told = {"party": "caller", "key_id": "k", "key": "00" * 32}
    again = parse({**gate("l", 1, 5), "tracks": [told]})
    assert isinstance(again, OpenGate)
    assert "00" * 32 not in repr(again)


@pytest.mark.parametrize("leg", ["../etc", "a/b", ".hidden", "", "a\0b", "a b"])
def test_a_name_cannot_leave_its_folder(leg: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        parse({**gate(leg, 1, 5)})


def test_a_remote_is_digits_so_that_no_name_is_ever_looked_up() -> None:
    with pytest.raises(ValueError, match="example"):
        parse(opening("l", ("example.org", 4_000)))


def test_half_a_sample_is_not_played() -> None:
    with pytest.raises(ValueError, match="half a sample"):
        parse(play("l", "u"), b"abc")


@pytest.mark.parametrize("header", GOOD, ids=lambda header: str(header["cmd"]))
def test_a_command_with_any_field_spoilt_is_parsed_or_a_value_error(
    header: dict[str, object],
) -> None:
    parse(header)
    random = Random(4711)
    for _ in range(300):
        spoilt = {**header, random.choice(list(header)): random.choice(BAD)}
        try:
            parse(spoilt)
        except ValueError:
            continue
