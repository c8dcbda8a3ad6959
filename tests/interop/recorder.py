"""The recorder of `tests.interop.srs` in a test's hand: what it was told, and what it heard."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np

from media.codecs import CODECS
from media.units import FRAME_SAMPLES, Samples
from tests.interop.server import ROOT
from tests.interop.srs import STAMP
from tests.ports import free_ports

CONFIG = """
[[recorder]]
name = "vault"
uri = "sip:srs@127.0.0.1:{port}"
when_closed = "{when_closed}"
"""
NAMESPACE = "{urn:ietf:params:xml:ns:recording:1}"
HEADER_BYTES = 12


@dataclass(frozen=True)
class Packet:
    """One RTP packet, as it came."""

    at_us: int
    sequence: int
    timestamp: int
    ssrc: int
    samples: Samples


class Recorder:
    """Made, it listens; `stop` ends it."""

    def __init__(self, folder: Path, behaviour: str = "accept") -> None:
        self._folder = folder
        self._behaviour = behaviour
        folder.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        self.start()

    def start(self) -> None:
        """Listen; again, where it was stopped."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.interop.srs"),
                *(str(self._folder), str(self.port), self._behaviour),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        with self._process.stdout as out:
            assert out.readline() == b"ready\n"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def config(self, when_closed: str = "silence") -> str:
        return CONFIG.format(port=self.port, when_closed=when_closed)

    def told(self, method: str = "") -> list[dict[str, Any]]:
        """The requests that it got, of this method or of all."""
        path = self._folder / "sip.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        every: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [one for one in every if method in ("", one["method"])]

    def packets(self, label: str, session: int = 0) -> list[Packet]:
        """Every packet of a stream of one session, in the order in which they came."""
        path = self._folder / f"{session}.{label}.rtp"
        data, found, at = (path.read_bytes() if path.exists() else b""), list[Packet](), 0
        decoder = CODECS["PCMU"].decoder()
        while at + STAMP.size <= len(data):
            at_us, size = STAMP.unpack_from(data, at)
            packet = data[at + STAMP.size : at + STAMP.size + size]
            at += STAMP.size + size
            if len(packet) < HEADER_BYTES:
                break
            found.append(
                Packet(
                    at_us,
                    int.from_bytes(packet[2:4], "big"),
                    int.from_bytes(packet[4:8], "big"),
                    int.from_bytes(packet[8:12], "big"),
                    decoder.decode(packet[HEADER_BYTES:]),
                )
            )
        return found

    def heard(self, label: str) -> Samples:
        """A stream on its own clock: what did not come is silence."""
        packets = self.packets(label)
        if not packets:
            return np.zeros(0, np.int16)
        first = packets[0].timestamp
        places = [((one.timestamp - first) & 0xFFFF_FFFF, one.samples) for one in packets]
        sound = np.zeros(max(place for place, _ in places) + FRAME_SAMPLES, np.int16)
        for place, samples in places:
            sound[place : place + len(samples)] = samples
        return sound


def is_silent(packets: list[Packet]) -> bool:
    """Digital silence, and nothing else."""
    return all(not one.samples.any() for one in packets)


def metadata(told: dict[str, Any]) -> Element:
    root = fromstring(told["metadata"])
    assert root.tag == f"{NAMESPACE}recording"
    return root


def pauses(told: dict[str, Any]) -> int:
    """How many streams a snapshot says nobody is in now."""
    found = metadata(told).findall(f"{NAMESPACE}participantstreamassoc")
    return sum(one.find(f"{NAMESPACE}disassociate-time") is not None for one in found)
