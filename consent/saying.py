"""The text of a prompt, and how much of it must be heard."""

from dataclasses import dataclass
from hashlib import sha256

from consent.prompts import Act, Prompt
from consent.wordings import FALLBACK, WORDINGS, Wording, filled, following, newest

FOLLOWS = {Act.READ_BACK: "confirm", Act.ASK_AGAIN: "reask"}
"""What a question is followed by, as the names of wordings have it."""

ASKS = "ask"


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
    names = tuple(_named(prompt.act, name) for name in prompt.wordings)
    text = " ".join(part for part in (before, filled(names, prompt.scopes)) if part)
    return Said(names, text, max(WORDINGS[name].must_hear_permille for name in names))


def _named(act: Act, name: str) -> str:
    """The wording for what is done; who was only told at first may be asked later on."""
    does = ASKS if act is Act.ASK else FOLLOWS.get(act)
    return name if does is None or f"-{does}-" in name else following(name, does).id


def of_house(what: str, language: str) -> Wording:
    """What the house says by itself, such as "refusal-end", in a language or else in English."""
    found = newest(f"{what}-{language}") or newest(f"{what}-{FALLBACK}")
    assert found is not None, f"nothing is written down for {what}"
    return found
