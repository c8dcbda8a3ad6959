"""The text of a prompt, and how much of it must be heard."""

from dataclasses import dataclass
from hashlib import sha256

from consent.prompts import Act, Prompt
from consent.wordings import WORDINGS

FOLLOWS = {Act.READ_BACK: "confirm", Act.ASK_AGAIN: "reask"}
"""What a question is followed by, as the names of wordings have it."""


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
    follows = FOLLOWS.get(prompt.act)
    names = tuple(
        name if follows is None else name.replace("-ask-", f"-{follows}-")
        for name in prompt.wordings
    )
    found = [WORDINGS[name] for name in names]
    text = " ".join(part for part in (before, *(one.text for one in found)) if part)
    return Said(names, text, max(one.must_hear_permille for one in found))


def of_house(what: str, language: str) -> str:
    """The name of something that the house says by itself, in a language or else in English."""
    name = f"{what}-{language}-1"
    return name if name in WORDINGS else f"{what}-en-1"
