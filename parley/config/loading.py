"""Where a configuration comes from: a file, the environment, or the node's parent process."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from parley.config.reading import ConfigError, Variable, config_from, unknown
from parley.config.sections import SECTIONS, Config

FILE_NAME = "parley.toml"
FILE_BYTES_MAX = 1 << 20

# A Kubernetes service named "parley" puts these into every pod's environment; they are not for us.
FOREIGN = re.compile(r"PARLEY_(SERVICE_(HOST|PORT)(_.*)?|PORT(_.*)?)")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read `path`, or ./parley.toml when there is one, or nothing. Raises ConfigError."""
    file = path or Path(FILE_NAME)
    if path is None and not file.exists():
        return parse("", environ)
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read: {error}", "Name a readable UTF-8 file; none at all works too."
        ) from error
    return parse(content, environ, str(file))


def parse(toml_text: str, environ: Mapping[str, str], source: str = FILE_NAME) -> Config:
    """What a file's text and the environment say together. Raises ConfigError."""
    try:
        raw = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{source}: {error}", "It must be TOML: [section], then key = value."
        ) from error
    for name in sorted(environ):
        if name.startswith("PARLEY_") and not FOREIGN.fullmatch(name):
            _override(raw, Variable(name, environ[name]))
    return config_from(raw, source)


def from_json(raw: Mapping[str, object]) -> Config:
    """What Config.to_json wrote, in another process. Raises ConfigError."""
    return config_from(raw, "the configuration handed on")


def _override(raw: dict[str, Any], variable: Variable) -> None:
    """PARLEY_SECTION_KEY; PARLEY_TRUNK_NAME_KEY for a trunk which the file names."""
    for prefix, table in _tables(raw):
        if variable.name.startswith(prefix):
            table[variable.name.removeprefix(prefix).lower()] = variable
            return
    raise unknown("the environment", variable.name, (prefix + "…" for prefix, _ in _tables(raw)))


def _tables(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    """The tables of a file, made where it has none, by the prefix of their variables."""
    for section in SECTIONS:
        table = raw.setdefault(section, {})
        if isinstance(table, dict):
            yield f"PARLEY_{section.upper()}_", cast("dict[str, object]", table)
    trunks = cast("list[object]", raw.get("trunk")) if isinstance(raw.get("trunk"), list) else []
    named = [cast("dict[str, object]", trunk) for trunk in trunks if isinstance(trunk, dict)]
    # Longer names first: "carrier_two" begins with "carrier_".
    for trunk in sorted(named, key=lambda trunk: -len(str(trunk.get("name")))):
        name = re.sub(r"[^A-Z0-9]", "_", str(trunk.get("name")).upper())
        yield f"PARLEY_TRUNK_{name}_", trunk
