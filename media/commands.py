"""What the node may ask of the media plane, parsed. ValueError for anything else."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias, cast

from media.codecs import G711, Codec
from media.recorder import TRACKS_MAX, Track
from media.units import SAMPLE_RATE, Address, Samples, from_pcm

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,63}")
"""Names become parts of paths: no separators, no leading dot, 64 characters at most."""

KEY_BYTES = 32
IDS_MAX = 4_096
TIME_US_MAX = 1 << 53
MILLISECONDS_MAX = 24 * 3600 * 1000

Header: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Open:
    leg: str
    call: str
    codec: Codec
    payload_type: int
    dtmf_payload_type: int | None
    remote: Address
    ssrc: int
    sequence_base: int
    timestamp_base: int
    epoch: int
    port: int | None


@dataclass(frozen=True, slots=True)
class Play:
    leg: str
    utterance: str
    from_ms: int
    interruptible: bool
    samples: Samples


@dataclass(frozen=True, slots=True)
class Stop:
    leg: str
    utterance: str | None


@dataclass(frozen=True, slots=True)
class Listen:
    leg: str
    on: bool


@dataclass(frozen=True, slots=True)
class OpenGate:
    leg: str
    call: str
    epoch: int
    granted_at: int
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class CloseGate:
    leg: str


@dataclass(frozen=True, slots=True)
class Press:
    leg: str
    digits: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Close:
    leg: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    names: tuple[int, ...]


LegCommand: TypeAlias = Play | Stop | Listen | OpenGate | CloseGate | Press
Command: TypeAlias = Open | LegCommand | Close | Acknowledge


def parse(header: Header, payload: bytes = b"") -> Command:
    """Read a command. ValueError says what is wrong with it."""
    name = header.get("cmd")
    if not isinstance(name, str) or name not in PARSERS:
        raise ValueError("unknown command")
    return PARSERS[name](header, payload)


def _open(header: Header, payload: bytes) -> Command:
    codec = G711.get(_text(header, "codec"))
    if codec is None:
        raise ValueError("unknown codec")
    port, dtmf = header.get("port"), header.get("dtmf_payload_type")
    return Open(
        leg=_name(header, "leg"),
        call=_name(header, "call"),
        codec=codec,
        payload_type=_integer(header, "payload_type", 127),
        dtmf_payload_type=None if dtmf is None else _integer(header, "dtmf_payload_type", 127),
        remote=_address(header, "remote"),
        ssrc=_integer(header, "ssrc", 0xFFFF_FFFF),
        sequence_base=_integer(header, "seq0", 0xFFFF),
        timestamp_base=_integer(header, "ts0", 0xFFFF_FFFF),
        epoch=_integer(header, "epoch_us", TIME_US_MAX),
        port=None if port is None else _integer(header, "port", 0xFFFF),
    )


def _play(header: Header, payload: bytes) -> Command:
    if header.get("rate") != SAMPLE_RATE:
        raise ValueError(f"only {SAMPLE_RATE} Hz can be played")
    from_ms = _integer(header, "from_ms", MILLISECONDS_MAX)
    interruptible = _truth(header, "interruptible")
    name = _name(header, "utterance")
    return Play(_name(header, "leg"), name, from_ms, interruptible, from_pcm(payload))


def _stop(header: Header, payload: bytes) -> Command:
    everything = header.get("utterance") is None
    return Stop(_name(header, "leg"), None if everything else _name(header, "utterance"))


def _listen(header: Header, payload: bytes) -> Command:
    return Listen(_name(header, "leg"), _truth(header, "on"))


def _gate(header: Header, payload: bytes) -> Command:
    listed = header.get("tracks")
    if not isinstance(listed, list):
        raise ValueError("tracks is no list")
    tracks = tuple(_track(item) for item in cast(list[object], listed))
    if not 1 <= len({track.party for track in tracks}) == len(tracks) <= TRACKS_MAX:
        raise ValueError(f"a gate has one to {TRACKS_MAX} tracks, of different parties")
    return OpenGate(
        leg=_name(header, "leg"),
        call=_name(header, "call"),
        epoch=_integer(header, "epoch", 0xFFFF_FFFF),
        granted_at=_integer(header, "granted_at_us", TIME_US_MAX),
        tracks=tracks,
    )


def _track(item: object) -> Track:
    if not isinstance(item, dict):
        raise ValueError("a track is no object")
    fields = cast(dict[str, object], item)
    key = bytes.fromhex(_text(fields, "key"))
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return Track(_name(fields, "party"), _name(fields, "key_id"), key)


def _close_gate(header: Header, payload: bytes) -> Command:
    return CloseGate(_name(header, "leg"))


def _dtmf(header: Header, payload: bytes) -> Command:
    duration = _integer(header, "duration_ms", MILLISECONDS_MAX)
    return Press(_name(header, "leg"), _text(header, "digits"), duration)


def _close(header: Header, payload: bytes) -> Command:
    return Close(_name(header, "leg"))


def _ack(header: Header, payload: bytes) -> Command:
    names = header.get("ids")
    if not isinstance(names, list) or len(cast(list[object], names)) > IDS_MAX:
        raise ValueError(f"ids is no list of up to {IDS_MAX}")
    return Acknowledge(tuple(n for n in cast(list[object], names) if isinstance(n, int)))


PARSERS: dict[str, Callable[[Header, bytes], Command]] = {
    "open": _open,
    "play": _play,
    "stop": _stop,
    "listen": _listen,
    "gate": _gate,
    "close_gate": _close_gate,
    "dtmf": _dtmf,
    "close": _close,
    "ack": _ack,
}


def _text(header: Header, key: str) -> str:
    value = header.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return value


def _name(header: Header, key: str) -> str:
    value = _text(header, key)
    if not NAME.fullmatch(value):
        raise ValueError(f"{key} is no name")
    return value


def _truth(header: Header, key: str) -> bool:
    value = header.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is neither true nor false")
    return value


def _integer(header: Header, key: str, largest: int) -> int:
    value = header.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise ValueError(f"{key} is no integer from 0 to {largest}")
    return value


def _address(header: Header, key: str) -> Address:
    value = header.get(key)
    if not isinstance(value, list) or len(cast(list[object], value)) != 2:
        raise ValueError(f"{key} is no address")
    host, port = cast(list[object], value)
    if not isinstance(host, str) or not isinstance(port, int) or not 0 < port <= 0xFFFF:
        raise ValueError(f"{key} is no address")
    # Digits only: a name would be looked up, and the tick would wait for the answer.
    return (str(ip_address(host)), port)
