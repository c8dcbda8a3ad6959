"""The values a configuration is made of, each read from text and written back as the same text."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

SECRET_BYTES_MAX = 65_536
PORT_MAX = 65_535


class SecretError(Exception):
    """A secret is referred to, but not there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen: "127.0.0.1:8080", or with its transport "udp:127.0.0.1:5060"."""

    host: str
    port: int
    transport: str = ""

    @classmethod
    def parse(cls, text: str, transports: tuple[str, ...] = ("",)) -> Self:
        for transport in transports:
            prefix = f"{transport}:" if transport else ""
            host, colon, port = text.removeprefix(prefix).rpartition(":")
            if text.startswith(prefix) and colon and _is_port(port):
                address = ip_address(host.removeprefix("[").removesuffix("]"))
                return cls(str(address), int(port), transport)
        raise ValueError(f"{text!r} has no transport, address and port we know")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        prefix = f"{self.transport}:" if self.transport else ""
        return f"{prefix}{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports, both ends included: "20000-20999"."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        first, dash, last = text.partition("-")
        if not (dash and _is_port(first) and _is_port(last) and int(first) > 0):
            raise ValueError(f"{text!r} is not a range of ports")
        ports = cls(int(first), int(last))
        if not ports.even:
            raise ValueError(f"{text!r} has no even port with the odd one above it")
        return ports

    @property
    def even(self) -> range:
        """The even ports: RTP takes these, RTCP the odd ones above them (RFC 3550 section 11)."""
        return range(self.first + self.first % 2, self.last, 2)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A password or key by reference: "env:NAME", "file:PATH", or the bare secret itself."""

    reference: str = ""

    def reveal(self, environ: Mapping[str, str] = os.environ) -> str:
        """The secret itself, looked up now. Raises SecretError."""
        kind, _, place = self.reference.partition(":")
        if kind == "env":
            if place not in environ:
                raise SecretError(f"the environment variable {place} is not set")
            return environ[place]
        return _content(Path(place)) if kind == "file" else self.reference

    def __bool__(self) -> bool:
        return bool(self.reference)

    def __str__(self) -> str:
        return self.reference if self.reference.startswith(("env:", "file:")) else "***"

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})" if self.reference else "Secret()"


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(SECRET_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the secret in {path} cannot be read: {error}") from error


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= PORT_MAX
