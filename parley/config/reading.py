"""From raw tables, as TOML or JSON gives them, to sections: every mistake is named."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, cast

from parley.config.keys import key_of
from parley.config.sections import LIST_MAX, LISTS, SECTIONS, Config
from parley.config.values import Secret


class ConfigError(Exception):
    """The configuration cannot be used; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\n  {hint}")
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Variable:
    """A raw value which came from the environment: it is always text."""

    name: str
    text: str


def config_from(raw: Mapping[str, object], source: str) -> Config:
    """Raises ConfigError, which names `source`."""
    values: dict[str, Any] = {}
    for name, content in raw.items():
        if name in LISTS:
            values[name] = _listed(LISTS[name], name, content, source)
        elif name in SECTIONS:
            values[name] = _section(SECTIONS[name], name, content, source)
        else:
            raise unknown(source, f"[{name}]", [f"[{known}]" for known in (*SECTIONS, *LISTS)])
    return Config(**values)


def unknown(source: str, name: str, known: Iterable[str]) -> ConfigError:
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.0)[0]
    return ConfigError(f"{source}: {name} is not known", f"The nearest known one is {nearest}.")


def _listed(kind: type[Any], name: str, content: object, source: str) -> tuple[Any, ...]:
    if not isinstance(content, list):
        raise ConfigError(
            f"{source}: {name} is not a list", f"Write [[{name}]], once for each {name}."
        )
    items = cast("list[object]", content)
    found = tuple(_section(kind, name, item, source) for item in items)
    if len(found) > LIST_MAX[name] or len({one.name for one in found}) < len(found):
        raise ConfigError(
            f"{source}: two of [[{name}]] share a name, or there are too many",
            f"Give each [[{name}]] a name of its own; {LIST_MAX[name]} at most.",
        )
    return found


def _section(kind: type[Any], section: str, content: object, source: str) -> Any:
    if not isinstance(content, dict):
        raise ConfigError(f"{source}: {section} is not a section", f"Write [{section}], then keys.")
    table = cast("dict[str, object]", content)
    return kind(**{name: _value(kind, section, name, raw, source) for name, raw in table.items()})


def _value(kind: type[Any], section: str, name: str, raw: object, source: str) -> Any:
    specs = {spec.name: spec for spec in fields(kind)}
    if isinstance(raw, Variable):
        source = f"${raw.name}"
    if name not in specs:
        raise unknown(source, f"{section}.{name}", [f"{section}.{known}" for known in specs])
    key = key_of(specs[name])
    try:
        return key.read(_shaped(raw, specs[name].default) if isinstance(raw, Variable) else raw)
    except ValueError as error:
        # What was written may be a secret in the wrong place: the message does not repeat it.
        raise ConfigError(
            f"{source}: {section}.{name} cannot be used", f"Write {key.hint}."
        ) from error


def _shaped(variable: Variable, default: object) -> object:
    """A variable's text in the shape which the same key has in TOML: the default shows it."""
    value = variable.text
    if isinstance(default, Secret):
        # A reference to the variable, so that the secret itself stays in the environment.
        return value if value.startswith(("env:", "file:")) else f"env:{variable.name}"
    if isinstance(default, tuple):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    if isinstance(default, int):
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else value
    return value
