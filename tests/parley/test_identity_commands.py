"""parley identity and parley act, as people type them; the server is not there."""

import json
from pathlib import Path
from typing import Any

import pytest

from parley import cli


@pytest.fixture
def said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_life_of_an_identity(said: Any, tmp_path: Path) -> None:
    code, out, _ = said("identity", "new", "--name", "Ann B.", "--role", "operator")
    assert code == 0
    identity = out.split()[0]
    assert "parley act REDUCER --key ann-b.pem" in out
    assert (tmp_path / "ann-b.pem").stat().st_mode & 0o777 == 0o600

    assert said("identity", "suspend", identity, "--why", "away")[0] == 0
    code, out, _ = said("identity", "list")
    assert code == 0
    assert identity in out and "suspended" in out and "(away)" in out
    assert said("identity", "resume", identity, "--json")[0] == 0
    assert said("identity", "revoke", identity)[0] == 0
    code, _, err = said("identity", "resume", identity)
    assert code == 1
    assert "revoked" in err
    (row,) = json.loads(said("identity", "list", "--json")[1])
    assert (row["id"], row["state"], row["roles"]) == (identity, "revoked", ["operator"])


def test_a_key_file_is_not_written_over_and_not_left_behind(said: Any, tmp_path: Path) -> None:
    said("identity", "new", "--name", "Ann", "--out", "a.pem")
    before = (tmp_path / "a.pem").read_bytes()
    code, _, err = said("identity", "new", "--name", "Ann", "--out", "a.pem")
    assert (code, "name another file" in err) == (2, True)
    assert (tmp_path / "a.pem").read_bytes() == before
    code, _, err = said("identity", "new", "--name", "Bob", "--role", "two words")
    assert (code, "no role" in err) == (1, True)
    assert not (tmp_path / "bob.pem").exists()


def test_a_typing_mistake_makes_no_store(said: Any, tmp_path: Path) -> None:
    code, _, err = said("identity", "revoke", "id_x", "--data", "nowhere")
    assert (code, "there is no store" in err) == (2, True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("verb", ["new", "list", "suspend", "resume", "revoke"])
def test_every_verb_shows_an_example(said: Any, verb: str) -> None:
    code, out, _ = said("identity", verb, "--help")
    assert code == 0
    assert f"example:\n  parley identity {verb}" in out


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        (["--arg", "x"], "NAME=JSON"),
        (["--arg", "x=y"], "--arg 'x=\"y\"'"),
        (["--arg", "=1"], "NAME=JSON"),
        (["--arg", "x=1.5"], "NAME=JSON"),
        (["--key", "nothing.pem"], "cannot be read"),
        (["--key", "parley.txt"], "parley identity new"),
        (["--url", "http://127.0.0.1:1"], "parley serve"),
        (["--url", "nonsense"], "no address of a server"),
    ],
)
def test_act_says_what_to_do(said: Any, tmp_path: Path, more: list[str], hint: str) -> None:
    said("identity", "new", "--name", "Ann", "--out", "a.pem")
    (tmp_path / "parley.txt").write_text("this is no key")
    code, _, err = said("act", "runtime.nothing", "--key", "a.pem", *more)
    assert (code, hint in err) == (2, True), err
