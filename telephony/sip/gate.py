"""Who may begin something with us: asked about every request outside of a dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from telephony.flow import Flow
from telephony.sip.headers import Lines
from telephony.sip.message import Request


@dataclass(frozen=True, slots=True)
class Admitted:
    """Welcome. `trunk` names whose call it is; empty without trunks."""

    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Answered once, and nothing is remembered: a challenge, or no."""

    status: int
    headers: Lines = ()


@dataclass(frozen=True, slots=True)
class Silent:
    """A stranger: there is nobody here."""


Verdict = Admitted | Refused | Silent


class Gate(Protocol):
    """`now` is UTC in seconds."""

    def knows(self, flow: Flow) -> bool:
        """Whether what comes by this flow may be answered at all, even if it is no SIP."""
        ...

    def admit(self, request: Request, flow: Flow, now: float) -> Verdict: ...

    def limit(self, trunk: str, calls: int, now: float) -> Refused | None:
        """Asked about each new call of a trunk, on which so many are up: None lets it in."""
        ...


class OpenGate:
    """Everybody may call: where no trunk is configured."""

    def knows(self, flow: Flow) -> bool:
        return True

    def admit(self, request: Request, flow: Flow, now: float) -> Verdict:
        return Admitted()

    def limit(self, trunk: str, calls: int, now: float) -> Refused | None:
        return None
