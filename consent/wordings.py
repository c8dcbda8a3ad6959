"""Every word ever said about consent, by a name that never changes its text.

A name is what it is about, what it does, its language and its version: "recording-ask-de-1". The
texts are in `words/`, a file for each language; a new text is a new version beside the old one.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "words"

FALLBACK = "en"
"""What is spoken where there are no words in a language."""

MUST_HEAR_PERMILLE = {
    "notice": 900,
    "ask": 900,
    "standing": 900,
    "closing": 900,
    "reask": 900,
    "confirm": 800,
}
"""So much of a text must be heard before it counts; nothing of what only ends something."""

VENDOR = "vendor:"
VENDORS = "{vendors}"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text, in which `{vendors}` is filled in when it is said. `must_hear_permille`: it counts
    after this share was played."""

    id: str
    language: str
    text: str
    must_hear_permille: int

    @property
    def name(self) -> str:
        """Without its version."""
        return self.id.rpartition("-")[0]

    @property
    def sha256(self) -> str:
        """Of the text, in hex; what is filled in is not in it."""
        return digest(self.text)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def spoken_names(vendors: Sequence[str], language: str) -> str:
    """Ids of vendors as people say them: "Acme, Bolt and Cargo"."""
    names = [vendor.replace("-", " ").replace("_", " ").title() for vendor in vendors]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {_AND[language]} {names[-1]}"


def filled(wordings: Sequence[str], scopes: Sequence[str] = ()) -> str:
    """The texts of these names in one breath, about these scopes: it names their vendors.

    Raises KeyError for a name that is none.
    """
    found = [WORDINGS[name] for name in wordings]
    vendors = [scope.removeprefix(VENDOR) for scope in scopes if scope.startswith(VENDOR)]
    return " ".join(one.text.replace(VENDORS, spoken_names(vendors, one.language)) for one in found)


def newest(name: str) -> Wording | None:
    """The version of a name that is said today; None where nothing has it."""
    return _NEWEST.get(name)


def following(wording: str, does: str) -> Wording:
    """What is said next about the same in the same language: `following(question, "reask")`.

    Raises KeyError where there is nothing.
    """
    about, _, language, _ = wording.rsplit("-", 3)
    return _NEWEST[f"{about}-{does}-{language}"]


def language_of(names: Sequence[str], language: str) -> str:
    """The language in which all of these can be said: this one, else English.

    Names are without language and version: "recording-ask".
    """
    there = language in LANGUAGES and all(f"{name}-{language}" in _NEWEST for name in names)
    return language if there else FALLBACK


def _read() -> dict[str, dict[str, Any]]:
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.toml"))
    }


def _wordings(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Wording]:
    found: dict[str, Wording] = {}
    for language, tables in files.items():
        for about, texts in tables.items():
            if about == "and":
                continue
            for key, text in texts.items():
                does, _, version = key.rpartition("-")
                name = f"{about}-{does}-{language}-{version}"
                found[name] = Wording(name, language, text, MUST_HEAR_PERMILLE.get(does, 0))
    return found


def _newest(wordings: Mapping[str, Wording]) -> dict[str, Wording]:
    by_version = sorted(wordings.values(), key=lambda one: int(one.id.rpartition("-")[2]))
    return {one.name: one for one in by_version}


_FILES = _read()
_AND: dict[str, str] = {language: tables["and"] for language, tables in _FILES.items()}

LANGUAGES = tuple(_FILES)
"""What can be said, ISO 639."""

WORDINGS = _wordings(_FILES)
"""All, by their names."""

_NEWEST = _newest(WORDINGS)
