"""What a recorder is told, held against the schema of RFC 7865 section 9, written as checks."""

import base64
import random
import re
from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from telephony.siprec import Association, Participant, Snapshot, Stream, identifier
from telephony.siprec.metadata import NAMESPACE, TEXT_CHARS_MAX

NS = f"{{{NAMESPACE}}}"
AT_US = 1_800_000_000_250_000
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ORDER = (
    *("datamode", "group", "session", "participant", "stream"),
    *("sessionrecordingassoc", "participantsessionassoc", "participantstreamassoc"),
)
CHILDREN = {
    "session": ("sipSessionID", "reason", "group-ref", "start-time", "stop-time"),
    "participant": ("nameID",),
    "stream": ("label",),
    "sessionrecordingassoc": ("associate-time", "disassociate-time"),
    "participantsessionassoc": ("associate-time", "disassociate-time", "param"),
    "participantstreamassoc": ("send", "recv", "associate-time", "disassociate-time"),
}
IDS = ("session_id", "participant_id", "stream_id", "group_id")
SNAPSHOT = Snapshot(
    session=identifier("call", "session"),
    span=Association(AT_US),
    recorded=Association(AT_US + 5_000_000),
    participants=(
        Participant(identifier("call", "caller"), "sip:+4930123@carrier.example"),
        Participant(identifier("call", "agent"), "sip:desk@parley.example", "The desk"),
    ),
    streams=(
        Stream(identifier("s", "1"), "1", identifier("call", "caller"), Association(AT_US)),
        Stream(identifier("s", "2"), "2", identifier("call", "agent"), Association(AT_US)),
    ),
)


def local(element: Element) -> str:
    assert element.tag.startswith(NS), f"{element.tag} is in another namespace"
    return element.tag.removeprefix(NS)


def complaints(xml: bytes) -> list[str]:
    """What of a document the schema does not allow."""
    root = fromstring(xml)
    assert local(root) == "recording"
    found: list[str] = []
    names = [local(one) for one in root]
    if [ORDER.index(name) for name in names] != sorted(ORDER.index(name) for name in names):
        found.append(f"out of order: {names}")
    if names.count("datamode") != 1 or root.findtext(f"{NS}datamode") not in (
        "complete",
        "partial",
    ):
        found.append("no datamode")
    known = {one.get(key) for one in root for key in IDS if local(one) in key}
    for one in root:
        name = local(one)
        allowed = CHILDREN.get(name, ())
        inner = [local(child) for child in one]
        if any(child not in allowed for child in inner):
            found.append(f"{name} holds {inner}")
        elif inner != sorted(inner, key=allowed.index):
            found.append(f"{name} out of order: {inner}")
        for key in IDS:
            if (value := one.get(key)) is not None:
                if len(base64.b64decode(value, validate=True)) != 16:
                    found.append(f"{key} is no UUID")
                if value not in known:
                    found.append(f"{key} names nobody")
        for child in one:
            if local(child).endswith("time") and not TIME.fullmatch(child.text or ""):
                found.append(f"{child.text} is no xs:dateTime")
            if local(child) in ("send", "recv") and child.text not in known:
                found.append(f"{local(child)} names no stream")
            if local(child) == "nameID" and not child.get("aor"):
                found.append("a participant without an aor")
    return found


def test_a_snapshot_is_as_the_schema_wants_it() -> None:
    assert complaints(SNAPSHOT.xml()) == []
    full = replace(
        SNAPSHOT,
        span=Association(AT_US, AT_US + 60_000_000),
        recorded=Association(AT_US, AT_US + 60_000_000),
        reason="it was over",
    )
    assert complaints(full.xml()) == []


def test_the_check_sees_what_is_wrong() -> None:
    xml = SNAPSHOT.xml()
    assert complaints(xml.replace(b"participant_id=", b"stream_id=", 1))
    assert complaints(xml.replace(b"associate-time", b"since"))
    assert complaints(xml.replace(b"complete", b"whole"))


def test_who_says_what_in_which_stream() -> None:
    root = fromstring(SNAPSHOT.xml())
    senders = {
        one.get("participant_id"): (one.findtext(f"{NS}send"), one.findtext(f"{NS}recv"))
        for one in root.iter(f"{NS}participantstreamassoc")
    }
    labels = {one.get("stream_id"): one.findtext(f"{NS}label") for one in root.iter(f"{NS}stream")}
    caller = senders[identifier("call", "caller")]
    assert [labels[stream] for stream in caller] == ["1", "2"]


def test_a_pause_is_the_end_of_an_association_and_the_resumption_another_one() -> None:
    paused = [replace(s, sent=Association(AT_US, AT_US + 1)) for s in SNAPSHOT.streams]
    xml = replace(SNAPSHOT, streams=tuple(paused)).xml()
    assert complaints(xml) == []
    assert xml.count(b"<disassociate-time>") == 2
    # The session itself goes on: only nobody is in its streams.
    assert SNAPSHOT.xml().count(b"<disassociate-time>") == 0


@pytest.mark.parametrize("seed", range(20))
def test_foreign_names_never_break_the_document(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chr(chance.choice((*range(0x300), 0xFFFE, 0x1F600))) for _ in range(400))
    people = (replace(SNAPSHOT.participants[0], aor=text, name=text), SNAPSHOT.participants[1])
    root = fromstring(replace(SNAPSHOT, participants=people).xml())
    (name, _) = [one.findtext(f"{NS}nameID/{NS}name") for one in root.iter(f"{NS}participant")]
    assert name is not None
    assert len(name) <= TEXT_CHARS_MAX


def test_ids_are_the_same_for_the_same_and_tell_nothing() -> None:
    assert identifier("call", "caller") == identifier("call", "caller")
    assert identifier("call", "caller") != identifier("call", "agent")
    assert identifier("a", "b") != identifier("ab")
