"""The sections of the configuration: each key with its reader, its default and its hint."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Self, cast

from parley.config.keys import (
    endpoint,
    even_number,
    flag,
    kek,
    key,
    language,
    many,
    network,
    one_of,
    policy,
    ports,
    secret,
    sip_host,
    sip_uri,
    some,
    some_text,
    text,
    uri,
    url,
    vendor_name,
    whole_number,
    zero_or,
)
from parley.config.values import Endpoint, PortRange, Secret
from runtime.kek_sources import HINT

RING_MS_MAX = 120_000
SESSION_EXPIRES_S_MIN, SESSION_EXPIRES_S_MAX = 90, 86_400
DRAIN_S_MAX = 86_400
LINES = ("general", "trading", "health", "payment", "outbound", "internal")
VENDOR_KINDS = ("stt", "tts", "llm", "recorder", "analysis")
CODECS = ("G722", "PCMU", "PCMA", "opus")
NODE_CALLS_MAX = 2_000
CALLS_MAX, CPS_MAX, PREFER_MAX = 100_000, 10_000, 1_000
EXPIRES_S_MIN, EXPIRES_S_MAX, KEEPALIVE_S_MAX = 30, 86_400, 3_600
TSA_S_MIN, TSA_S_MAX = 60, 604_800
CHUNK_MS_MIN, CHUNK_MS_MAX = 100, 10_000
PROCESSES_MAX = 16
SHARED_PORT_MIN, SHARED_PORT_MAX = 1_024, 65_536 - 2 * PROCESSES_MAX


@dataclass(frozen=True, slots=True)
class Store:
    url: str = key(
        url("sqlite:", "postgresql://"),
        "sqlite:data/parley.db",
        '"sqlite:PATH" or "postgresql://…"',
    )


@dataclass(frozen=True, slots=True)
class Http:
    listen: Endpoint = key(
        endpoint(), "127.0.0.1:8080", 'an address and a port such as "127.0.0.1:8080"'
    )


@dataclass(frozen=True, slots=True)
class Sip:
    listen: tuple[Endpoint, ...] = key(
        some(endpoint("udp", "tcp", "tls")),
        ("udp:127.0.0.1:5060",),
        'a list such as ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "tls:[::1]:5061"]',
    )
    public_address: str = key(
        lambda raw: text(raw) and str(ip_address(text(raw))),
        "",
        'the address callers reach, such as "203.0.113.5", or "" without NAT',
    )
    local_networks: tuple[IPv4Network | IPv6Network, ...] = key(
        many(network), (), 'networks on our side of the NAT, such as ["10.0.0.0/8"]'
    )
    tls_certificate: str = key(
        text, "", 'a PEM file with our certificate and its chain, or "" without TLS'
    )
    tls_key: str = key(text, "", 'a PEM file with its key, or "" where that is in the same file')
    tls_ca: str = key(
        text, "", 'a PEM file of the authorities to believe, or "" for those of this machine'
    )
    tls_verify_clients: bool = key(
        flag, False, "true (who connects must show a certificate of tls_ca) or false"
    )
    ring_ms: int = key(
        whole_number(0, RING_MS_MAX), 500, f"milliseconds to ring before answering, 0-{RING_MS_MAX}"
    )
    open: bool = key(
        flag, False, "true to let everybody call where no [[trunk]] is named, or false"
    )
    drain_s: int = key(
        whole_number(0, DRAIN_S_MAX),
        30,
        f"seconds that live calls may go on for when the server is stopped, 0-{DRAIN_S_MAX}",
    )
    early_media: bool = key(
        flag, False, "true to play the greeting before the call is answered, or false"
    )
    session_expires_s: int = key(
        zero_or(whole_number(SESSION_EXPIRES_S_MIN, SESSION_EXPIRES_S_MAX)),
        1_800,
        "seconds between signs of life in a call, "
        f"{SESSION_EXPIRES_S_MIN}-{SESSION_EXPIRES_S_MAX}, or 0 to ask for none",
    )
    calls_max: int = key(
        whole_number(1, NODE_CALLS_MAX),
        NODE_CALLS_MAX,
        f"calls at once, 1-{NODE_CALLS_MAX}; further ones are told to try again later",
    )
    reliable_progress: bool = key(
        flag, False, "true to offer 100rel and use it where it is supported, or false"
    )


@dataclass(frozen=True, slots=True)
class Trunk:
    name: str = key(some_text, "trunk", "a name of your choice")
    peers: tuple[IPv4Network | IPv6Network, ...] = key(
        many(network), (), 'networks such as ["203.0.113.0/24"]'
    )
    registrar: str = key(sip_host, "", 'the host to register with, or ""')
    proxy: str = key(sip_host, "", 'the host that calls and registrations are sent to, or ""')
    username: str = key(text, "", 'the name to register as, or ""')
    password: Secret = key(secret, "", '"env:NAME" or "file:PATH"')
    realm: str = key(text, "", 'the only realm that is told the password, or "" for any')
    auth: str = key(
        one_of("acl", "digest", "both"),
        "acl",
        '"acl" (calls come from peers), "digest" (callers know the password) or "both"',
    )
    digest: tuple[str, ...] = key(
        some(one_of("SHA-512-256", "SHA-256", "MD5")),
        ("SHA-256", "MD5"),
        'a list such as ["SHA-256", "MD5"], or ["MD5"] for telephones which know no other',
    )
    calls_max: int = key(
        whole_number(0, CALLS_MAX), 0, f"calls at once, 0-{CALLS_MAX}; 0 for no limit"
    )
    cps: int = key(whole_number(0, CPS_MAX), 0, f"new calls a second, 0-{CPS_MAX}; 0 for no limit")
    srtp: str = key(
        one_of("off", "optional", "required"), "optional", '"off", "optional" or "required"'
    )
    codecs: tuple[str, ...] = key(
        many(one_of(*CODECS)),
        (),
        'a list of "G722", "PCMU", "PCMA", "opus", or [] for those of [media]',
    )
    shared_port: bool = key(
        flag, False, "true where all calls may use the shared_port of [media], or false"
    )
    expires: int = key(
        whole_number(EXPIRES_S_MIN, EXPIRES_S_MAX),
        3600,
        f"seconds to be registered for, {EXPIRES_S_MIN}-{EXPIRES_S_MAX}",
    )
    keepalive_s: int = key(
        whole_number(0, KEEPALIVE_S_MAX),
        0,
        f"seconds from one OPTIONS to the next, 0-{KEEPALIVE_S_MAX}; 0 for none",
    )
    prefer: int = key(
        whole_number(0, PREFER_MAX), 0, f"0-{PREFER_MAX}: calls go out by the lowest first"
    )
    identity: str = key(text, "", 'who we say is calling: a number, a user, a SIP URI, or ""')


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recorder of others (SIPREC): it gets both voices of whoever agreed to be recorded."""

    name: str = key(some_text, "recorder", "a name of your choice")
    uri: str = key(
        sip_uri, "sip:srs@127.0.0.1:5070", 'such as "sip:srs@recorder.example:5060;transport=tcp"'
    )
    trunk: str = key(text, "", 'the name of the [[trunk]] it is reached by, or ""')
    srtp: str = key(
        one_of("off", "optional", "required"), "optional", '"off", "optional" or "required"'
    )
    codecs: tuple[str, ...] = key(
        some(one_of(*CODECS)),
        ("PCMU", "PCMA"),
        'a list of "G722", "PCMU", "PCMA", "opus", the preferred one first',
    )
    scope: str = key(one_of("recording"), "recording", '"recording": the consent it needs')
    when_closed: str = key(
        one_of("silence", "inactive"),
        "silence",
        '"silence" (its streams go on, and nobody is in them) or "inactive" (they pause)',
    )


