"""What the node may ask of the media plane, parsed. ValueError for anything else."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeAlias, cast

from media.codecs import CODECS, Codec
from media.recorder import TRACKS_MAX, Track
from media.srtp import SUITES
from media.units import SAMPLE_RATE, Address

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,63}")
"""Names become parts of paths: no separators, no leading dot, 64 characters at most."""

IDS_MAX = 4_096
TIME_US_MAX = 1 << 53
MILLISECONDS_MAX = 24 * 3600 * 1000
LEASE_MS = 1_000
"""How long gates stay open after the store was last seen to commit; nobody may ask for more."""

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
WAYS = ("voice", "agent")
"""What can be heard of a leg: what its party says, and what is played to it."""

SOURCES_MAX = 64
GAIN_MILLIBEL_MIN, GAIN_MILLIBEL_MAX = -6_000, 2_000
DTMF_CLOCK_RATES = (8_000, 48_000)
PLAYED_RATES = (8_000, 16_000, 24_000, 32_000, 48_000)

Header: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Srtp:
    """Keys and salts of both directions, and the rollover counter of what is received."""

    suite: str
    send_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    roc: int = 0


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
    direction: str = "sendrecv"
    shared: bool = False
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    cname: str = "parley"
    srtp: Srtp | None = None
    gate_epoch: int | None = None
    dtmf_clock_rate: int = SAMPLE_RATE

    @property
    def reports_from(self) -> Address:
        """Where the other end has its RTCP, as it was signalled (RFC 3605, RFC 3550 section 11)."""
        host, port = self.remote
        return host, self.rtcp_port or min(port + 1, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Play:
    """s16le audio. `more`: it goes on with the next of the same name that says `append`."""

    leg: str
    utterance: str
    from_ms: int
    interruptible: bool
    pcm: bytes
    rate: int = SAMPLE_RATE
    more: bool = False
    append: bool = False
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What is heard of another leg: its party's "voice", or its "agent"."""

    leg: str
    what: str
    gain_millibel: int


@dataclass(frozen=True, slots=True)
class Hear:
    leg: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Tap:
    """The leg carries one voice of another, `what` of WAYS, while that one's gate is open."""

    leg: str
    of: str
    what: str


@dataclass(frozen=True, slots=True)
class Mute:
    leg: str
    voice: bool


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
    """`until`: in microseconds, nothing captured from then on is sealed.

    `drop`: nor what was captured before and is not sealed yet.
    """

    leg: str
    until: int | None = None
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    leg: str
    digits: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Close:
    leg: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Gates may be open until `ms` after `since`: microseconds of the machine's monotonic clock."""

    since: int
    ms: int


@dataclass(frozen=True, slots=True)
class Acknowledge:
    names: tuple[int, ...]


LegCommand: TypeAlias = Play | Stop | Listen | OpenGate | CloseGate | Press | Hear | Tap | Mute
Command: TypeAlias = Open | LegCommand | Close | Acknowledge | Lease


def parse(header: Header, payload: bytes = b"") -> Command:
    """Read a command. ValueError says what is wrong with it."""
    name = header.get("cmd")
    if not isinstance(name, str) or name not in PARSERS:
        raise ValueError("unknown command")
    return PARSERS[name](header, payload)


def _open(header: Header, payload: bytes) -> Command:
    codec = CODECS.get(_text(header, "codec"))
    if codec is None:
        raise ValueError("unknown codec")
    port, dtmf = header.get("port"), header.get("dtmf_payload_type")
    rtcp, epoch = header.get("rtcp_port"), header.get("gate_epoch")
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
        direction=_one_of(header.get("direction", "sendrecv"), "direction", DIRECTIONS),
        shared=_flag(header, "shared"),
        rtcp_port=None if rtcp is None else _integer(header, "rtcp_port", 0xFFFF),
        rtcp_mux=_flag(header, "rtcp_mux"),
        cname=_name(header, "cname") if "cname" in header else "parley",
        srtp=_srtp(header.get("srtp")),
        gate_epoch=None if epoch is None else _integer(header, "gate_epoch", 0xFFFF_FFFF),
        dtmf_clock_rate=_rate(header.get("dtmf_clock_rate", codec.clock_rate)),
    )


