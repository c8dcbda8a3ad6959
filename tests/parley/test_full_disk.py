"""A disk that is full before the server starts: what is stored can be read all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from parley import cli, operating
from parley.commands import No
from parley.commands.place import Place
from parley.config import Config
from parley.keeper.directory import Directory
from parley.record import LAST
from tests.disks import small_disk
from tests.parley.a_call import agreed

pytestmark = pytest.mark.anyio

ROOM = 2 * 1_024 * 1_024


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit code, output and errors."""

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", ROOM) as folder:
        yield folder


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


@pytest.mark.parametrize("left", ["as by a crash", "as by a clean stop"])
async def test_what_is_stored_can_be_shown_and_exported(
    disk: Path, tmp_path: Path, said: Any, left: str
) -> None:
    await agreed(disk)
    if left == "as by a clean stop":
        connection = apsw.Connection(str(disk / "parley.db"))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        for suffix in ("-shm", "-wal"):
            (disk / f"parley.db{suffix}").unlink(missing_ok=True)
    fill(disk)
    pack = tmp_path / "pack"
    for command in (["calls"], ["show", LAST], ["export", LAST, "--to", pack]):
        code, out, err = said(*command, "--data", disk)
        assert code == 0
        # Who looks is noted where that can be; it is said where it can not.
        assert ("not noted in the log" in err) is (command != ["calls"])
        assert "call_abc1" in out
    assert said("verify", pack)[0] == 0


async def test_what_would_be_written_is_refused_with_the_reason(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "WAIT_SECONDS_MAX", 0.0)
    await agreed(disk)
    fill(disk)
    held = Directory(disk)
    try:
        with pytest.raises(No, match="is full: free some space"):
            operating.perform(Place(Config(), disk), "basis.withdraw", id="b")
    finally:
        held.close()
