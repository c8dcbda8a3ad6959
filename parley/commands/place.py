"""Where a command finds the configuration and the data, and what it says where they are not."""

import argparse
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from parley.commands import No, NotLikeThis
from parley.config import Config, ConfigError, load
from runtime import integrity
from runtime.engines import sqlite
from runtime.errors import StoreDamaged
from runtime.kek import Source
from runtime.kek_sources import source_of
from runtime.key_errors import KekError
from runtime.keystore import Keystore

DATA = Path("data")
CONFIG_HELP = "the configuration (default: parley.toml where there is one)"
DATA_HELP = "the data directory (default: ./data)"


@dataclass(frozen=True, slots=True)
class Place:
    """The configuration, and the files of one data directory."""

    config: Config
    data: Path

    @property
    def database(self) -> Path:
        """The store's file. Raises NotLikeThis for a store which is no file."""
        kind, _, path = self.config.store.url.partition(":")
        if kind != "sqlite":
            raise NotLikeThis(
                f"[store] url = {self.config.store.url!r} is no file on this machine:"
                " name a sqlite: store"
            )
        return Path(path)

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def log_key(self) -> Path:
        return self.data / "log.key"

    @property
    def pids(self) -> Path:
        return self.data / "pids.json"

    @property
    def recordings(self) -> Path:
        return Path(self.config.recording.directory)

    @property
    def kek(self) -> Source:
        """Where the key is that wraps all others. Raises NotLikeThis."""
        try:
            return source_of(self.config.keys.kek, self.data)
        except KekError as error:
            raise NotLikeThis(str(error)) from error

    def keystore(self) -> Keystore:
        """Raises NotLikeThis where the KEK does not open it."""
        try:
            return Keystore(self.keys, self.kek)
        except KekError as error:
            raise NotLikeThis(str(error)) from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--config and --data."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=CONFIG_HELP)
    parser.add_argument("--data", type=Path, metavar="DIR", default=DATA, help=DATA_HELP)


def place_of(args: argparse.Namespace) -> Place:
    """Raises NotLikeThis for a configuration that cannot be used."""
    try:
        return Place(load(args.config).in_directory(args.data), args.data)
    except ConfigError as error:
        raise NotLikeThis(str(error)) from error


def _opened(path: Path) -> tuple[apsw.Connection, bool]:
    """A transaction on the store; whether without what readers share with a writer."""
    try:
        return _begun(sqlite.open_reader(path)), False
    except (apsw.IOError, apsw.FullError, apsw.CantOpenError):
        # A full disk: what is stored can be read.
        return _begun(sqlite.open_unwritten(path)), True


def _begun(connection: apsw.Connection) -> apsw.Connection:
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT seq FROM log LIMIT 1").fetchall()
    except apsw.Error:
        connection.close()
        raise
    return connection


def _bury(place: Place, rows: apsw.Connection) -> None:
    """Keys that rows call destroyed, and that came back with an old copy, are destroyed again
    before anything is opened. Raises No where they cannot be."""
    known = rows.execute("SELECT 1 FROM sqlite_schema WHERE name = 'key_destroyed'").get
    gone = rows.execute("SELECT id FROM key_destroyed") if known else ()
    back = [key_id for (key_id,) in gone if (place.keys / key_id).exists()]
    if not back:
        return
    try:
        place.keystore().destroy_all(back)
    except OSError as error:
        raise No(
            f"{len(back)} keys in {place.keys} were destroyed, and are back: {error};"
            " have the user of the server run this, and they are destroyed again"
        ) from error


@contextmanager
def reading(place: Place) -> Generator[apsw.Connection, None, None]:
    """The store's rows at one moment: what is committed meanwhile is not seen.

    Raises No where the log is damaged: what is seen to be wrong is not shown as if it were right.
    """
    path = place.database
    if not path.exists():
        raise NotLikeThis(
            f"there is no store at {path}: name its directory with --data,"
            " or make one with `parley serve` or `parley demo --keep`"
        )
    try:
        connection, alone = _opened(path)
    except apsw.Error as error:
        raise NotLikeThis(f"{path} cannot be read as a store: {error}") from error
    try:
        integrity.check_tail(connection)
        _bury(place, connection)
        yield connection
        if alone and sqlite.is_written(path):
            raise No(f"{path} was written again meanwhile, and may be seen half: ask once more")
    except apsw.SQLError as error:
        why = "it is of an older release, and the server brings it up to date: start it once"
        raise No(f"{path} lacks what is asked for ({error}): {why}") from error
    except StoreDamaged as damage:
        raise No(f"{path}: {damage}") from damage
    except integrity.UNREADABLE as error:
        raise No(f"{path}: {StoreDamaged(1, f'its rows cannot be read: {error}')}") from error
    finally:
        connection.close()
