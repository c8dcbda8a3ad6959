"""parley keys, and what the KEK means to check, serve, backup and restore."""

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from parley import cli
from parley.keeper.directory import Directory
from runtime.keystore import TOMBSTONES, Keystore
from tests.parley.a_call import agreed

pytestmark = pytest.mark.anyio

WORD = "monday please"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def keys_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_keys_are_counted_by_kind(tmp_path: Path, said: Any) -> None:
    assert said("keys", "list", "--data", tmp_path)[0] == 2
    keystore = Keystore(tmp_path / "keys")
    ((_, below),) = keystore.prepare_families(1, 3).items()
    keystore.destroy(below[0])
    keystore.prepare_several(4)
    (tmp_path / "keys" / "key_0a").write_bytes(secrets.token_bytes(32))
    code, out, _ = said("keys", "list", "--data", tmp_path, "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["calls"], told["of_calls"], told["of_no_call"]) == (1, 2, 5)
    assert (told["destroyed"], told["clear"], len(told["wrapped_under"])) == (1, 1, 1)
    assert "1 in clear, from an older release" in said("keys", "list", "--data", tmp_path)[1]


async def test_a_rotated_kek_opens_what_the_old_one_did(
    tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agreed(tmp_path)
    _, shown, _ = said("show", "call_abc1", "--data", tmp_path)
    assert WORD in shown
    kept = (tmp_path / "kek").read_bytes()
    code, out, _ = said("keys", "rotate", "--data", tmp_path)
    assert code == 0 and "4 keys are wrapped under kek_" in out
    assert (tmp_path / "kek").read_bytes() != kept
    assert said("show", "call_abc1", "--data", tmp_path)[1] == shown

    code, _, err = said("keys", "rotate", "--data", tmp_path, "--kek", "env:NEXT_KEK")
    assert code == 2 and "NEXT_KEK is not set" in err
    monkeypatch.setenv("NEXT_KEK", secrets.token_hex(32))
    code, out, _ = said("keys", "rotate", "--data", tmp_path, "--kek", "env:NEXT_KEK")
    assert code == 0 and '[keys] kek = "env:NEXT_KEK"' in out
    # Until that is written down, nothing opens, and nothing starts.
    for argv in (("show", "call_abc1"), ("serve",), ("keys", "rotate")):
        code, _, err = said(*argv, "--data", tmp_path)
        assert code == 2 and "name the right one as [keys] kek" in err, argv
    monkeypatch.setenv("PARLEY_KEYS_KEK", "env:NEXT_KEK")
    assert said("show", "call_abc1", "--data", tmp_path)[1] == shown
    code, _, err = said("keys", "rotate", "--data", tmp_path)
    assert code == 2 and "name another with --kek" in err


async def test_nothing_is_rotated_under_a_server_that_runs(tmp_path: Path, said: Any) -> None:
    Keystore(tmp_path / "keys").prepare()
    held = Directory(tmp_path)
    try:
        code, _, err = said("keys", "rotate", "--data", tmp_path)
    finally:
        held.close()
    assert code == 2 and "Another server holds" in err


async def test_check_says_where_the_kek_is_and_makes_none(tmp_path: Path, said: Any) -> None:
    told = [line for line in said("check", "--data", tmp_path)[1].splitlines() if "keys:" in line]
    assert told == [
        f"ok  keys: the key that wraps all others (KEK) is the file {tmp_path / 'kek'},"
        " made at the first start"
    ]
    assert not (tmp_path / "kek").exists()
    Keystore(tmp_path / "keys").prepare()
    assert "name another place as [keys] kek" in said("check", "--data", tmp_path)[1]
    (tmp_path / "kek").chmod(0o640)
    assert "has mode 640, others can read it: chmod 600" in said("check", "--data", tmp_path)[1]
    (tmp_path / "kek").unlink()
    code, out, _ = said("check", "--data", tmp_path)
    assert code == 1 and "!!  keys: there is no KEK at" in out


@pytest.mark.parametrize("command", ["show", "serve", "calls"])
async def test_without_the_kek_a_command_says_what_to_do(
    tmp_path: Path, said: Any, command: str
) -> None:
    one = await agreed(tmp_path)
    (tmp_path / "kek").unlink()
    before = keys_of(tmp_path / "keys")
    named = [one.call] if command == "show" else []
    code, _, err = said(command, *named, "--data", tmp_path)
    assert code == 2 and f"there is no KEK at {tmp_path / 'kek'}: put it back" in err
    assert keys_of(tmp_path / "keys") == before and not (tmp_path / "kek").exists()


async def test_a_kek_that_is_written_down_itself_is_refused_and_not_repeated(
    tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kek = secrets.token_hex(32)
    monkeypatch.setenv("PARLEY_KEYS_KEK", kek)
    code, _, err = said("calls", "--data", tmp_path)
    assert code == 2 and '"keyring:SERVICE/NAME"' in err and kek not in err


# -- copies --


async def test_a_backup_with_keys_is_of_no_use_without_the_kek(tmp_path: Path, said: Any) -> None:
    data, new, kept = tmp_path / "data", tmp_path / "new", tmp_path / "backup"
    one = await agreed(data)
    _, shown, _ = said("show", one.call, "--data", data)
    code, out, _ = said("backup", "--to", kept, "--keys", "--data", data)
    assert code == 0 and "without the KEK" in out and f"{data / 'kek'}" in out
    assert keys_of(kept / "keys") == keys_of(data / "keys")
    secret = (data / "kek").read_bytes().strip()
    forms = [secret, bytes.fromhex(secret.decode())]
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert not any(form in path.read_bytes() for path in files for form in forms)

    restoring = ("restore", "--from", kept, "--data", new, "--keys", kept / "keys")
    code, _, err = said(*restoring)
    assert code == 2 and "nothing was restored: there is no KEK at" in err
    (new / "kek").write_bytes(secrets.token_bytes(32))
    code, _, err = said(*restoring)
    assert code == 2 and "put the KEK of these keys in place first" in err
    assert sorted(path.name for path in new.iterdir()) == ["kek", "parley.lock"]
    shutil.copy(data / "kek", new / "kek")
    code, out, _ = said(*restoring)
    assert code == 0 and "keys: 4 brought, 0 not" in out
    assert said("show", one.call, "--data", new)[1] == shown


async def test_a_key_of_a_backup_that_was_changed_is_found(tmp_path: Path, said: Any) -> None:
    data, kept = tmp_path / "data", tmp_path / "backup"
    one = await agreed(data)
    said("backup", "--to", kept, "--keys", "--data", data)
    # A newer list of what was destroyed may be put in its place: that is what it is for.
    (kept / "keys" / TOMBSTONES).write_text(f"\n{one.words_key}\n")
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(data / "kek", new / "kek")
    restoring = ("restore", "--from", kept, "--data", new, "--keys", kept / "keys")
    file = kept / "keys" / one.caller_key
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + b"AAAAAAA=\n")
    code, _, err = said(*restoring)
    assert code == 1 and f"{one.caller_key} is not the file that was backed up" in err
    file.write_bytes(whole)
    code, out, _ = said(*restoring)
    assert code == 0 and "keys: 3 brought, 1 not" in out
    assert WORD not in said("show", one.call, "--data", new)[1]
