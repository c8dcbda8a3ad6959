"""parley policy, as officers type it."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from parley import cli
from parley.commands.act import key_of
from parley.policies import now_us
from runtime import canonical
from runtime.gates.reducers import gate_approved
from runtime.identities import rules, signing
from runtime.log_key import ORIGIN
from runtime.outbox import Effect, EffectState
from runtime.store import Store

CALL = "caller 415, agent in Dublin, health line"
TIGHTER = """
[[cell]]
jurisdictions = ["US-TX"]
scopes = ["recording"]
due = "ask"
source = "Our own promise to customers"
reviewed = 2026-11-01
"""


@pytest.fixture
def said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours.toml").write_text(TIGHTER)

    def run(*argv: str) -> tuple[int, str, str]:
        code = cli.main(["policy", *argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_words_of_an_officer_are_a_call(said: Any) -> None:
    code, out, err = said("simulate", CALL, "--on", "2026-11-21")
    assert (code, err) == (0, "")
    assert "area code 415 is California" in out and "Dublin is in Ireland" in out
    for line in (
        "1. At the start, tell the caller that they are talking to an AI",
        "2. At the start, ask the caller whether the call may be recorded",
        "words: recording-and-transcript-ask-en-1",
        "silence, or staying on the line, is no consent",
        "on a no: the call goes on without it",
        "At the end, tell the caller once more that they are talking to an AI",
        "Cal. Penal Code 632",
        "Article 50(1) of Regulation (EU) 2024/1689",
        "Never in this call: biometrics (caller)",
        "from memory",
        "This is not legal advice",
    ):
        assert line in " ".join(out.split()), line
    assert all(len(line) <= 100 for line in out.splitlines())


def test_options_say_the_same_as_words(said: Any) -> None:
    code, out, _ = said("simulate", CALL, "--vendor", "acme", "--on", "2026-11-21", "--json")
    assert code == 0
    options = ("--caller", "415", "--agent", "Dublin", "--line", "health", "--vendor", "acme")
    assert said("simulate", *options, "--on", "2026-11-21", "--json")[1] == out
    plan = json.loads(out)
    assert [party["place"] for party in plan["parties"]] == ["US-CA", "IE"]
    recording = next(one for one in plan["requirements"] if one["scope"] == "recording")
    assert (recording["start"], recording["basis"]) == ("ask_due", "consent")
    assert plan["steps"][0]["act"] == "tell"
    assert "not legal advice" in plan["advice"]


def test_a_number_is_looked_up_and_not_shown(said: Any) -> None:
    _, out, _ = said("simulate", "--caller", "+14155550123", "--language", "de")
    assert "recording-and-transcript-ask-de-1" in out
    assert "5550123" not in out


def test_a_call_that_an_ai_makes_needs_a_consent_on_file(said: Any) -> None:
    words = "caller 512, agent in Texas, outbound line"
    _, out, _ = said("simulate", words)
    assert "1. Before anybody is called, look up, for the caller," in out
    assert "there is no consent on file: nobody is called" in out
    _, out, _ = said("simulate", words, "--standing", "outbound_ai_voice")
    assert "they agreed before" in out and "nobody is called\n" not in out


def test_every_line_and_every_place_has_a_page(said: Any) -> None:
    for line in ("general", "trading", "health", "payment", "outbound", "internal"):
        words = f"caller unknown, agent in Texas, human Berlin, supervisor Paris, {line} line"
        code, out, _ = said("simulate", words, "--vendor", "acme")
        assert code == 0
        assert "{" not in out and "[ZZ/" in out


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (("simulate",), "name a caller"),
        (("simulate", "caller Dubln"), "did you mean Dublin"),
        (("simulate", "caler 415"), "is not understood"),
        (("simulate", "caller 415, health line", "--line", "trading"), "named twice"),
        (("simulate", "--caller", "415", "--line", "heath"), "is no line"),
        (("simulate", "--caller", "415", "--on", "tomorrow"), "write 2026-08-02"),
        (("simulate", "--caller", "415", "--vendor", "A B"), "acme-stt"),
        (("simulate", "--caller", "415", "--language", "German"), "is no language"),
        (("simulate", "--caller", "415", "--standing", "everything"), "is no scope"),
        (("simulate", "--caller", "415", "--policy", "none.toml"), "cannot be read"),
        (("simulate", "x" * 600), "at most"),
        (("show", "Atlantis"), "no place that is known"),
        (("check", "none.toml"), "cannot be read"),
    ],
)
def test_misuse_says_how_to_do_it(said: Any, argv: tuple[str, ...], hint: str) -> None:
    code, out, err = said(*argv)
    assert (code, out) == (2, "")
    assert hint in err


def test_a_file_is_checked(said: Any, tmp_path: Path) -> None:
    code, out, _ = said("check", "ours.toml")
    assert code == 0 and "only tightens: 1 cells" in out

    (tmp_path / "loose.toml").write_text(
        TIGHTER.replace("US-TX", "US-CA").replace('"ask"', '"none"')
    )
    code, _, err = said("check", "loose.toml")
    assert code == 1
    assert "loose.toml: US-CA/recording/general: due: none loosens" in err
    assert "Cal. Penal Code 632" in err

    (tmp_path / "wrong.toml").write_text(TIGHTER.replace("due", "dew"))
    code, _, err = said("check", "wrong.toml")
    assert code == 2
    assert "wrong.toml: [[cell]] 1 (US-TX recording): due: is missing" in err

    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert said("check", "bytes.toml")[0] == 2


def test_a_file_can_be_tried_before_it_is_published(said: Any) -> None:
    _, before, _ = said("simulate", "caller Texas")
    assert "Nothing is required for: live_stt (caller), recording (caller)" in before
    _, after, _ = said("simulate", "caller Texas", "--policy", "ours.toml")
    assert "ask the caller whether the call may be recorded" in after
    assert "Our own promise to customers" in after


def test_places_and_their_cells_are_shown(said: Any) -> None:
    _, out, _ = said("show")
    assert "US-CA   California                recording: ask" in out
    _, out, _ = said("show", "US-CA", "--line", "health")
    assert "US-CA/ai_interaction/health@2025-01-01: notice" in out
    (first, *_) = json.loads(said("show", "IE", "--on", "2026-08-01", "--json")[1])
    assert (first["scope"], first["due"]) == ("ai_interaction", "none")


def test_the_law_that_ships_is_listed_and_shown_word_by_word(said: Any) -> None:
    code, out, _ = said("list")
    assert code == 0 and "ships with Parley" in out
    version = out.split()[0]
    assert "Cal. Penal Code 632" in said("show", version)[1]
    code, _, err = said("show", "00000000")
    assert (code, "no version begins with" in err) == (1, True)


async def approved(data: Path, keys: list[Path], gate: str) -> None:
    """People approve, and what the gate then has done is done."""
    store = await Store.open(data / "parley.db", now_us, secrets.token_bytes)
    for path in keys:
        key = key_of(path)
        public = key.public_key().public_bytes_raw()
        identity, request = rules.id_of(public), secrets.token_hex(4)
        given = {"gate": gate, "why": "read it"}
        data_signed = signing.message(
            ORIGIN, identity, "runtime.gate_approved", scope=None, request=request, args=given
        )
        proof = signing.proof_of(identity, public, signing.sign(key, data_signed))
        await store.act(gate_approved, sender=identity, request=request, proof=proof, **given)
    for effect in await store.reader.rows(Effect, state=EffectState.OPEN):
        what = canonical.decode(effect.args.encode())
        if what["reducer"] == "consent.policy_released":
            await store.act(what["reducer"], sender="timer", closes=effect.id, **what["args"])
    await store.close()


def test_a_file_is_in_force_once_two_others_agreed(
    said: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("ann", "bob", "cat"):
        cli.main(["identity", "new", "--name", name, "--role", "compliance"])
    capsys.readouterr()

    code, out, err = said("publish", "ours.toml", "--key", "ann.pem", "--why", "promised", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    _, out, _ = said("list")
    assert f"{told['policy'][:12]}  open  Consent policy" in out
    assert "Nothing is required for: live_stt" in said("simulate", "caller Texas")[1]

    asked = approved(tmp_path / "data", [tmp_path / "bob.pem", tmp_path / "cat.pem"], told["gate"])
    asyncio.run(asked)

    (listed,) = json.loads(said("list", "--json")[1])["published"]
    assert (listed["state"], listed["policy"]) == ("released", told["policy"])
    _, out, _ = said("simulate", "caller Texas")
    assert "Our own promise to customers" in out
    assert told["policy"][:12] in out
    _, out, _ = said("simulate", "caller Texas", "--on", "2024-11-01")
    assert "Our own promise" not in out
    assert said("show", told["policy"][:12])[1].strip() == TIGHTER.strip()


def test_what_loosens_is_not_even_proposed(said: Any, tmp_path: Path) -> None:
    cli.main(["identity", "new", "--name", "ann", "--role", "compliance"])
    (tmp_path / "ours.toml").write_text(TIGHTER.replace("US-TX", "IE").replace('"ask"', '"none"'))
    code, _, err = said("publish", "ours.toml", "--key", "ann.pem", "--why", "cheaper")
    assert (code, "loosens" in err) == (1, True)
    assert json.loads(said("list", "--json")[1])["published"] == []


def test_who_has_no_role_proposes_nothing(said: Any) -> None:
    cli.main(["identity", "new", "--name", "dan", "--role", "supervisor"])
    code, _, err = said("publish", "ours.toml", "--key", "dan.pem", "--why", "promised")
    assert code == 1
    assert "compliance" in err


def test_each_verb_has_an_example(said: Any) -> None:
    for verb in ("list", "show", "check", "publish", "simulate"):
        code, out, _ = said(verb, "--help")
        assert code == 0
        assert f"example:\n  parley policy {verb}" in out
