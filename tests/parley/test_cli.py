import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from consent.terms import QUESTION
from consent.wordings import WORDINGS
from parley import cli
from runtime import checkpoint
from runtime.engines import witness
from runtime.log import leaf_of
from runtime.log_key import ORIGIN, load_or_create
from runtime.merkle import Frontier
from tests.parley.a_call import BEGIN_US, SECOND_US, agreed, playing, refused

pytestmark = pytest.mark.anyio

SHOWN = ("__init__", "__pycache__", "permit")
ROOT = Path(__file__).parents[2]
LAW = [f"consent.{one.stem}" for one in (ROOT / "consent").iterdir() if one.stem not in SHOWN]
"""All of consent but what agents are written with."""
LOOK = 1
"""That somebody replays is an entry of the log too."""


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_shows_an_example(name: str, said: Any) -> None:
    code, out, _ = said(name, "--help")
    assert code == 0
    assert "example" in out and f"parley {name}" in out


def test_a_command_that_is_not_known_names_the_nearest(said: Any) -> None:
    code, _, err = said("shwo", "last")
    assert (code, err) == (2, "parley: there is no command 'shwo': did you mean `parley show`?\n")


def test_no_command_at_all_is_misuse(said: Any) -> None:
    code, _, err = said()
    assert code == 2
    assert "usage: parley" in err