@dataclass(frozen=True, slots=True)
class Media:
    ports: PortRange = key(ports, "20000-20999", 'a range of UDP ports such as "20000-20999"')
    codecs: tuple[str, ...] = key(
        some(one_of(*CODECS)),
        ("G722", "PCMU", "PCMA"),
        'a list of "G722", "PCMU", "PCMA", "opus", the preferred one first',
    )
    processes: int = key(
        whole_number(1, PROCESSES_MAX),
        1,
        f"how many media processes share the calls, 1-{PROCESSES_MAX}; one for each core to spare",
    )
    address: str = key(
        lambda raw: str(ip_address(text(raw))), "127.0.0.1", 'an address such as "127.0.0.1"'
    )
    shared_port: int = key(
        even_number(SHARED_PORT_MIN, SHARED_PORT_MAX),
        0,
        f"an even UDP port, {SHARED_PORT_MIN}-{SHARED_PORT_MAX}, or 0 for a port for each call",
    )

    hold_music: str = key(text, "", 'a WAV file for callers on hold, or "" for music of our own')

    @property
    def shared_ports(self) -> tuple[int, ...]:
        """The shared RTP port of each media process, by its index; the next is for its RTCP."""
        ports = range(self.shared_port, self.shared_port + 2 * self.processes, 2)
        return tuple(ports) if self.shared_port else ()


@dataclass(frozen=True, slots=True)
class Agent:
    app: str = key(some_text, "parley.demo:Receptionist", '"module:Class"')


