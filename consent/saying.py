"""The text of a prompt, and how much of it must be heard."""

from dataclasses import dataclass
from hashlib import sha256

from consent.prompts import Act, Prompt
from consent.wordings import WORDINGS

FOLLOWS = {Act.READ_BACK: ("confirm", 2), Act.ASK_AGAIN: ("reask", 1)}
"""What a question is followed by, and in which version, as the names of wordings have it."""


@dataclass(frozen=True, slots=True)
class Said:
    """`must_hear_permille`: what it is about goes on once this share of it was played."""

    wordings: tuple[str, ...]
    text: str
    must_hear_permille: int

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def said(prompt: Prompt, before: str = "") -> Said:
    """What is played for a prompt; `before` it, in the same breath, a greeting."""
    names = tuple(_following(name, prompt.act) for name in prompt.wordings)
    found = [WORDINGS[name] for name in names]
    text = " ".join(part for part in (before, *(one.text for one in found)) if part)
    return Said(names, text, max(one.must_hear_permille for one in found))


def _following(name: str, act: Act) -> str:
    """The name of what follows a question where it is read back, or asked again."""
    if act not in FOLLOWS:
        return name
    what, version = FOLLOWS[act]
    return f"{name.replace('-ask-', f'-{what}-').rpartition('-')[0]}-{version}"


def of_house(what: str, language: str) -> str:
    """The name of something that the house says by itself, in a language or else in English."""
    name = f"{what}-{language}-1"
    return name if name in WORDINGS else f"{what}-en-1"
