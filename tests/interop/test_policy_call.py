"""A real call by the law: the place of its number says what is told, asked, and in which words."""

from collections.abc import Iterator

import pytest

from consent import saying
from consent.machine import Event
from consent.prompts import Act
from consent.tables import ConsentEvent, ConsentPrompt, ConsentTerm
from consent.wordings import digest, filled
from conversation.tables import Utterance
from parley.caller import CallScript, Press, place
from recordings.tables import Chunk
from tests.interop.server import Server

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.anyio]

BERLIN = "+4930123456"
POLICY = """
[consent]
policy = "law"
place = "Dublin"
[[vendor]]
name = "acme"
agreement = "DPA 2026-04"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("law"), more=POLICY)
    yield started
    started.stop()


async def test_a_german_is_told_and_asked_in_german_before_anything_is_recorded(
    server: Server,
) -> None:
    script = CallScript(server.target, (Press("1"), Press("1"), Press("1")), user=BERLIN)
    report = await place(script)
    assert report.answered, report
    (call,) = server.sealed(set())

    terms = server.rows(ConsentTerm, call=call["id"])
    said = sorted(server.rows(ConsentPrompt, call=call["id"]), key=lambda one: one.at_us)
    assert {term.language for term in terms if term.wording} == {"de"}
    assert {prompt.language for prompt in said} == {"de"}
    told, asked = said[0], next(prompt for prompt in said if prompt.act == Act.ASK)
    assert told.act == Act.TELL and told.at_us < asked.at_us
    assert asked.wording_sha256 == digest(filled(asked.wordings, asked.scopes))

    events = server.rows(ConsentEvent, call=call["id"], scope="recording")
    (granted,) = [event.at_us for event in events if event.event is Event.YES_KEY]
    chunks = server.rows(Chunk, call=call["id"])
    assert chunks and min(chunk.captured_from_us for chunk in chunks) >= granted


async def test_who_will_not_have_a_vendor_is_told_that_nobody_else_is_there(
    server: Server,
) -> None:
    """Nobody is configured to take the call: no promise is made that is not kept."""
    before = {call["id"] for call in server.calls()}
    steps = (Press("2"), Press("2"), Press("2"), Press("2"))
    await place(CallScript(server.target, steps, user="anonymous", seconds=60.0))
    (call,) = server.sealed(before)

    vendor = server.rows(ConsentEvent, call=call["id"], scope="vendor:acme")
    assert not any(event.is_open for event in vendor)
    nobody = saying.of_house("refusal-nobody", "en")
    utterances = server.rows(Utterance, call=call["id"])
    assert any("refusal-nobody" in one.id for one in utterances), nobody.text
    assert call["ended_by"] == "agent"
    assert server.rows(Chunk, call=call["id"]) == []