@pytest.mark.parametrize(
    ("argv", "never"),
    [
        (["--help"], ["apsw", "cryptography", "numpy", "runtime", *LAW]),
        (["verify", "--help"], ["apsw", "runtime", "recordings"]),
    ],
)
def test_a_command_imports_only_what_it_needs(argv: list[str], never: list[str]) -> None:
    code = (
        "import sys; from parley import cli; cli.main(sys.argv[1].split());"
        f"assert not set({never}) & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, " ".join(argv)], check=True, cwd=ROOT)


def test_a_data_directory_without_a_store_says_how_to_make_one(tmp_path: Path, said: Any) -> None:
    code, _, err = said("calls", "--data", tmp_path / "nowhere")
    assert code == 2
    assert "there is no store" in err and "--data" in err


def test_a_file_that_is_no_store_is_misuse(tmp_path: Path, said: Any) -> None:
    (tmp_path / "parley.db").write_text("this is not a database, whatever its name says")
    code, _, err = said("calls", "--data", tmp_path)
    assert code == 2
    assert "cannot be read as a store" in err


def test_a_wrong_configuration_is_misuse(tmp_path: Path, said: Any) -> None:
    (tmp_path / "parley.toml").write_text("[sip]\nlisten_on = 1\n")
    code, _, err = said("calls", "--config", tmp_path / "parley.toml", "--data", tmp_path)
    assert code == 2
    assert "sip.listen" in err


async def test_calls_lists_calls(tmp_path: Path, said: Any) -> None:
    first = await agreed(tmp_path, "call_a1")
    await refused(tmp_path, "call_b2", first.now_us + SECOND_US)
    code, out, _ = said("calls", "--data", tmp_path)
    assert code == 0
    newest, oldest = out.splitlines()
    assert newest.startswith("call_b2") and "not recorded" in newest
    assert oldest.startswith("call_a1") and "sealed" in oldest
    code, out, _ = said("calls", "--data", tmp_path, "--live", "--json")
    assert (code, json.loads(out)) == (0, [])
    _, out, _ = said("calls", "--data", tmp_path, "--limit", 1)
    assert out.splitlines()[1] == "and 1 older: parley calls --limit 2"


async def test_show_tells_a_call(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    code, out, _ = said("show", "last", "--data", tmp_path)
    assert code == 0
    for line in (
        "Call call_abc1: sealed",
        f"asked: {WORDINGS[QUESTION].text}",
        "recording, transcript_retention: heard the question",
        "recording, transcript_retention: agreed (key 1)",
        "caller: book an appointment\n",
        "caller: on monday please (dictation, may be wrong)",
        "book(day='Monday')  finished: reference 4 8 2 1",
        "idempotency key call_abc1:2:1-book",
        "sealed, 2.0 s in 4 encrypted chunks",
    ):
        assert line in out


async def test_show_as_of_a_moment_tells_what_was_known_then(tmp_path: Path, said: Any) -> None:
    call = await agreed(tmp_path)
    answered_us = BEGIN_US + SECOND_US
    for moment in (call.seqs["consent_answered"], "+3s", "14:00:04", "2026-03-01T14:00:04Z"):
        code, out, _ = said("show", "call_a", "--as-of", moment, "--data", tmp_path, "--json")
        assert code == 0
        found = json.loads(out)
        assert found["call"]["answered_us"] == answered_us
        assert found["call"]["ended_us"] is None
        assert (found["recording"]["chunks"], found["transcript"]) == (0, [])


async def test_show_before_the_call_is_no(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    code, _, err = said("show", "last", "--as-of", "13:00:00", "--data", tmp_path)
    assert code == 1
    assert "was not there yet; it was offered at 2026-03-01T14:00:00.000Z" in err
    code, _, err = said("show", "last", "--as-of", "yesterday", "--data", tmp_path)
    assert code == 2
    assert "ISO 8601" in err


async def test_a_call_that_is_not_there_is_no_and_names_the_nearest(
    tmp_path: Path, said: Any
) -> None:
    await agreed(tmp_path)
    for command in (["show"], ["replay"], ["export", "--to", tmp_path / "pack"]):
        code, _, err = said(*command, "call_abd", "--data", tmp_path)
        assert code == 1
        assert "the nearest is call_abc1" in err


async def test_replay_runs_one_call_or_all_again(tmp_path: Path, said: Any) -> None:
    first = await agreed(tmp_path, "call_a1")
    await refused(tmp_path, "call_b2", first.now_us + SECOND_US)
    code, out, _ = said("replay", "--all", "--data", tmp_path)
    actions = first.seqs["call_sealed"] + 7 + LOOK
    assert code == 0
    assert out.startswith(f"replay: identical ({actions} actions, state ")
    code, out, _ = said("replay", "call_b2", "--data", tmp_path, "--json")
    found = json.loads(out)
    assert (code, found["replayed"], found["differences"], found["damaged"]) == (0, 7, [], [])
    code, _, err = said("replay", "--data", tmp_path)
    assert code == 2
    assert "parley replay last" in err


async def test_replay_names_what_differs(tmp_path: Path, said: Any) -> None:
    call = await agreed(tmp_path)
    _forge(tmp_path, call.seqs["call_ended"], b'"by":"caller"', b'"by":"forger"')
    _sign_anew(tmp_path)
    code, out, _ = said("replay", "last", "--data", tmp_path)
    assert code == 1
    assert f"entry {call.seqs['call_ended']}, sessions.call_ended: now changes call" in out
    assert "replay: 1 differences in 17 actions, 0 damaged rows" in out


async def test_replay_names_a_row_that_was_changed_behind_the_log(
    tmp_path: Path, said: Any
) -> None:
    call = await agreed(tmp_path)
    with closing(apsw.Connection(str(tmp_path / "parley.db"))) as connection:
        connection.execute("UPDATE recording SET state = 'open'")
    code, out, _ = said("replay", "--all", "--data", tmp_path)
    assert code == 1
    assert f"row recording {call.call}: state: not what the log says" in out
    assert f"replay: 0 differences in {17 + LOOK} actions, 1 damaged rows" in out


async def test_a_replay_that_cannot_be_done_says_why(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    _wipe(tmp_path, "recording")
    code, _, err = said("replay", "--all", "--data", tmp_path)
    assert code == 1
    assert "could not be replayed: " in err and "malformed" in err


async def test_an_exported_pack_verifies(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    pack = tmp_path / "pack"
    code, out, err = said("export", "last", "--to", pack, "--data", tmp_path)
    assert (code, err) == (0, "")
    assert "exported call_abc1" in out
    code, out, _ = said("verify", pack)
    assert code == 0
    assert "verify: ok" in out
    assert (pack / "data" / "call.vcon").exists()
    code, out, _ = said("verify", pack, "--json")
    assert (code, json.loads(out)["faults"]) == (0, {})


async def test_a_changed_pack_does_not_verify(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    said("export", "last", "--to", tmp_path / "pack", "--data", tmp_path)
    shown = tmp_path / "pack" / "data" / "transcript.json"
    shown.write_text(shown.read_text().replace("monday", "friday"))
    code, out, _ = said("verify", tmp_path / "pack")
    assert code == 1
    assert "verify: not ok" in out


async def test_a_pack_of_a_forgotten_call_verifies(tmp_path: Path, said: Any) -> None:
    await refused(tmp_path)
    code, _, _ = said("export", "last", "--to", tmp_path / "pack", "--data", tmp_path)
    assert code == 0
    code, _, _ = said("verify", tmp_path / "pack")
    assert code == 0


async def test_a_call_that_is_not_sealed_is_not_exported(tmp_path: Path, said: Any) -> None:
    call = await playing(tmp_path)
    await call.ring()
    code, _, err = said("export", "last", "--to", tmp_path / "pack", "--data", tmp_path)
    await call.store.close()
    assert code == 1
    assert "is answered, not sealed yet" in err
    assert not (tmp_path / "pack").exists()


async def test_a_pack_is_not_written_over_something(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    code, _, err = said("export", "last", "--to", tmp_path, "--data", tmp_path)
    assert code == 2
    assert "name another folder with --to" in err


async def test_a_lost_log_key_is_not_made_anew(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    (tmp_path / "log.key").unlink()
    code, _, err = said("export", "last", "--to", tmp_path / "pack", "--data", tmp_path)
    assert code == 2
    assert "there is no log key" in err


def test_verify_of_nothing_is_misuse(tmp_path: Path, said: Any) -> None:
    code, _, err = said("verify", tmp_path / "nothing")
    assert code == 2
    assert "parley export" in err


def _forge(data: Path, seq: int, true: bytes, false: bytes) -> None:
    """Write history anew from an entry on, chain and tree too, as the owner of the disk could."""
    connection = apsw.Connection(str(data / "parley.db"))
    renamed: dict[bytes, bytes] = {}
    frontier, leaf = Frontier(), b""
    for n, entry, old in connection.execute("SELECT seq, entry, leaf FROM log").fetchall():
        assert isinstance(entry, bytes) and isinstance(old, bytes)
        assert n != seq or true in entry
        changed = entry.replace(true, false) if n == seq else entry
        for before, after in renamed.items():
            changed = changed.replace(before, after)
        leaf = leaf_of(changed)
        renamed |= {old.hex().encode(): leaf.hex().encode()} if leaf != old else {}
        frontier = frontier.with_leaf(leaf)
        connection.execute("UPDATE log SET entry = ?, leaf = ? WHERE seq = ?", (changed, leaf, n))
    connection.execute("UPDATE head SET last = ?, frontier = ?", (leaf.hex(), frontier.to_bytes()))
    connection.close()


def _sign_anew(data: Path) -> None:
    """The checkpoint and the note beside the store too: who has the disk has the log's key."""
    connection = apsw.Connection(str(data / "parley.db"))
    ((last, frontier),) = connection.execute("SELECT last, frontier FROM head")
    forged = Frontier.from_bytes(frontier)
    note = checkpoint.sign(ORIGIN, forged.size, forged.root, load_or_create(data / "log.key"))
    connection.execute("UPDATE checkpoint SET note = ? WHERE size = ?", (note, forged.size))
    connection.close()
    acknowledged = witness.Acknowledged(forged.size, bytes.fromhex(last))
    witness.path_of(data / "parley.db").write_bytes(acknowledged.to_bytes())


def _wipe(data: Path, table: str) -> None:
    """Zeros in the place of a table's first page."""
    with closing(apsw.Connection(str(data / "parley.db"))) as connection:
        statement = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        ((page,),) = connection.execute(statement, (table,)).fetchall()
    with (data / "parley.db").open("r+b") as file:
        file.seek((int(str(page)) - 1) * 4_096)
        file.write(bytes(4_096))


@pytest.mark.parametrize("command", [["calls"], ["show", "last"], ["replay", "--all"]])
async def test_a_damaged_log_is_said_to_be(tmp_path: Path, said: Any, command: list[str]) -> None:
    await agreed(tmp_path)
    connection = apsw.Connection(str(tmp_path / "parley.db"))
    connection.execute("UPDATE log SET entry = x'00' WHERE seq = 3")
    connection.close()
    code, out, err = said(*command, "--data", tmp_path)
    assert (code, out) == (1, "")
    assert "the log is damaged at entry 3" in err and "entries 1 to 2 are sound" in err
    assert "parley restore --from DIR" in err


async def test_rows_that_cannot_be_read_are_no_traceback(tmp_path: Path, said: Any) -> None:
    await agreed(tmp_path)
    _wipe(tmp_path, "call")
    code, _, err = said("calls", "--data", tmp_path)
    assert code == 1
    assert "cannot be read" in err and "parley restore" in err


async def test_check_reads_the_whole_log(tmp_path: Path, said: Any) -> None:
    call = await agreed(tmp_path)
    _, out, _ = said("check", "--data", tmp_path)
    assert f"ok  store: {call.seqs['call_sealed']} entries" in out
    _forge(tmp_path, 3, b"question", b"quession")
    code, out, _ = said("check", "--data", tmp_path)
    assert code == 1
    assert "!!  store:" in out and "the log is damaged at entry 1:" in out
