"""SIPp negotiates: offers within a call, session timers, responses which must arrive, forks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parley.caller.call import CallEvent, place
from parley.caller.line import Line
from parley.caller.reaching import bound, listening
from parley.caller.script import CallScript
from telephony.address import Address
from telephony.flow import Hop, Transport
from telephony.sdp import AudioParameters, Srtp
from telephony.tls import contexts
from tests.interop.peers import Account, baresip, passed, save, sipp, sipp_called, tone
from tests.interop.server import NO_QUESTION, Server

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that asks no question first, so that keys are the agent's from the start."""
    started = Server(tmp_path_factory.mktemp("server"), more=NO_QUESTION)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that greets before it answers."""
    never = '[consent]\npolicy = "never"\n'
    started = Server(tmp_path_factory.mktemp("greeter"), more=never, early_media=True)
    yield started
    started.stop()


@pytest.mark.parametrize(
    "scenario",
    [
        "cancel_too_late",
        "extension",
        "hold_by_peer",
        "hold_by_us",
        "prack",
        "strict_router",
        "timer_too_short",
        "update",
    ],
)
def test_a_caller_negotiates(server: Server, scenario: str, tmp_path: Path) -> None:
    passed(sipp(scenario, server.port, tmp_path), tmp_path)


@pytest.mark.parametrize("scenario", ["early_media", "early_media_unreliable", "hold_while_early"])
def test_a_caller_hears_the_greeting_before_the_answer(
    greeter: Server, scenario: str, tmp_path: Path
) -> None:
    known = {call["id"] for call in greeter.calls()}
    passed(sipp(scenario, greeter.port, tmp_path), tmp_path)
    greeter.sealed(known)


def test_a_caller_offers_another_codec_in_a_prack(greeter: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in greeter.calls()}
    passed(sipp("prack_offer", greeter.port, tmp_path), tmp_path)
    (call,) = greeter.sealed(known)
    assert greeter.json("show", call["id"])["media"]["codec"] == "PCMA"


def test_a_pause_that_is_asked_for_outlives_the_node(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    running = sipp("hold_survives", server.port, tmp_path)
    # SIPp leaves the offer of the pause without an answer for a while.
    server.until(lambda: pauses(server, known), "no pause is asked for")
    server.kill("node")
    passed(running, tmp_path)
    (sealed,) = server.sealed(known)
    (held,) = server.shown(sealed["id"])["holds"]
    assert held["by"] == "agent" and held["until_us"] is not None


def test_baresip_holds_and_resumes(server: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in server.calls()}
    microphone = save(tmp_path / "tone.wav", tone(5))
    with baresip(tmp_path / "baresip", microphone) as phone:
        phone.dial(server.target)
        phone.hold()
        server.until(lambda: pauses(server, known, is_over=False), "not held")
        phone.resume()
        (held,) = server.until(lambda: pauses(server, known, is_over=True), "not resumed")
        assert held["by"] == "caller"
        phone.hang_up()
        phone.wait_for_the_end()
    (call,) = server.sealed(known)
    assert "held by the caller from" in server.parley("show", call["id"]).stdout


def pauses(server: Server, known: set[str], *, is_over: bool | None = None) -> list[dict[str, Any]]:
    """Those of the new calls; only those that go on, or only those that are over."""
    every = [hold for call in server.new(known) for hold in server.shown(call["id"])["holds"]]
    return [one for one in every if is_over in (None, one["until_us"] is not None)]


@pytest.mark.parametrize("encryption", ["srtp-mand", "srtp"])
def test_baresip_is_encrypted_with(server: Server, encryption: str, tmp_path: Path) -> None:
    """Offered as RTP/SAVP, and as RTP/AVP with keys: it hears words, and no noise for ever."""
    known = {call["id"] for call in server.calls()}
    microphone = save(tmp_path / "tone.wav", tone(60))
    account = Account(encryption=encryption)
    with baresip(tmp_path / "baresip", microphone, account) as phone:
        phone.dial(server.target)
        phone.wait_until_spoken_to()
        phone.hang_up()
        phone.wait_for_the_end()
    server.sealed(known)


def test_sessions_are_kept_alive_or_ended(server: Server, tmp_path: Path) -> None:
    scenarios = ("timer_ours", "timer_reinvite", "timer_expires")
    folders = [tmp_path / scenario for scenario in scenarios]
    for folder in folders:
        folder.mkdir()
    running = [
        sipp(scenario, server.port, folder)
        for scenario, folder in zip(scenarios, folders, strict=True)
    ]
    for one, folder in zip(running, folders, strict=True):
        passed(one, folder)


@pytest.mark.anyio
@pytest.mark.parametrize("scenario", ["called_updated", "called_not_updated"])
async def test_we_offer_another_codec_while_it_rings(scenario: str, tmp_path: Path) -> None:
    running, port = sipp_called(scenario, tmp_path)
    there = Address("127.0.0.1", port)
    hops = [Hop(Transport.UDP, there)]
    with listening(there.host, hops) as held, bound(there.host) as rtp:
        line = Line(
            held,
            Address(*rtp.getsockname()[:2]),
            "desk",
            "",
            tls=contexts(),
            lookup=no_names,
            codecs=("PCMU", "PCMA"),
            srtp=Srtp.OFF,
        )
        line.dial(f"sip:desk@127.0.0.1:{port}", hops)
        await line.rang.wait()
        changed = await line.change(("PCMA", "PCMU"))
        assert changed.codec == "PCMA"
        assert isinstance(await line.answer, AudioParameters)
        await line.hang_up()
        await line.close()
    passed(running, tmp_path)


async def no_names(uri: str) -> list[Hop]:
    return []


@pytest.mark.anyio
@pytest.mark.parametrize("scenario", ["called_forked", "called_reliably", "called_strict_router"])
async def test_we_call_somebody_who_negotiates(scenario: str, tmp_path: Path) -> None:
    running, port = sipp_called(scenario, tmp_path)
    report = await place(CallScript(f"sip:desk@127.0.0.1:{port}", (), 1.0))
    assert report.answered
    passed(running, tmp_path)


@pytest.mark.anyio
async def test_an_answer_which_crosses_our_cancel_is_hung_up_on(tmp_path: Path) -> None:
    running, port = sipp_called("called_cancel_race", tmp_path)
    stop = asyncio.Event()

    def heard(event: CallEvent) -> None:
        if event.name == "ringing":
            stop.set()

    script = CallScript(f"sip:desk@127.0.0.1:{port}", (), None)
    report = await place(script, on_event=heard, stop=stop)
    assert not report.answered
    passed(running, tmp_path)
