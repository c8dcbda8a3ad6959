"""Where a KEK of 32 bytes is read: a file, a variable, the keyring of the system."""

import base64
import importlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runtime import key_files
from runtime.kek import Bytes, Hook, Kek, Remote, Source
from runtime.key_errors import KekError
from runtime.wrapped import KEY_BYTES

REFERENCE = re.compile(
    r"file:.+|env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^/]+/.+|kms:[A-Za-z_][\w.]*:[A-Za-z_]\w*",
    re.ASCII,
)
HINT = '"" (DATA/kek), "file:PATH", "env:NAME", "keyring:SERVICE/NAME" or "kms:MODULE:FUNCTION"'
FILE_BYTES_MAX = 4_096
KEYRING_WAIT_S = 20.0
"""How long a keyring may take, which may ask its owner to be unlocked."""

DRAW = "openssl rand -hex 32"


def source_of(reference: str, data: Path, environ: Mapping[str, str] = os.environ) -> Source:
    """What `[keys] kek` names. Raises KekError."""
    kind, _, name = reference.partition(":")
    if not reference:
        return File(data / "kek", ours=True)
    if not REFERENCE.fullmatch(reference):
        raise KekError(f"[keys] kek cannot be used: write {HINT}")
    if kind == "file":
        return File(Path(name))
    if kind == "env":
        return Read(f"the environment variable {name}", lambda: _variable(name, environ))
    if kind == "keyring":
        service, _, entry = name.partition("/")
        return Read(f"the keyring's {service}/{entry}", lambda: _keyring(service, entry))
    module, _, function = name.partition(":")
    made: list[Hook] = []

    def hook() -> Hook:
        if not made:
            made.append(_hook(module, function))
        return made[0]

    return Remote(reference, hook)


@dataclass(frozen=True, slots=True)
class Read:
    """A KEK that somebody else made."""

    where: str
    read: Callable[[], str]

    def open(self) -> Kek:
        return Bytes(parsed(self.read().encode(), self.where))

    def make(self) -> None:
        """It is for its owner to make."""


@dataclass(frozen=True, slots=True)
class File:
    """A KEK in a file, as 32 bytes, hex or base64. `ours` is one that we may make."""

    path: Path
    ours: bool = False

    @property
    def where(self) -> str:
        return f"the file {self.path}"

    def open(self) -> Kek:
        try:
            with self.path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX)
        except FileNotFoundError as error:
            do = "put it back from your copy" if self.ours else f"make it: {DRAW} > {self.path}"
            raise KekError(f"there is no KEK at {self.path}: {do}") from error
        except OSError as error:
            why = f"{self.path} cannot be read: {error.strerror}"
            raise KekError(f"{why}; the server must be able to read it") from error
        return Bytes(parsed(data, self.where))

    def make(self) -> None:
        """Whole or not at all; of two who make one, both go on with the first."""
        if not self.ours or self.path.exists():
            return
        try:
            write_new(self.path)
        except OSError as error:
            raise KekError(f"no KEK can be made at {self.path}: {error.strerror}") from error

    def next(self) -> "File":
        """The KEK that is to take this one's place; drawn, unless an attempt before did that."""
        found = File(self.path.with_name(f"{self.path.name}.next"), ours=True)
        found.make()
        return found

    def succeed(self) -> None:
        """Put the next one into this one's place, and overwrite this one. Raises KekError."""
        draft, folder, name = self.next().path, self.path.parent, self.path.name
        try:
            key_files.tidy_up(folder, name)
            key_files.replace_all(folder, {name: draft.read_bytes()})
            key_files.overwrite(draft)
        except OSError as error:
            raise KekError(f"{draft} cannot take the place of {name}: {error.strerror}") from error


def write_new(path: Path) -> None:
    """Draw a KEK and have it on disk, unless there is one meanwhile. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def parsed(data: bytes, where: str) -> bytes:
    """32 bytes, or the same as hex or base64. Raises KekError, which repeats nothing of it."""
    if len(data) == KEY_BYTES:
        return data
    text = data.strip()
    with suppress(ValueError):
        if len(found := bytes.fromhex(text.decode("ascii"))) == KEY_BYTES:
            return found
    with suppress(ValueError):
        if len(found := base64.b64decode(text, validate=True)) == KEY_BYTES:
            return found
    raise KekError(f"what {where} holds is no KEK: {KEY_BYTES} bytes as hex or base64, {DRAW}")


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise KekError(f"the environment variable {name} is not set: it must hold the KEK")
    return environ[name]


def _keyring(service: str, name: str) -> str:
    """By the package `keyring` where it is installed, else by libsecret's secret-tool."""
    if importlib.util.find_spec("keyring") is not None:
        found = _by_package(service, name)
    elif (tool := shutil.which("secret-tool")) is not None:
        found = _by_tool(tool, service, name)
    else:
        raise KekError(
            "[keys] kek names the keyring, and nothing here can ask it: pip install"
            " 'parley[keyring]', or install secret-tool (libsecret-tools)"
        )
    if not found:
        raise KekError(
            f"the keyring holds nothing for {service}/{name}:"
            f" {DRAW} | secret-tool store --label=parley service {service} username {name}"
        )
    return found


def _by_package(service: str, name: str) -> str | None:
    keyring: Any = importlib.import_module("keyring")
    try:
        return cast("str | None", keyring.get_password(service, name))
    except Exception as error:  # Each backend has errors of its own.
        why = f"{type(error).__name__}: {error}"
        raise KekError(f"the keyring cannot be asked for {service}/{name}: {why}") from error


def _by_tool(tool: str, service: str, name: str) -> str:
    # The attributes under which the package `keyring` keeps what it is given.
    asked = [tool, "lookup", "service", service, "username", name]
    try:
        done = subprocess.run(asked, capture_output=True, timeout=KEYRING_WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KekError(f"{tool} did not answer: {type(error).__name__}") from error
    if done.returncode and done.stderr.strip():
        why = done.stderr.decode("utf-8", "replace").strip()
        raise KekError(f"{tool} did not answer: {why}; is the keyring unlocked?")
    return done.stdout.decode("ascii", "replace")


def _hook(module: str, function: str) -> Hook:
    """An object with wrap and unwrap: `function` itself, or what it answers when it is called."""
    # Last, so that a file beside the server can be a hook but never one of our own modules.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    found: Any = getattr(importlib.import_module(module), function)
    hook = found() if isinstance(found, type) or not hasattr(found, "wrap") else found
    if not (callable(getattr(hook, "wrap", None)) and callable(getattr(hook, "unwrap", None))):
        raise TypeError(f"{module}:{function} has no wrap(bytes, context) and unwrap")
    return cast("Hook", hook)
