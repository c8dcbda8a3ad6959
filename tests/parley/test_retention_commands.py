"""Retention by command, on a data directory that no server holds."""

import asyncio
import json
import sqlite3
import wave
from pathlib import Path
from typing import Any

import pytest

from parley import cli, history
from tests.parley.a_call import BEGIN_US, agreed

ANNA = "sip:anna@example.org"
GIVEN = ("--recipient", "Acme", "--what", "audio", "--purpose", "review")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run a command on the data directory; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([*(str(one) for one in argv), "--data", str(tmp_path / "data")])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two calls of Anna, the log signed."""
    folder = tmp_path / "data"
    asyncio.run(_called(folder))
    return folder


async def _called(folder: Path) -> None:
    assert len(history.DECLARING) > 1, (
        "with the tables of the whole house, as a server makes its store"
    )
    await agreed(folder, "call_one")
    await agreed(folder, "call_two", BEGIN_US + 3_600_000_000)


@pytest.fixture
def people(data: Path, said: Any, tmp_path: Path) -> list[Path]:
    """The private keys of two who may decide."""
    keys = [tmp_path / "ann.pem", tmp_path / "bob.pem"]
    for key in keys:
        said("identity", "new", "--name", key.stem, "--role", "privacy-officer", "--out", key)
    return keys


def indexed(data: Path) -> list[str]:
    """The calls of which the index has anything."""
    index = sqlite3.connect(data / "index.db")
    found = [call for (call,) in index.execute("SELECT call FROM indexed")]
    index.close()
    return found


def erased(said: Any, people: list[Path], call: str) -> str:
    """The id of the erasure."""
    code, out, err = said("erase", call, "--reason", "she asked", "--json")
    assert code == 0, err
    (one,) = json.loads(out)["erasures"]
    for key in people:
        code, out, err = said("approve", one["gate"], "--key", key)
        assert code == 0, err
    name: str = one["erasure"]
    return name


def test_a_dry_run_says_what_would_happen_and_does_nothing(data: Path, said: Any) -> None:
    before = sorted(path.name for path in (data / "keys").iterdir())
    code, out, _ = said("erase", "--caller", ANNA, "--reason", "why", "--dry-run")
    assert code == 0
    assert out.count("caller_details    execute: erasure: nothing stands against it") == 2
    assert "no legal hold" in out and "nothing was done" in out
    assert sorted(path.name for path in (data / "keys").iterdir()) == before
    assert said("approve")[1] == "nothing waits for anybody\n"


@pytest.mark.slow
def test_a_call_is_erased_and_the_other_is_exported(
    data: Path, said: Any, people: list[Path], tmp_path: Path
) -> None:
    assert said("search", "appointment")[1].count("call_one") == 1
    assert indexed(data) == ["call_one", "call_two"]
    erasure = erased(said, people, "call_one")
    assert indexed(data) == ["call_two"]
    code, out, _ = said("show", "call_one")
    assert code == 0 and "[erased" in out and "appointment" not in out
    assert said("retention", "list")[1].split()[-2:] == ["erasure", "executed"]
    # The rest of the house stands: the other call, the log, an evidence pack of either.
    assert "book an appointment" in said("show", "call_two")[1]
    assert said("replay", "--all")[0] == 0
    for call in ("call_one", "call_two"):
        assert said("export", call, "--to", tmp_path / call)[0] == 0
        assert cli.main(["verify", str(tmp_path / call)]) == 0
    with wave.open(str(tmp_path / "call_two" / "audio" / "caller.wav")) as track:
        assert track.getnframes() == 2 * 8_000
    paper = tmp_path / "erasure.json"
    code, out, err = said("retention", "certificate", erasure, "--to", paper)
    assert code == 0, err
    assert cli.main(["verify", str(paper)]) == 0
    assert "Agreed to, and signed, by:" in paper.with_name("erasure.json.txt").read_text()
    paper.write_bytes(paper.read_bytes().replace(b'"trigger":"erasure"', b'"trigger":"expiry"'))
    assert cli.main(["verify", str(paper)]) == 1


def test_what_could_not_be_finished_is_seen_and_finished_later(
    data: Path, said: Any, people: list[Path]
) -> None:
    (segment,) = (data / "recordings").glob("*.seg")
    elsewhere = data / "elsewhere"
    segment.rename(elsewhere)
    segment.symlink_to(elsewhere)  # No way leads through a link.
    _, out, _ = said("erase", "call_one", "--reason", "why", "--json")
    (one,) = json.loads(out)["erasures"]
    assert said("approve", one["gate"], "--key", people[0])[0] == 0
    code, _, err = said("approve", one["gate"], "--key", people[1])
    assert code == 0 and "left for later" in err
    assert said("retention", "list")[1].endswith("begun\n")
    segment.unlink()
    elsewhere.rename(segment)
    assert said("notices", "record", "call_two", *GIVEN)[0] == 0
    assert said("retention", "list")[1].endswith("executed\n")


def test_a_hold_is_placed_seen_and_released(data: Path, said: Any, people: list[Path]) -> None:
    code, out, err = said("hold", "place", "--matter", "Case 12", "--caller", ANNA, "--json")
    assert code == 0, err
    hold = json.loads(out)
    assert hold["held"] == ["call_one", "call_two"]
    assert "Case 12" in said("hold", "list")[1]
    code, out, _ = said("erase", "call_one", "--reason", "why")
    assert f"refuse: legal hold {hold['id']}" in out
    code, out, _ = said("hold", "release", hold["id"], "--json")
    gate = json.loads(out)["gate"]
    assert f"{gate}  Release the legal hold" in said("approve")[1]
    for key in people:
        assert said("approve", gate, "--key", key, "--why", "settled")[0] == 0
    assert json.loads(said("hold", "list", "--json")[1])[0]["state"] == "released"


def test_what_is_due_is_listed_with_its_rule(data: Path, said: Any) -> None:
    code, out, _ = said("retention", "due", "--on", "2026-08-01", "--json")
    assert code == 0
    within = {one["days"]: one["due"] for one in json.loads(out)}
    assert {one["artefact"] for one in within[30]} == {"audio", "transcript", "actions_pii"}
    assert within[30] == within[90]
    assert "GDPR" in within[30][0]["trace"][-2]
    assert "nothing" in said("retention", "due", "--on", "2026-03-02")[1]


def test_a_tenant_below_the_law_is_told_its_source(data: Path, said: Any) -> None:
    (data / "retention.toml").write_text(
        'edition = "2026-11-21"\n[[rule]]\nclass = "mifid"\nartefacts = ["audio"]\n'
        'minimum = "1y"\nsource = "we would rather not"\n'
    )
    for asked in (
        ("retention", "policies"),
        ("retention", "due"),
        ("erase", "last", "--reason", "x"),
    ):
        code, _, err = said(*asked)
        assert code == 2 and "MiFID II Art 16(7)" in err and "retention.toml" in err


def test_policies_are_shown_with_their_sources(data: Path, said: Any) -> None:
    code, out, _ = said("retention", "policies", "--outbound")
    assert code == 0
    assert "line sip: gdpr, outbound; edition 2026-11-21" in out
    assert "16 CFR 310.5(a)" in out and "PCI DSS v4.0.1" in out


def test_a_locked_call_is_restricted(
    data: Path, said: Any, people: list[Path], tmp_path: Path
) -> None:
    locked = ("hold", "lock", "call_one", "--until", "2099-01-01", "--source", "the authority")
    assert said(*locked)[0] == 0
    erased(said, people, "call_one")
    assert "waiting until 2099-01-01" in said("retention", "list")[1]
    looks = (
        ("show", "call_one"),
        ("transcript", "call_one"),
        ("redact", "call_one", "2", "--words", "2", "--why", "x"),
        ("export", "call_one", "--to", tmp_path / "pack"),
        ("export", "call_one", "--format", "vcon", "--to", tmp_path / "a.vcon"),
        ("export", "call_one", "--format", "wav", "--to", tmp_path / "a.wav"),
        ("export", "call_one", "--format", "opus", "--to", tmp_path / "a.ogg"),
    )
    for look in looks:
        code, out, err = said(*look)
        assert (code, out) == (1, "")
        assert "restricted until 2099-01-01 (GDPR Art 18)" in err
        assert "a privacy officer may look: --as-officer REASON" in err
    assert not accesses(data, "call_one")
    code, out, err = said("search", "appointment")
    assert "call_two" in out and "call_one" not in out and "call_one is restricted" in err
    for look in looks:
        code, _, err = said(*look, "--as-officer", "claim 12/3")
        assert code == 0, err
    assert {"restricted"} <= set.intersection(*map(set, accesses(data, "call_one")))
    assert "call_one" in said("search", "appointment", "--as-officer", "claim 12/3")[1]
    assert b"claim 12/3" not in (data / "parley.db").read_bytes()
    # The subject is to be told, and may have what is theirs.
    assert "call_one  the data subject: restricted" in said("notices", "list")[1]
    assert said("subject", ANNA, "--to", tmp_path / "sar")[0] == 0


def accesses(data: Path, call: str) -> list[list[str]]:
    """What was seen of a call, each time."""
    store = sqlite3.connect(data / "parley.db")
    found = store.execute("SELECT what FROM access WHERE call = ? ORDER BY at_us", (call,))
    return [json.loads(what) for (what,) in found]


def test_a_store_of_an_older_release_says_what_to_do(data: Path, said: Any) -> None:
    store = sqlite3.connect(data / "parley.db")
    store.execute("DROP TABLE erasure")
    store.close()
    code, _, err = said("retention", "list")
    assert code == 1 and "of an older release" in err


def test_a_subject_gets_their_own_and_nobody_elses(data: Path, said: Any, tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    code, _, err = said("subject", ANNA, "--to", folder)
    assert code == 0, err
    calls = json.loads((folder / "calls.json").read_text())
    assert [one["call"] for one in calls] == ["call_one", "call_two"]
    words = json.loads((folder / "call_one" / "your-words.json").read_text())
    assert [one["text"] for one in words] == ["book an appointment", "on monday please"]
    assert sorted(path.name for path in (folder / "call_one").iterdir()) == [
        "actions.json",
        "consent.json",
        "who-looked.json",
        "your-voice.wav",
        "your-words.json",
    ]
    with wave.open(str(folder / "call_one" / "your-voice.wav")) as track:
        assert (track.getnchannels(), track.getnframes()) == (1, 2 * 8_000)
    assert said("subject", "+41790001122")[0] == 1
    assert said("subject", "nobody at all")[0] == 2


def test_a_subject_is_told_what_was_destroyed(
    data: Path, said: Any, people: list[Path], tmp_path: Path
) -> None:
    erased(said, people, "call_one")
    assert said("subject", ANNA, "--to", tmp_path / "anna")[0] == 0
    calls = json.loads((tmp_path / "anna" / "calls.json").read_text())
    # Nobody knows any more whose the erased call was.
    assert [one["call"] for one in calls] == ["call_two"]


def test_notices_follow_an_erasure(data: Path, said: Any, people: list[Path]) -> None:
    assert said("notices", "record", "call_one", *GIVEN)[0] == 0
    assert said("notices", "list")[1] == "nobody is to be told of an erasure\n"
    erased(said, people, "call_one")
    (notice,) = json.loads(said("notices", "list", "--json")[1])
    assert notice["recipient"] == "Acme"
    assert said("notices", "ack", notice["id"], "--answer", "deleted")[0] == 0
    assert said("notices", "list")[1] == "nobody is to be told of an erasure\n"
    assert "deleted" in said("notices", "list", "--all")[1]


def test_what_cannot_be_done_says_what_to_do(data: Path, said: Any, tmp_path: Path) -> None:
    for asked, code, why in (
        (("erase", "--reason", "x"), 2, "name a CALL, or --caller NUMBER"),
        (("erase", "call_none", "--reason", "x"), 1, "there is no call"),
        (("approve", "gate_none"), 2, "--key"),
        (("hold", "release", "hold_none"), 1, "there is no legal_hold"),
        (("hold", "place", "--matter", "x"), 1, "a hold names calls, or callers"),
        (("hold", "place", "--matter", "x", "--caller", "me"), 2, "is nobody"),
        (("retention", "certificate", "x", "--to", tmp_path / "x"), 1, "there is no erasure x"),
        (("retention", "due", "--on", "soon"), 2, "is no day"),
        (("notices", "ack", "x", "--answer", "y"), 1, "there is no processor_notice"),
    ):
        found, _, err = said(*asked)
        assert (found, why in err) == (code, True), err
