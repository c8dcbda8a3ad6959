"""Where a KEK comes from, and what happens where it is lost or another."""

import base64
import importlib.util
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.kek import Remote
from runtime.kek_sources import File, source_of
from runtime.key_errors import KekError
from runtime.keystore import Keystore
from tests.runtime import little_kms

KEK = bytes(range(32))
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "written",
    [KEK, KEK.hex().encode(), KEK.hex().encode() + b"\n", base64.b64encode(KEK) + b"\n"],
    ids=["bytes", "hex", "a line", "base64"],
)
def test_a_kek_is_the_same_however_it_is_written(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "kek").write_bytes(written)
    in_file = source_of(f"file:{tmp_path / 'kek'}", tmp_path).open()
    in_variable = source_of("env:KEK", tmp_path, {"KEK": KEK.hex()}).open()
    assert in_file.id == in_variable.id
    assert in_variable.unwrap(in_file.wrap(b"k" * 32, b"here"), b"here") == b"k" * 32


@pytest.mark.parametrize("written", [b"", b"short", KEK + b"!", KEK.hex().encode()[1:]])
def test_what_is_no_kek_is_not_repeated_in_the_error(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "kek").write_bytes(written)
    with pytest.raises(KekError, match="no KEK: 32 bytes as hex or base64") as refused:
        source_of(f"file:{tmp_path / 'kek'}", tmp_path).open()
    assert not written.strip() or written.decode("latin-1") not in str(refused.value)


@pytest.mark.parametrize(
    "reference", ["0f" * 32, "vault:x", "env:", "env:A B", "keyring:parley", "kms:only", "file:"]
)
def test_a_place_we_do_not_know_is_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(KekError, match=r"\[keys\] kek cannot be used") as refused:
        source_of(reference, tmp_path)
    # It may be the KEK itself, in the wrong place.
    assert "0f" * 32 not in str(refused.value)


def test_a_variable_that_is_not_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(KekError, match="variable KEK is not set"):
        source_of("env:KEK", tmp_path, {}).open()


def test_only_the_file_in_the_data_directory_is_ours_to_make(tmp_path: Path) -> None:
    source = source_of(f"file:{tmp_path / 'mine'}", tmp_path)
    with pytest.raises(KekError, match=r"make it: openssl rand -hex 32 > .*mine"):
        Keystore(tmp_path / "keys", source).prepare()
    assert not (tmp_path / "mine").exists()
    Keystore(tmp_path / "keys").prepare()
    assert (tmp_path / "kek").stat().st_mode & 0o777 == 0o600


def test_of_many_who_make_a_kek_all_go_on_with_one(tmp_path: Path) -> None:
    """Processes that open a new keystore at once: each prepares a key that all can open."""
    program = (
        "import sys, pathlib; from runtime.keystore import Keystore\n"
        "sys.stdin.readline(); print(Keystore(pathlib.Path(sys.argv[1])).prepare())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(4)
    ]
    told = [one.communicate(b"go\n")[0].decode().strip() for one in started]
    keystore = Keystore(tmp_path / "keys")
    assert {len(keystore.key(key_id)) for key_id in told} == {32}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kek", "keys"]


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "another"])
def test_without_the_right_kek_nothing_starts_and_none_is_made(tmp_path: Path, lost: bool) -> None:
    key_id = Keystore(tmp_path / "keys").prepare()
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    kept = (tmp_path / "kek").read_bytes()
    if lost:
        (tmp_path / "kek").unlink()
    else:
        (tmp_path / "kek").write_bytes(secrets.token_bytes(32))
    with pytest.raises(KekError, match="put it back" if lost else "name the right one"):
        Keystore(tmp_path / "keys")
    assert (tmp_path / "kek").exists() is not lost
    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
    (tmp_path / "kek").write_bytes(kept)
    assert len(Keystore(tmp_path / "keys").key(key_id)) == 32


