"""Key material in SDP (RFC 4568): what stands behind the suite in an `a=crypto` line."""

import base64
import binascii
import re
from dataclasses import dataclass

from media.srtp.suites import Suite

METHOD = "inline:"
LIFETIME_MAX = 1 << 48
"""Packets: RFC 4568 section 6.1."""

MKI_BYTES_MAX = 128
TEXT_MAX = 512

LIFETIME = re.compile(r"(?:2\^(?P<power>[1-9]\d?)|(?P<count>[1-9]\d{0,14}))", re.ASCII)
MKI = re.compile(r"(?P<value>[1-9]\d{0,308}):(?P<length>[1-9]\d{0,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keying:
    """The master key and salt, one after the other, and what is said of their use."""

    master: bytes
    lifetime: int = LIFETIME_MAX
    """How many packets may be sealed with it."""

    mki: bytes = b""
    """Sent with each packet to name the key, where there is one."""

    @classmethod
    def parse(cls, suite: Suite, text: str) -> "Keying":
        """Read `inline:KEY|LIFETIME|MKI:LENGTH`. ValueError says what is wrong, not what it was.

        Several keys in one line, which change during a call, are refused.
        """
        if len(text) > TEXT_MAX or ";" in text or not text.lower().startswith(METHOD):
            raise ValueError("SDES needs one inline key")
        key, *rest = text[len(METHOD) :].split("|")
        lifetime = LIFETIME_MAX
        if rest and ":" not in rest[0]:
            lifetime = _lifetime(rest.pop(0))
        mki = _mki(rest.pop(0)) if rest else b""
        if rest:
            raise ValueError("SDES key material goes on after its MKI")
        return cls(_master(suite, key), lifetime, mki)

    def format(self) -> str:
        """As parsed; what is left out means the same."""
        text = METHOD + base64.b64encode(self.master).decode()
        if self.lifetime != LIFETIME_MAX:
            text += f"|{self.lifetime}"
        if self.mki:
            text += f"|{int.from_bytes(self.mki)}:{len(self.mki)}"
        return text


def _master(suite: Suite, text: str) -> bytes:
    # Of 46 octets some leave out the padding that base64 asks for.
    padded = text + "=" * (-len(text) % 4)
    try:
        master = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("SDES key is no base64") from None
    if len(master) != suite.master_bytes:
        raise ValueError(f"SDES key of {len(master)} bytes: {suite.name} has {suite.master_bytes}")
    return master


def _lifetime(text: str) -> int:
    found = LIFETIME.fullmatch(text)
    if found is None:
        raise ValueError("SDES lifetime is no number of packets")
    power, count = found["power"], found["count"]
    lifetime = 1 << int(power) if power else int(count)
    if lifetime > LIFETIME_MAX:
        raise ValueError("SDES lifetime is above 2^48")
    return lifetime


def _mki(text: str) -> bytes:
    found = MKI.fullmatch(text)
    if found is None:
        raise ValueError("SDES MKI is no number with a length")
    value, length = int(found["value"]), int(found["length"])
    if length > MKI_BYTES_MAX or value.bit_length() > 8 * length:
        raise ValueError("SDES MKI is longer than it says, or than 128 bytes")
    return value.to_bytes(length)
