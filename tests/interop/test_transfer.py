"""SIPp is transferred, transfers, is called: what the rows say of it afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.agents import BOOK_KEY
from tests.interop.exchange import KEYS, PRESS
from tests.interop.peers import Account, baresip, passed, save, sipp, sipp_called, tone
from tests.interop.server import NO_QUESTION, Server

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SOURCE = ("--source", "a form of today")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("exchange")
    started = Server(folder, "tests.interop.exchange:Exchange", NO_QUESTION)
    yield started
    started.stop()


def told(server: Server, scenario: str, folder: Path) -> dict[str, Any]:
    """What is known of a call of this scenario, once it is over."""
    known = {call["id"] for call in server.calls()}
    passed(sipp(scenario, server.port, folder), folder)
    (call,) = server.sealed(known)
    return server.shown(call["id"])


def ended(shown: dict[str, Any]) -> tuple[str, str]:
    return shown["call"]["ended_by"], shown["call"]["cause"]


@pytest.mark.parametrize(
    ("scenario", "end"),
    [
        ("transfer", ("transferred", "transferred")),
        # The agent hangs up where it is told that the target is busy.
        ("transfer_refused", ("agent", "normal")),
        ("transfer_declined", ("caller", "normal")),
    ],
)
def test_a_blind_transfer_ends_as_its_target_says(
    exchange: Server, tmp_path: Path, scenario: str, end: tuple[str, str]
) -> None:
    shown = told(exchange, scenario, tmp_path)
    (action,) = shown["actions"]
    assert (action["tool"], action["state"]) == ("transfer", "finished")
    assert ended(shown) == end


def test_a_transfer_outlives_the_node(exchange: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in exchange.calls()}
    running = sipp("transfer_survives", exchange.port, tmp_path)
    exchange.until(lambda: _actions(exchange, known, "started"), "no transfer was asked for")
    exchange.kill("node")
    passed(running, tmp_path)
    (call,) = exchange.sealed(known)
    assert (call["ended_by"], call["cause"]) == ("transferred", "transferred")
    (action,) = _actions(exchange, known)
    assert action["state"] == "finished"


def _actions(server: Server, known: set[str], *states: str) -> list[dict[str, Any]]:
    every = [action for call in server.new(known) for action in server.shown(call["id"])["actions"]]
    return [action for action in every if not states or action["state"] in states]


def test_baresip_calls_whom_the_agent_names(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("dialled", tmp_path)
    exchange.ledger.write_text(uri_of(port))
    known = {call["id"] for call in exchange.calls()}
    microphone = save(tmp_path / "microphone.wav", tone(20))
    with baresip(tmp_path / "baresip", microphone) as telephone:
        telephone.dial(exchange.target)
        telephone.press("5")
        passed(running, tmp_path)
    (call,) = exchange.sealed(known)
    assert (call["ended_by"], call["cause"]) == ("transferred", "transferred")


def test_whoever_calls_has_no_say_in_whom_we_call(exchange: Server, tmp_path: Path) -> None:
    assert ended(told(exchange, "refer_in", tmp_path)) == ("caller", "normal")


def test_keys_go_by_info_where_rtp_has_none_and_the_cause_is_kept(
    exchange: Server, tmp_path: Path
) -> None:
    shown = told(exchange, "keys", tmp_path)
    (action,) = shown["actions"]
    assert (action["tool"], action["state"]) == ("press", "finished")
    assert ended(shown) == ("caller", "failed")


def test_keys_of_the_agent_are_counted_by_a_telephone_that_takes_events(
    exchange: Server, tmp_path: Path
) -> None:
    known = {call["id"] for call in exchange.calls()}
    microphone = save(tmp_path / "microphone.wav", tone(20))
    with baresip(tmp_path / "baresip", microphone) as telephone:
        telephone.dial(exchange.target)
        for count in (1, 2):
            telephone.press(PRESS)
            telephone.wait_for_keys(count * len(KEYS))
        telephone.hang_up()
        telephone.wait_for_the_end()
    # None came late, and none twice.
    assert telephone.keys == 2 * KEYS
    (call,) = exchange.sealed(known)
    actions = exchange.json("show", call["id"])["actions"]
    assert [(action["tool"], action["state"]) for action in actions] == [("press", "finished")] * 2


def test_a_call_takes_the_place_of_another(exchange: Server, tmp_path: Path) -> None:
    known = {call["id"] for call in exchange.calls()}
    passed(sipp("replaces", exchange.port, tmp_path), tmp_path)
    second, first = exchange.sealed(known)
    assert second["replaces"] == first["id"] and first["replaces"] is None
    assert (first["ended_by"], first["cause"]) == ("replaced", "replaced")
    assert "took the place of" in exchange.parley("show", second["id"]).stdout


def dial(server: Server, port: int) -> tuple[str, str]:
    """Have somebody on loopback called; the ids of the call and of its basis."""
    done: dict[str, str] = server.json("dial", uri_of(port), "--basis", "consent", *SOURCE)
    return done["call"], done["basis"]


def uri_of(port: int) -> str:
    return f"sip:bob@127.0.0.1:{port}"


def sealed(server: Server, call: str) -> dict[str, Any]:
    server.until(lambda: call in ids(server, "sealed"), "not sealed")
    return server.shown(call)


def ids(server: Server, *states: str) -> set[str]:
    return {one["id"] for one in server.new(set(), *states)}


@pytest.mark.parametrize(
    ("scenario", "state", "end"),
    [
        ("dialled", "answered", ("callee", "normal")),
        ("busy", "failed", ("callee: busy", "busy")),
        ("redirected", "failed", ("callee: failed in the network", "failed")),
    ],
)
def test_somebody_is_called(
    exchange: Server, tmp_path: Path, scenario: str, state: str, end: tuple[str, str]
) -> None:
    running, port = sipp_called(scenario, tmp_path)
    call, _ = dial(exchange, port)
    passed(running, tmp_path)
    shown = sealed(exchange, call)
    assert ended(shown) == end
    assert shown["call"]["direction"] == "outbound"
    assert shown["dial"]["state"] == state
    assert shown["dial"]["kind"] == "consent"


def test_whom_we_call_is_greeted_and_asked_like_a_caller(server: Server, tmp_path: Path) -> None:
    microphone = save(tmp_path / "microphone.wav", tone(60))
    with baresip(tmp_path / "baresip", microphone, Account(answers=True)) as telephone:
        done = server.json("dial", telephone.uri, "--basis", "consent", *SOURCE)
        telephone.wait_until_called()
        telephone.wait_until_spoken_to()
        telephone.press("1")
        telephone.wait_until_spoken_to()
        telephone.press(BOOK_KEY)
        telephone.wait_for_the_end()
    shown = sealed(server, done["call"])
    assert ended(shown) == ("agent", "normal")
    assert "granted" in {event["state"] for event in shown["consent"]}
    assert shown["recording"] is not None
    assert [action["tool"] for action in shown["actions"]] == ["book"]


def test_whom_we_dial_offers_another_codec_while_it_rings(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("called_updates_us", tmp_path)
    call, _ = dial(exchange, port)
    passed(running, tmp_path)
    shown = sealed(exchange, call)
    assert ended(shown) == ("callee", "normal")
    assert shown["media"]["codec"] == "PCMA"


def test_a_caller_is_connected_with_whom_was_dialled(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("consulted", tmp_path)
    consulted, _ = dial(exchange, port)
    exchange.until(lambda: consulted in ids(exchange, "answered"), "nobody answered")
    exchange.ledger.write_text(consulted)
    known = {call["id"] for call in exchange.calls()}
    passed(sipp("attended", exchange.port, tmp_path), tmp_path)
    (call,) = exchange.sealed(known)
    assert (call["ended_by"], call["cause"]) == ("transferred", "transferred")
    passed(running, tmp_path)
    assert ended(sealed(exchange, consulted)) == ("callee", "normal")


def test_a_call_that_is_dialled_outlives_the_node(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("consulted", tmp_path)
    call, _ = dial(exchange, port)
    exchange.kill("node")
    passed(running, tmp_path)
    assert ended(sealed(exchange, call)) == ("callee", "normal")


def test_an_agent_calls_somebody_and_connects_the_caller(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("busy", tmp_path)
    _, basis = dial(exchange, port)
    passed(running, tmp_path)
    exchange.ledger.write_text(f"{uri_of(port)} {basis}")
    known = {call["id"] for call in exchange.calls()}
    running, _ = sipp_called("consulted", tmp_path, port)
    passed(sipp("consulting", exchange.port, tmp_path), tmp_path)
    passed(running, tmp_path)
    found = {call["direction"]: call for call in exchange.sealed(known)}
    assert found["inbound"]["ended_by"] == "transferred"
    assert found["outbound"]["ended_by"] == "callee"
    shown = exchange.shown(found["outbound"]["id"])
    assert (shown["dial"]["by"], shown["dial"]["basis"]) == ("agent", basis)


def test_an_agent_calls_whom_the_caller_names(exchange: Server, tmp_path: Path) -> None:
    running, port = sipp_called("busy", tmp_path)
    _, basis = dial(exchange, port)
    passed(running, tmp_path)
    exchange.ledger.write_text(f"{uri_of(port)} {basis}")
    known = {call["id"] for call in exchange.calls()}
    running, _ = sipp_called("replacing", tmp_path, port)
    caller = sipp("referring", exchange.port, tmp_path, keys={"target": uri_of(port)})
    passed(caller, tmp_path)
    passed(running, tmp_path)
    found = {call["direction"]: call for call in exchange.sealed(known)}
    assert found["inbound"]["ended_by"] == "caller"
    shown = exchange.shown(found["outbound"]["id"])
    assert shown["dial"]["referrer"] == found["inbound"]["id"]


def test_a_basis_is_shown_and_withdrawn(exchange: Server) -> None:
    uri = "tel:+41790001199"
    done = exchange.json("basis", "record", uri, "--kind", "contract", *SOURCE, "--days", "3")
    listed = {basis["id"]: basis for basis in exchange.json("basis", "list")}
    assert listed[done["basis"]]["party"] == uri
    withdrawn = exchange.parley("basis", "withdraw", done["basis"])
    assert withdrawn.returncode == 0, withdrawn.stderr
    assert f"{done['basis']}" in exchange.parley("basis", "list").stdout
    refused = exchange.parley("dial", uri, "--basis", done["basis"])
    assert refused.returncode == 1 and "was withdrawn" in refused.stderr


def test_what_was_dialled_and_transferred_is_replayed_exported_and_verified(
    exchange: Server, tmp_path: Path
) -> None:
    running, port = sipp_called("dialled", tmp_path)
    call, basis = dial(exchange, port)
    passed(running, tmp_path)
    sealed(exchange, call)
    for what in (call, "--all"):
        replayed = exchange.parley("replay", what)
        assert replayed.stdout.startswith("replay: identical"), replayed.stdout + replayed.stderr
    done = exchange.parley("export", call, "--to", str(tmp_path / "pack"))
    assert done.returncode == 0, done.stderr
    verified = exchange.parley_anywhere("verify", str(tmp_path / "pack"))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    shown = exchange.parley("show", call).stdout
    assert f"dialled by operator on {basis}: consent, a form of today" in shown
    assert "by callee (normal)" in shown


@pytest.mark.parametrize(("role", "code"), [("supervisor", 0), ("clerk", 1)])
def test_who_may_have_somebody_called_signs_for_it(
    exchange: Server, tmp_path: Path, role: str, code: int
) -> None:
    done = exchange.json(
        "basis", "record", f"sip:{role}@127.0.0.1:9", "--kind", "contract", *SOURCE
    )
    key = str(tmp_path / "key.pem")
    exchange.parley("identity", "new", "--name", role, "--role", role, "--out", key)
    basis = f'--arg=basis="{done["basis"]}"'
    acted = exchange.parley_anywhere(
        *("act", "sessions.call_dialled", basis, "--key", key, "--url", exchange.url, "--json")
    )
    assert acted.returncode == code, acted.stderr
    if code == 0:
        call = json.loads(acted.stdout)["result"]
        exchange.until(lambda: call in ids(exchange), "nobody is called")
        assert exchange.shown(call)["dial"]["by"].startswith("id_")
    else:
        assert "supervisor" in acted.stderr