@dataclass(frozen=True, slots=True)
class Consent:
    policy: str = key(
        policy,
        "ask",
        '"ask" (whether to record), "never" (record), "law" (what the law of all places asks), or'
        " the PATH.toml of a file that tightens the law",
    )
    place: str = key(
        text, "", 'where you are, as "Dublin" or "DE"; "" is nowhere known, with the strictest law'
    )
    line: str = key(one_of(*LINES), "general", f"one of {', '.join(LINES)}")
    language: str = key(
        language, "", 'what the service is held in, as "de", or "" for that of the caller\'s place'
    )
    tenant: str = key(text, "", 'whose published policies count, or "" for those of the house')
    hold: str = key(
        one_of("record", "pause"),
        "record",
        '"record" or "pause" (nothing is recorded of a call on hold)',
    )
    human: str = key(
        uri, "", 'the SIP URI of a person for who does not agree, as "sip:desk@host", or ""'
    )


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who gets words or audio of a call: a scope of its own, named to the caller."""

    name: str = key(
        vendor_name, "vendor", 'a short name as it is spoken, such as "acme" or "acme-speech"'
    )
    kind: str = key(one_of(*VENDOR_KINDS), "stt", f"one of {', '.join(VENDOR_KINDS)}")
    region: str = key(text, "", 'where they process it, as "EU", or ""')
    training: bool = key(flag, False, "true where they may learn from it, or false")
    agreement: str = key(text, "", 'the agreement with them, as "DPA 2026-04", or ""')


@dataclass(frozen=True, slots=True)
class Speech:
    stt: str = key(some_text, "auto", '"auto" or the name of an engine')
    tts: str = key(some_text, "auto", '"auto" or the name of an engine')
    whisper_model: str = key(text, "", 'the folder of a Whisper model on this machine, or ""')


@dataclass(frozen=True, slots=True)
class Model:
    base_url: str = key(text, "", 'the address of an OpenAI-compatible server, or ""')
    name: str = key(text, "", 'the name of a model, or ""')
    api_key: Secret = key(secret, "env:OPENAI_API_KEY", '"env:NAME" or "file:PATH"')


@dataclass(frozen=True, slots=True)
class Recording:
    directory: str = key(some_text, "data/recordings", "a folder")
    chunk_ms: int = key(
        whole_number(CHUNK_MS_MIN, CHUNK_MS_MAX),
        1000,
        f"milliseconds, {CHUNK_MS_MIN}-{CHUNK_MS_MAX}",
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    tsa_url: str = key(
        lambda raw: text(raw) and url("http://", "https://")(raw),
        "",
        'the address of a time-stamping authority (RFC 3161), "http://…" or "https://…", or ""',
    )
    tsa_every_s: int = key(
        whole_number(TSA_S_MIN, TSA_S_MAX),
        3600,
        f"seconds from one time stamp to the next, {TSA_S_MIN}-{TSA_S_MAX}",
    )
    tsa_certificate: str = key(
        text, "", 'a PEM file with the certificate that the authority\'s chain leads to, or ""'
    )


@dataclass(frozen=True, slots=True)
class Keys:
    kek: str = key(kek, "", HINT)


@dataclass(frozen=True, slots=True)
class Config:
    store: Store = Store()
    http: Http = Http()
    sip: Sip = Sip()
    trunk: tuple[Trunk, ...] = ()
    recorder: tuple[Recorder, ...] = ()
    media: Media = Media()
    agent: Agent = Agent()
    consent: Consent = Consent()
    vendor: tuple[Vendor, ...] = ()
    speech: Speech = Speech()
    model: Model = Model()
    recording: Recording = Recording()
    evidence: Evidence = Evidence()
    keys: Keys = Keys()

    def in_directory(self, data: Path) -> Self:
        """The same, with what is still at its default place under `data` instead of ./data."""
        store, recording = self.store, self.recording
        if store == Store():
            store = replace(store, url=f"sqlite:{data / 'parley.db'}")
        if recording.directory == Recording().directory:
            recording = replace(recording, directory=str(data / "recordings"))
        return replace(self, store=store, recording=recording)

    def to_json(self) -> dict[str, Any]:
        """For a child process. Secrets are handed on as written: references stay references."""
        sections = {name: _keys(getattr(self, name)) for name in SECTIONS}
        lists = {name: [_keys(one) for one in getattr(self, name)] for name in LISTS}
        return {**sections, **lists}


SECTIONS: Mapping[str, type[Any]] = {
    "store": Store,
    "http": Http,
    "sip": Sip,
    "media": Media,
    "agent": Agent,
    "consent": Consent,
    "speech": Speech,
    "model": Model,
    "recording": Recording,
    "evidence": Evidence,
    "keys": Keys,
}


LISTS: Mapping[str, type[Any]] = {"trunk": Trunk, "vendor": Vendor, "recorder": Recorder}
"""What is written [[so]], once for each."""

LIST_MAX = {"trunk": 64, "vendor": 32, "recorder": 4}


def _keys(section: Any) -> dict[str, Any]:
    return {spec.name: _json(getattr(section, spec.name)) for spec in fields(section)}


def _json(value: object) -> Any:
    if isinstance(value, Secret):
        return value.reference
    if isinstance(value, tuple):
        return [_json(item) for item in cast("tuple[object, ...]", value)]
    return value if isinstance(value, int) else str(value)
