"""A20: a key in Python's memory. Bytes there cannot be wiped; this is what holds all the same.

No file of the data directory holds a key in clear: neither the KEK, where that is kept elsewhere,
nor the key of any call, kept or erased. Without the KEK the wrapped ones open nothing. And what is
in memory does not reach the disk by a core dump.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.kek_sources import source_of
from runtime.key_errors import KekError
from runtime.keystore import KeyDestroyed, Keystore
from runtime.sealed import seal, unseal
from tests.interop.starting import wait_until
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
WORD = "the quick brown cassowary"


def spellings(key: bytes) -> list[bytes]:
    """As bytes, in hex, in base64."""
    return [key, key.hex().encode(), base64.b64encode(key).rstrip(b"=")]


def hits(folder: Path, key: bytes) -> list[str]:
    """The files that hold a key, however it is written: every byte of each is looked at."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    found = [path for path in files if any(form in path.read_bytes() for form in spellings(key))]
    return sorted(str(path.relative_to(folder)) for path in found)


def test_no_key_of_a_call_is_in_any_file_while_it_lives_or_once_it_is_erased(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    keystore = Keystore(data / "keys")
    families = keystore.prepare_families(2, 4)
    live, erased = families
    (data / "rows").write_bytes(
        b"".join(
            seal(WORD, one, keystore.key(one), secrets.token_bytes).box
            for below in families.values()
            for one in below
        )
    )
    keys = {one: keystore.key(one) for call, below in families.items() for one in (call, *below)}
    keystore.destroy(erased)
    assert keystore.key(live) == keys[live]
    with pytest.raises(KeyDestroyed):
        keystore.key(families[erased][0])
    assert [hits(data, key) for key in keys.values()] == [[]] * len(keys)
    # The control: planted in a file, in each spelling, every one of them is found.
    for n in range(3):
        (data / "planted").write_bytes(b"--".join(spellings(key)[n] for key in keys.values()))
        assert all(hits(data, key) == ["planted"] for key in keys.values())


def test_the_kek_is_in_its_own_file_only_or_in_none(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    Keystore(data / "keys").prepare_families(3, 2)
    kek = bytes.fromhex((data / "kek").read_text())
    assert hits(data, kek) == ["kek"]
    other = secrets.token_bytes(32)
    source = source_of("env:KEK", elsewhere, {"KEK": other.hex()})
    Keystore(elsewhere / "keys", source).prepare_families(3, 2)
    assert hits(elsewhere, other) == []


def test_wrapped_keys_are_of_no_use_without_the_kek(tmp_path: Path) -> None:
    data, stolen = tmp_path / "data", tmp_path / "stolen"
    keystore = Keystore(data / "keys")
    ((_, (child, *_)),) = keystore.prepare_families(1, 2).items()
    sealed = seal(WORD, child, keystore.key(child), secrets.token_bytes)
    shutil.copytree(data / "keys", stolen / "keys")
    with pytest.raises(KekError):
        Keystore(stolen / "keys")
    (stolen / "kek").write_text(secrets.token_hex(32))
    with pytest.raises(KekError):
        Keystore(stolen / "keys")
    # With it they are: that is why it is kept apart.
    shutil.copy(data / "kek", stolen / "kek")
    assert unseal(sealed, Keystore(stolen / "keys").key(child)) == WORD


@pytest.mark.slow
def test_no_process_of_the_server_leaves_a_core(tmp_path: Path) -> None:
    """Neither a core file, nor memory in what is piped to a program that collects cores."""
    sip, http, *rtp = free_ports(6)
    config = tmp_path / "parley.toml"
    config.write_text(
        f'[sip]\nlisten = ["udp:127.0.0.1:{sip}"]\ndrain_s = 0\n'
        f'[http]\nlisten = "127.0.0.1:{http}"\n[media]\nports = "{min(rtp)}-{max(rtp)}"\n'
    )
    data = tmp_path / "data"
    command = (sys.executable, "-P", "-m", "parley.cli", "serve")
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--config", str(config), "--data", str(data)],
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        wait_until(lambda: pids(data) is not None, server, tmp_path / "log")
        found = pids(data)
        assert found is not None
        for role in ("node", "media", "speech"):
            there = Path(f"/proc/{found[role]}")
            limits = (there / "limits").read_text().splitlines()
            (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
            assert core[4:6] == ["0", "0"], role
            assert int((there / "coredump_filter").read_text(), 16) == 0, role
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def pids(data: Path) -> dict[str, int] | None:
    """Who runs, once all do."""
    try:
        found: dict[str, int] = json.loads((data / "pids.json").read_text())
    except FileNotFoundError:
        return None
    return found if all(found.get(role) for role in ("node", "media", "speech")) else None