def _rate(value: object) -> int:
    if not isinstance(value, int) or value not in DTMF_CLOCK_RATES:
        raise ValueError(f"dtmf_clock_rate is none of {DTMF_CLOCK_RATES}")
    return value


def _srtp(value: object) -> Srtp | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("srtp is no object")
    fields = cast(dict[str, object], value)
    suite = _one_of(fields.get("suite"), "suite", tuple(SUITES))
    keys = [bytes.fromhex(_text(fields, name)) for name in ("send_key", "receive_key")]
    if any(len(key) != SUITES[suite].master_bytes for key in keys):
        raise ValueError(f"{suite} has keys of {SUITES[suite].master_bytes} bytes, salt included")
    roc = _integer(fields, "roc", 0xFFFF_FFFF) if "roc" in fields else 0
    return Srtp(suite, keys[0], keys[1], roc)


def _play(header: Header, payload: bytes) -> Command:
    rate = header.get("rate")
    if not isinstance(rate, int) or rate not in PLAYED_RATES:
        raise ValueError(f"only {', '.join(map(str, PLAYED_RATES))} Hz can be played")
    if len(payload) % 2:
        raise ValueError("half a sample")
    return Play(
        leg=_name(header, "leg"),
        utterance=_name(header, "utterance"),
        from_ms=_integer(header, "from_ms", MILLISECONDS_MAX),
        interruptible=_truth(header, "interruptible"),
        pcm=payload,
        rate=rate,
        more=_flag(header, "more"),
        append=_flag(header, "append"),
        loop=_flag(header, "loop"),
    )


def _hear(header: Header, payload: bytes) -> Command:
    listed = header.get("sources")
    if not isinstance(listed, list) or len(cast(list[object], listed)) > SOURCES_MAX:
        raise ValueError(f"sources is no list of up to {SOURCES_MAX}")
    sources = tuple(_source(item) for item in cast(list[object], listed))
    return Hear(_name(header, "leg"), sources)


def _source(item: object) -> Source:
    if not isinstance(item, dict):
        raise ValueError("a source is no object")
    fields = cast(dict[str, object], item)
    gain = fields.get("gain_millibel", 0)
    if not isinstance(gain, int) or not GAIN_MILLIBEL_MIN <= gain <= GAIN_MILLIBEL_MAX:
        raise ValueError(f"gain_millibel is not {GAIN_MILLIBEL_MIN} to {GAIN_MILLIBEL_MAX}")
    return Source(_name(fields, "leg"), _one_of(fields.get("what"), "what", WAYS), gain)


def _tap(header: Header, payload: bytes) -> Command:
    return Tap(_name(header, "leg"), _name(header, "of"), _one_of(header.get("what"), "what", WAYS))


def _mute(header: Header, payload: bytes) -> Command:
    return Mute(_name(header, "leg"), _truth(header, "voice"))


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
    return Track(_name(fields, "party"), _name(fields, "key_id"))


def _close_gate(header: Header, payload: bytes) -> Command:
    until = None if header.get("until") is None else _integer(header, "until", TIME_US_MAX)
    return CloseGate(_name(header, "leg"), until, _flag(header, "drop"))


def _lease(header: Header, payload: bytes) -> Command:
    return Lease(_integer(header, "since_us", TIME_US_MAX), _integer(header, "ms", LEASE_MS))


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
    "lease": _lease,
    "dtmf": _dtmf,
    "hear": _hear,
    "tap": _tap,
    "mute": _mute,
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


def _flag(header: Header, key: str) -> bool:
    """As `_truth`; false where nothing is said."""
    return _truth(header, key) if key in header else False


def _one_of(value: object, key: str, names: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{key} is none of {', '.join(names)}")
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
