"""Drivers for other people's telephones: SIPp and baresip."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from media.codecs import CODECS
from media.resample import resample
from media.units import SAMPLE_RATE, Samples, from_pcm, pcm
from media.vad import ENERGY_FLOOR, mean_square
from tests.interop.starting import ended_if_not, last_words, on_free_ports, wait_until
from tests.ports import bound_by, free_port, free_ports

SIPP_SECONDS_MAX = 90
BARESIP_SECONDS_MAX = 90
QUIET_MS = 700
TICK_S = 0.1
WAV_HEADER_BYTES = 44
WAV_CHANNELS_AT = 22
SIPP_MEDIA_PORTS = 40
"""SIPp takes some from its first on, without asking whether they are free."""
BARESIP_RTP_PORTS = 20
SCENARIOS = Path(__file__).parent / "sipp"
MODULES = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules")


def need(program: str, package: str) -> None:
    """Skip where a peer is missing; fail where it must be there."""
    if shutil.which(program) is None:
        missing(f"{program} is not installed: apt-get install {package}")


def missing(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def tone(seconds: float, hertz: float = 440.0) -> Samples:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (9_000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def sipp(
    scenario: str,
    port: int,
    folder: Path,
    *,
    transport: str = "u1",
    host: str = "127.0.0.1",
    source: str = "",
    calls: int = 1,
    keys: dict[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start calls of a scenario to a server on loopback; give it to `passed`.

    They come from `source`, where that is another address of this machine than the server's.

    `transport` as SIPp's option -t has it: "t1" is one TCP connection, "tn" one for each call.
    `keys` are what a scenario has in brackets.
    """
    (folder / "tone.ul").write_bytes(CODECS["PCMU"].encode(tone(10)))
    (folder / "tone.al").write_bytes(CODECS["PCMA"].encode(tone(10)))
    bracketed = f"[{host}]" if ":" in host else host
    options = [
        *("-s", "desk", "-m", str(calls), "-r", str(calls), "-max_socket", "1000"),
        *(word for key in (keys or {}).items() for word in ("-key", *key)),
        f"{bracketed}:{port}",
    ]
    return _sipp(scenario, folder, transport, options, host=source or host)[0]


def sipp_called(
    scenario: str, folder: Path, port: int = 0, *, transport: str = "u1"
) -> "tuple[subprocess.Popen[bytes], int]":
    """Start one telephone of a scenario on loopback, which waits to be called at the port."""
    (folder / "silence.ul").write_bytes(CODECS["PCMU"].encode(0 * tone(10)))
    return _sipp(scenario, folder, transport, ["-m", "1"], port=port)


