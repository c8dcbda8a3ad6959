"""Who is in a call, on which line, on which day: what a plan is made for."""

from dataclasses import dataclass

from consent.policy.places import Place
from consent.policy.terms import Line, Role


@dataclass(frozen=True, slots=True)
class Party:
    """`standing` are scopes to which this person, verified, agreed before, and still does."""

    id: str
    role: Role
    place: Place
    standing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """`day` is ISO 8601, `vendors` ids of those who would get the voice or its words,
    `language` (ISO 639) what the service is held in; None for that of each party's place."""

    parties: tuple[Party, ...]
    line: Line
    day: str
    vendors: tuple[str, ...] = ()
    language: str | None = None