def test_a_kek_that_changes_while_the_server_runs_wraps_nothing(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    keystore.prepare()
    (tmp_path / "kek").write_bytes(secrets.token_bytes(32))
    with pytest.raises(KekError, match=r"changed to kek_[0-9a-f]+: put kek_[0-9a-f]+ back"):
        keystore.prepare_families(1, 1)


def test_a_kek_that_goes_while_the_server_runs_is_an_error_and_not_an_erasure(
    tmp_path: Path,
) -> None:
    first = Keystore(tmp_path / "keys")
    loose, (children, *_) = first.prepare(), first.prepare_families(1, 2).values()
    running = Keystore(tmp_path / "keys")
    assert len(running.key(children[0])) == 32
    kept = (tmp_path / "kek").read_bytes()
    (tmp_path / "kek").unlink()
    with pytest.raises(KekError, match="there is no KEK at"):
        running.key(loose)
    with pytest.raises(KekError, match="there is no KEK at"):
        running.prepare()
    # The key of that call was opened before: it goes on.
    assert len(running.key(children[1])) == 32
    (tmp_path / "kek").write_bytes(kept)
    assert len(running.key(loose)) == len(running.key(running.prepare())) == 32


# -- the keyring --


without_package = pytest.mark.skipif(
    importlib.util.find_spec("keyring") is not None, reason="the package is asked first"
)


@pytest.fixture
def secret_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, first on the path; it answers with what lies beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "secret-tool"
    tool.write_text(
        f'#!/bin/sh\n[ "$*" = "lookup service parley username kek" ] || exit 1\n'
        f"cat {folder}/held 2>/dev/null\n[ ! -f {folder}/locked ] || "
        '{ echo "is locked" >&2; exit 1; }\n'
    )
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@without_package
def test_the_keyring_is_asked_by_secret_tool(tmp_path: Path, secret_tool: Path) -> None:
    source = source_of("keyring:parley/kek", tmp_path)
    with pytest.raises(KekError, match="holds nothing for parley/kek: openssl"):
        source.open()
    (secret_tool / "held").write_text(KEK.hex())
    key_id = Keystore(tmp_path / "keys", source).prepare()
    assert len(Keystore(tmp_path / "keys", source).key(key_id)) == 32
    (secret_tool / "held").unlink()
    (secret_tool / "locked").touch()
    with pytest.raises(KekError, match=r"is locked; is the keyring unlocked\?"):
        Keystore(tmp_path / "keys", source)


@without_package
def test_where_nothing_can_ask_a_keyring_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KekError, match=r"pip install 'parley\[keyring\]', or install secret-tool"):
        source_of("keyring:parley/kek", tmp_path).open()


@without_package
def test_the_keyring_is_asked_by_the_package_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keyring.py").write_text(
        f"def get_password(service, name):\n"
        f"    if service == 'locked':\n        raise RuntimeError('no backend')\n"
        f"    return {KEK.hex()!r} if (service, name) == ('parley', 'kek') else None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    found = source_of("keyring:parley/kek", tmp_path).open()
    assert found.id == source_of("env:KEK", tmp_path, {"KEK": KEK.hex()}).open().id
    with pytest.raises(KekError, match="holds nothing for parley/other"):
        source_of("keyring:parley/other", tmp_path).open()
    with pytest.raises(KekError, match="cannot be asked for locked/kek: RuntimeError: no backend"):
        source_of("keyring:locked/kek", tmp_path).open()
    monkeypatch.delitem(sys.modules, "keyring", raising=False)


# -- a key management service --


@pytest.fixture
def kms() -> Iterator[str]:
    yield "kms:tests.runtime.little_kms:client"
    while little_kms.CLIENTS:
        little_kms.CLIENTS.pop().close()


def test_a_kek_behind_a_hook_wraps_and_opens_and_never_comes_here(
    tmp_path: Path, kms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(little_kms.KEY, KEK.hex())
    source = source_of(kms, tmp_path)
    assert isinstance(source, Remote)
    keystore = Keystore(tmp_path / "keys", source)
    call_key, (child, *_) = next(iter(keystore.prepare_families(1, 1).items()))
    keys = [keystore.key(one) for one in (call_key, child, keystore.prepare())]
    again = Keystore(tmp_path / "keys", source_of(kms, tmp_path))
    assert [again.key(call_key), again.key(child)] == keys[:2]
    assert not (tmp_path / "kek").exists()


def test_a_hook_with_another_key_or_none_at_all_starts_nothing(tmp_path: Path, kms: str) -> None:
    Keystore(tmp_path / "keys", source_of(kms, tmp_path)).prepare()
    little_kms.CLIENTS.pop().close()  # Its key was drawn by chance, and is gone with it.
    with pytest.raises(KekError, match="did not unwrap a key: PermissionError"):
        Keystore(tmp_path / "keys", source_of(kms, tmp_path))
    (tmp_path / "kek").write_bytes(KEK)
    with pytest.raises(KekError, match="is kek_"):
        Keystore(tmp_path / "keys", File(tmp_path / "kek"))


class Careless:
    """A hook that hands the key back as it is."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return b"wrapped:" + key

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return wrapped.removeprefix(b"wrapped:")


@pytest.mark.parametrize("named", ["nowhere:client", "runtime.kek:KekError", f"{__name__}:gone"])
def test_a_hook_that_is_none_says_why(tmp_path: Path, named: str) -> None:
    with pytest.raises(KekError, match=r"did not wrap a key: \w*Error"):
        Keystore(tmp_path / "keys", source_of(f"kms:{named}", tmp_path)).prepare()


def test_a_hook_that_does_not_wrap_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(KekError, match="never the key itself"):
        Keystore(tmp_path / "keys", Remote("kms:careless", Careless)).prepare()
    assert list((tmp_path / "keys").iterdir()) == []
