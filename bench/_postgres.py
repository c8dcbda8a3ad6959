"""A PostgreSQL of our own: a private cluster on a Unix socket, gone when the run is over."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SETTINGS = ("listen_addresses=", "fsync=on", "synchronous_commit=on", "max_connections=300")
START_S_MAX = 60
USERS = ("postgres", "nobody")
"""Who runs it when we are root, which it refuses to be."""


class NoPostgres(Exception):
    """There is none to compare with; the message says why."""


@contextmanager
def cluster(directory: Path) -> Iterator[str]:
    """The URL of its database, whose files lie in `directory`."""
    binaries = _binaries()
    user = _user()
    data = directory / "postgres"
    data.mkdir()
    with tempfile.TemporaryDirectory() as socket:
        if user is not None:
            for folder in (data, Path(socket)):
                shutil.chown(folder, user)
            directory.chmod(0o755)
        name = user or pwd.getpwuid(os.getuid()).pw_name
        settings = f"-k {socket} " + " ".join(f"-c {one}" for one in SETTINGS)
        control = [binaries / "pg_ctl", "-D", data, "-w", "-t", str(START_S_MAX)]
        try:
            _run(user, [binaries / "initdb", "-D", data, "-A", "trust", "-E", "UTF8"])
            _run(user, [*control, "-l", data / "log", "-o", settings, "start"])
        except subprocess.CalledProcessError as error:
            raise NoPostgres(f"PostgreSQL does not start: {error.stderr.strip()[-200:]}") from error
        try:
            yield f"postgresql+psycopg://{name}@/postgres?host={socket}"
        finally:
            _run(user, [*control, "-m", "immediate", "stop"])


def _run(user: str | None, command: list[Any]) -> None:
    text = [str(part) for part in command]
    # Its server keeps the standard output: a pipe would never end.
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            text, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=errors, check=False
        )
        errors.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, text, stderr=errors.read())


def _binaries() -> Path:
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoPostgres("there is no PostgreSQL server on this machine (apt-get install postgresql)")


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _user() -> str | None:
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for user in USERS:
        if user in known:
            return user
    raise NoPostgres("PostgreSQL does not run as root, and there is no user to run it as")
