"""The metadata of a recording session (RFC 7865): a whole snapshot each time, as XML."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
CONTENT_TYPE = "application/rs-metadata+xml"
DISPOSITION = "recording-session"
TEXT_CHARS_MAX = 256

# What XML 1.0 cannot say at all, escaped or not (section 2.2).
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_URI = re.compile(r"[^A-Za-z0-9:/?#@!$&'()*+,;=._~%\[\]-]")


@dataclass(frozen=True, slots=True)
class Association:
    """From when, and until when, in microseconds since 1970, UTC; None: it goes on."""

    from_us: int
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who speaks. `name` may be empty."""

    id: str
    aor: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """The voice of one participant, under the label which the description gives it.

    `sent` says when it was last in the stream: while nobody may be recorded, nobody's voice is.
    """

    id: str
    label: str
    sender: str
    sent: Association


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One communication session, and this recording of it."""

    session: str
    span: Association
    recorded: Association
    participants: tuple[Participant, ...]
    streams: tuple[Stream, ...]
    reason: str = ""

    def xml(self) -> bytes:
        """The document; elements stand in the order of the schema (RFC 7865 section 9)."""
        root = Element("recording", xmlns=NAMESPACE)
        SubElement(root, "datamode").text = "complete"
        session = SubElement(root, "session", session_id=self.session)
        if self.reason:
            SubElement(session, "reason").text = sayable(self.reason)
        SubElement(session, "start-time").text = written(self.span.from_us)
        if self.span.until_us is not None:
            SubElement(session, "stop-time").text = written(self.span.until_us)
        for participant in self.participants:
            _participant(root, participant)
        for stream in self.streams:
            element = SubElement(root, "stream", stream_id=stream.id, session_id=self.session)
            SubElement(element, "label").text = stream.label
        _timed(SubElement(root, "sessionrecordingassoc", session_id=self.session), self.recorded)
        for participant in self.participants:
            names = {"participant_id": participant.id, "session_id": self.session}
            _timed(SubElement(root, "participantsessionassoc", names), self.span)
        for participant in self.participants:
            for element, span in self._parts(root, participant):
                _timed(element, span)
        body: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
        return body

    def _parts(self, root: Element, one: Participant) -> Iterator[tuple[Element, Association]]:
        """What a participant sends, and hears of the others."""
        for stream in self.streams:
            if stream.sender == one.id:
                element = SubElement(root, "participantstreamassoc", participant_id=one.id)
                SubElement(element, "send").text = stream.id
                for other in self.streams:
                    if other.sender != one.id:
                        SubElement(element, "recv").text = other.id
                yield element, stream.sent


def identifier(*names: str) -> str:
    """128 bits in base64, as every id of the metadata is; the same for the same names."""
    return base64.b64encode(hashlib.sha256("\0".join(names).encode()).digest()[:16]).decode()


def written(at_us: int) -> str:
    """As xs:dateTime."""
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sayable(text: str) -> str:
    """What of a text XML can say: foreign text may hold anything."""
    return _UNSAYABLE.sub("", text)[:TEXT_CHARS_MAX]


def _participant(root: Element, participant: Participant) -> None:
    element = SubElement(root, "participant", participant_id=participant.id)
    aor = _NO_URI.sub("", participant.aor)[:TEXT_CHARS_MAX]
    named = SubElement(element, "nameID", aor=aor)
    if participant.name:
        SubElement(named, "name", {"xml:lang": "und"}).text = sayable(participant.name)


def _timed(element: Element, span: Association) -> None:
    SubElement(element, "associate-time").text = written(span.from_us)
    if span.until_us is not None:
        SubElement(element, "disassociate-time").text = written(span.until_us)