def _sipp(
    scenario: str,
    folder: Path,
    transport: str,
    options: list[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> "tuple[subprocess.Popen[bytes], int]":
    """A SIPp which listens at the port, or one of its choice. It may have ended already."""
    need("sipp", "sip-tester")
    errors = folder / f"{scenario}.errors"

    def start() -> "tuple[subprocess.Popen[bytes], int]":
        errors.unlink(missing_ok=True)
        sip, media = port or free_port(), free_ports(SIPP_MEDIA_PORTS).start
        running = subprocess.Popen(
            [
                *("sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-t", transport),
                *("-i", host, "-p", str(sip), "-mi", host, "-mp", str(media)),
                *("-nostdin", "-trace_err", "-error_file", str(errors), *options),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        # It takes the last of its media ports last.
        wanted = {sip, media, media + 2}

        def is_bound() -> bool:
            return running.poll() is not None or wanted <= bound_by(running.pid)

        with ended_if_not(running):
            wait_until(is_bound, running, errors)
        return running, sip

    return on_free_ports(start)


def passed(running: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait for SIPp to end well."""
    try:
        out, _ = running.communicate(timeout=SIPP_SECONDS_MAX)
    finally:
        running.kill()
    errors = [path.read_text(errors="replace") for path in folder.glob("*.errors")]
    assert running.returncode == 0, f"{errors} {out[-2_000:].decode(errors='replace')}"


def save(path: Path, samples: Samples, rate: int = SAMPLE_RATE) -> Path:
    """A WAV file at that rate, of samples at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm(resample(samples, SAMPLE_RATE, rate)))
    return path


CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
call_local_timeout 120
call_max_calls 2
audio_buffer 20-160
audio_source aufile,{microphone}
audio_player aubridge,ear{sip}
audio_alert aubridge,alert{sip}
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
rtp_ports {rtp}-{rtp_last}
rtcp_mux no
jitter_buffer_delay 1-10
rtp_timeout 0
net_interface 127.0.0.1
sip_cafile {authorities}
module_path {modules}
module stdio.so
module g711.so
module g722.so
module opus.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
opus_bitrate 28000
sip_verify_server no
"""


@dataclass(frozen=True, slots=True)
class Account:
    """How baresip calls. `rate` is that of its microphone, and of what it writes down."""

    transport: str = "udp"
    codec: str = "PCMU/8000/1"
    encryption: str = ""
    """None, or "srtp-mand" and the like."""
    outbound: str = ""
    """The proxy that calls go by, such as "sip:127.0.0.1:5060"."""
    user: str = "caller"
    password: str = ""
    authorities: Path | None = None
    """Whom it believes over TLS: a PEM file."""
    answers: bool = False
    """Whether it picks up by itself."""

    @property
    def rate(self) -> int:
        name, clock, _ = self.codec.split("/")
        # The clock of G.722 says half of what it samples (RFC 3551 section 4.5.2).
        return 16_000 if name == "G722" else int(clock)

    def line(self) -> str:
        options = {
            "regint": "0",
            "audio_codecs": self.codec,
            "ptime": "20",
            "mediaenc": self.encryption,
            "answermode": "auto" if self.answers else "",
            "outbound": self.outbound and f'"{self.outbound}"',
            "auth_user": self.password and self.user,
            "auth_pass": self.password and f'"{self.password}"',
        }
        written = "".join(f";{name}={value}" for name, value in options.items() if value)
        return f"<sip:{self.user}@127.0.0.1;transport={self.transport}>{written}\n"


class Baresip:
    """One telephone with a WAV file as its microphone; it writes down what it hears."""

    def __init__(
        self, folder: Path, control: socket.socket, port: int, rate: int = SAMPLE_RATE
    ) -> None:
        self.uri = f"sip:caller@127.0.0.1:{port}"
        self.keys = ""
        """What the far side has pressed."""
        self._rate = rate
        self._folder = folder
        self._control = control
        self._received = b""
        self._read_to = 0
        control.settimeout(TICK_S)

    def dial(self, target: str) -> None:
        self._command("dial", target)
        self._wait_for("CALL_ESTABLISHED")

    def wait_until_called(self) -> None:
        """Wait for a call, which it answers where its account says so."""
        self._wait_for("CALL_ESTABLISHED")

    def press(self, digit: str) -> None:
        self._command("sndcode", digit)

    def wait_for_keys(self, count: int) -> None:
        """Wait until the far side has pressed so many keys; see `keys`."""
        ends = monotonic() + BARESIP_SECONDS_MAX
        while len(self.keys) < count:
            assert monotonic() < ends, f"baresip heard {self.keys!r}"
            self._events()

    def wait_until_spoken_to(self) -> None:
        """Wait until somebody has spoken and is silent again."""
        spoken, quiet = 0, 0
        ends = monotonic() + BARESIP_SECONDS_MAX
        while spoken < 5 or quiet * 20 < QUIET_MS:
            assert monotonic() < ends, "nobody spoke to baresip"
            self._events()
            for loud in self._heard_anew():
                spoken, quiet = (spoken + 1, 0) if loud else (spoken, quiet + 1)

    def wait_for_the_end(self) -> None:
        self._wait_for("CALL_CLOSED")

    def hold(self) -> None:
        self._command("hold", "")

    def resume(self) -> None:
        self._command("resume", "")

    def hang_up(self) -> None:
        self._command("hangup", "")

    @property
    def heard(self) -> Path:
        """The WAV file of what it heard; whole once the call is closed."""
        return self._dump("dec")

    @property
    def said(self) -> Path:
        """The WAV file of what it sent."""
        return self._dump("enc")

    def _dump(self, kind: str) -> Path:
        """A file which baresip makes with the first audio, so that it may not be there yet."""
        found = list(self._folder.glob(f"dump-*-{kind}.wav"))
        assert len(found) <= 1, f"baresip was in more than one call: {found}"
        return found[0] if found else self._folder / f"no-{kind}.wav"

    def wait_until_said(self, seconds: float) -> None:
        """Wait until so much of the microphone has gone out."""
        ends = monotonic() + BARESIP_SECONDS_MAX
        while _samples_in(self.said) < seconds * self._rate:
            assert monotonic() < ends, "baresip does not speak"
            self._events()

    def _heard_anew(self) -> Iterator[bool]:
        """Which frames of those written since the last time are loud."""
        length = self._rate // 50
        samples = sample_of(self.heard, self._read_to * length)
        shaped = samples[: len(samples) // length * length].reshape(-1, length)
        yield from (mean_square(frame) >= ENERGY_FLOOR for frame in shaped)
        self._read_to += len(shaped)

    def _command(self, command: str, params: str) -> None:
        """A netstring of JSON, as the module ctrl_tcp has it."""
        message = json.dumps({"command": command, "params": params, "token": command}).encode()
        self._control.sendall(b"%d:%s," % (len(message), message))

    def _wait_for(self, kind: str) -> None:
        ends = monotonic() + BARESIP_SECONDS_MAX
        while all(event.get("type") != kind for event in self._events()):
            assert monotonic() < ends, f"baresip: no {kind}"

    def _events(self) -> list[dict[str, Any]]:
        """What it told within a tick."""
        try:
            received = self._control.recv(65_536)
        except TimeoutError:
            return []
        assert received, "baresip ended"
        self._received += received
        found: list[dict[str, Any]] = []
        while (colon := self._received.find(b":")) > 0:
            size = int(self._received[:colon])
            if len(self._received) < colon + size + 2:
                break
            found.append(json.loads(self._received[colon + 1 : colon + 1 + size]))
            self._received = self._received[colon + size + 2 :]
        pressed = (event for event in found if event.get("type") == "CALL_DTMF_START")
        self.keys += "".join(str(event["param"]) for event in pressed)
        return found


@contextmanager
def baresip(folder: Path, microphone: Path, account: Account = Account()) -> Iterator[Baresip]:
    """A running baresip; its microphone is a WAV file at the account's rate."""
    need("baresip", "baresip")
    modules = next((path for path in MODULES if Path(path).is_dir()), None)
    if modules is None:
        missing("baresip has no modules: apt-get install baresip")
    folder.mkdir()
    config, log = folder / "config", folder / "log"
    (folder / "accounts").write_text(account.line())
    (folder / "contacts").touch()

    def start() -> "tuple[subprocess.Popen[bytes], socket.socket, int]":
        # By TLS it is at the port above.
        sip, control, rtp = free_ports(2).start, free_port(), free_ports(BARESIP_RTP_PORTS)
        config.write_text(
            CONFIG.format(
                sip=sip,
                control=control,
                microphone=microphone,
                modules=modules,
                rtp=rtp[0],
                rtp_last=rtp[-1],
                folder=folder,
                rate=account.rate,
                authorities=account.authorities or "",
            )
        )
        with log.open("wb") as written:
            process = subprocess.Popen(
                ["baresip", "-4", "-f", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=folder,
            )
        with ended_if_not(process):
            # Its SIP ports come before this one.
            wait_until(lambda: control in bound_by(process.pid), process, log)
            return process, socket.create_connection(("127.0.0.1", control)), sip

    process, connection, sip = on_free_ports(start)
    try:
        with connection:
            yield Baresip(folder, connection, sip, account.rate)
    except AssertionError:
        sys.stderr.write(last_words(log))
        raise
    finally:
        process.kill()
        process.wait()


def sample_of(path: Path, first: int = 0) -> Samples:
    """A WAV file of baresip's, which may still be written, or not be there yet.

    It has no sizes in its header then.

    Of its first channel, from that sample on: with Opus there are two, and both are the same.
    """
    if not path.exists():
        return from_pcm(b"")
    with path.open("rb") as file:
        header = file.read(WAV_HEADER_BYTES)
        if len(header) < WAV_HEADER_BYTES:
            return from_pcm(b"")
        frame = 2 * _channels(header)
        file.seek(WAV_HEADER_BYTES + first * frame)
        content = file.read()
    whole = len(content) - len(content) % frame
    return from_pcm(content[:whole]).reshape(-1, frame // 2)[:, 0]


def _samples_in(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        header = file.read(WAV_HEADER_BYTES)
    if len(header) < WAV_HEADER_BYTES:
        return 0
    return (path.stat().st_size - WAV_HEADER_BYTES) // (2 * _channels(header))


def _channels(header: bytes) -> int:
    (channels,) = struct.unpack_from("<H", header, WAV_CHANNELS_AT)
    return int(channels)
