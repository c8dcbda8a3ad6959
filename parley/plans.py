"""What the party of a call is owed, by the policy that is configured: made once, asked per call.

Nothing here raises once it is made. Who is nowhere we know is at the strictest place; where the
policy itself cannot be read, the strictest policy counts, and the operator is told why.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from consent.filed import ConsentOnFile, standing, tag
from consent.policy import in_force, parsing, places, tightening
from consent.policy.cells import Law, Overlay
from consent.policy.errors import PolicyError, UnknownPlace
from consent.policy.plan import Plan, Requirement, Start
from consent.policy.query import Party, Query
from consent.policy.resolver import resolve
from consent.policy.shipped import law as shipped_law
from consent.policy.tables import PolicyRelease, PolicyText
from consent.policy.terms import VENDOR, Condition, Line, Role
from consent.tables import BasisKind
from consent.terms import ASK, NAMED, NEVER, Term, ask_terms, never_terms, terms_of
from consent.wordings import LANGUAGES
from parley.config import Config, Vendor
from runtime.errors import named
from runtime.query import Reads
from sessions.parties import party
from sessions.plans import Facts

CALLER = "caller"
AGENT = "agent"

NO_AGREEMENT = "house/vendor-without-agreement"
LEARNS = "house/vendor-learns"
"""Why a vendor is off that the law would allow."""

OVERLAYS_KEPT = 64


class PlanError(Exception):
    """The section [consent] cannot be used; the message says what to write."""


class Plans:
    """What each party is owed. Make it with `plans_of`."""

    def __init__(
        self,
        config: Config,
        law: Law,
        file: Sequence[Overlay],
        *,
        rows: Reads,
        secret: bytes,
        clock: Callable[[], int],
        note: Callable[..., None],
    ) -> None:
        self._consent = config.consent
        self._vendors = {vendor.name: vendor for vendor in config.vendor}
        self._law = law
        self._file = tuple(file)
        self._place = _place(law, config.consent.place)
        self._rows = rows
        self._secret = secret
        self._clock = clock
        self._note = note
        self._overlays: dict[str, Overlay] = {}

    async def terms_for(self, facts: Facts) -> tuple[Term, ...]:
        """What the party of a call is owed. Never raises."""
        if self._consent.policy == ASK:
            return ask_terms(tuple(self._vendors))
        if self._consent.policy == NEVER:
            return never_terms(tuple(self._vendors))
        return await self._lawful(facts)

    async def plan_of(self, facts: Facts) -> tuple[Plan, Mapping[str, str]]:
        """The plan of a call, and the consents on file that it counts on. Never raises."""
        now_us = self._clock()
        try:
            on_file = await self._on_file(facts, now_us)
            overlays = await self._in_force(now_us)
            return resolve(self._law, self._query(facts, now_us, on_file), overlays), on_file
        except Exception as error:  # A call that is answered must not lack its terms.
            self._note("the strictest policy counts", call=facts.call, why=named(error))
            nobody = Facts(facts.call, "", facts.role, facts.is_ours, is_verified=False)
            strictest = in_force.unreadable(self._law, "")
            return resolve(self._law, self._query(nobody, now_us, {}), (strictest,)), {}

    async def _lawful(self, facts: Facts) -> tuple[Term, ...]:
        plan, on_file = await self.plan_of(facts)
        agreed = dict.fromkeys(("outbound_ai_voice",), facts.call) | dict(on_file)
        return tuple(self._agreed_with(plan, term) for term in terms_of(plan, CALLER, agreed))

    def _agreed_with(self, plan: Plan, term: Term) -> Term:
        """A vendor gets nothing without the agreement that the law asks for, and nothing to learn
        from: that is asked after a call, and they would have learnt by then."""
        kind, _, name = term.scope.partition(":")
        if kind != VENDOR or term.start is Start.DISABLED:
            return term
        why = _unfit(self._vendors[name], plan.of(CALLER, term.scope))
        if why is None:
            return term
        off: dict[str, Any] = {"start": Start.DISABLED, "basis": None, "wording": "", "closing": ""}
        return replace(term, **off, rules=(*term.rules, why), on_file=None)

    def _query(self, facts: Facts, now_us: int, on_file: Mapping[str, str]) -> Query:
        line = Line(self._consent.line)
        outbound = facts.is_ours and facts.role is Role.CALLER and line is Line.GENERAL
        agreed = list(on_file)
        if facts.basis is BasisKind.CONSENT:
            agreed.append("outbound_ai_voice")
        others = [
            Party(f"{role}-{number}", role, self._where(remote))
            for number, (role, remote) in enumerate(facts.with_others, 2)
        ]
        return Query(
            parties=(
                Party(CALLER, facts.role, self._where(facts.remote), tuple(agreed)),
                Party(AGENT, Role.AGENT, self._place),
                *others,
            ),
            line=Line.OUTBOUND if outbound else line,
            day=in_force.day_of(now_us),
            vendors=tuple(self._vendors),
            language=self._consent.language or None,
        )

    def _where(self, remote: str) -> places.Place:
        """By the number of a URI; a name at a host is nowhere."""
        try:
            return places.of_number(self._law, party(remote))
        except ValueError:
            return places.strictest("nobody knows who it is")

    async def _on_file(self, facts: Facts, now_us: int) -> dict[str, str]:
        if not facts.is_verified:
            return {}
        try:
            subject = tag(self._secret, party(facts.remote))
        except ValueError:
            return {}
        return standing(await self._rows.rows(ConsentOnFile, subject=subject), subject, now_us)

    async def _in_force(self, now_us: int) -> tuple[Overlay, ...]:
        """The configured file, then what was published for these calls."""
        releases = await self._rows.rows(PolicyRelease)
        found = in_force.released(releases, self._consent.tenant, now_us)
        return (*self._file, *[await self._published(one.policy) for one in found])

    async def _published(self, policy: str) -> Overlay:
        """Read once; a text never changes under its version."""
        if policy not in self._overlays:
            if len(self._overlays) >= OVERLAYS_KEPT:
                self._overlays.clear()
            texts = {row.id: row.text for row in await self._rows.rows(PolicyText, id=policy)}
            self._overlays[policy] = in_force.loaded(self._law, policy, texts)
        return self._overlays[policy]


def _unfit(vendor: Vendor, one: Requirement | None) -> str | None:
    if vendor.training:
        return LEARNS
    asked = one is not None and Condition.VENDOR_AGREEMENT in one.conditions
    return NO_AGREEMENT if asked and not vendor.agreement else None


def _place(law: Law, words: str) -> places.Place:
    if not words:
        return places.strictest("[consent] place is not configured")
    return places.of_words(law, words)


def checked(config: Config) -> tuple[Law, tuple[Overlay, ...]]:
    """The law, and the file that tightens it. Raises PlanError for what cannot be used."""
    consent = config.consent
    law = shipped_law()
    try:
        _place(law, consent.place)
    except UnknownPlace as error:
        raise PlanError(f"[consent] place: {error}") from error
    if consent.language and consent.language not in LANGUAGES:
        raise PlanError(
            f"[consent] language = {consent.language!r}: there are no words in it yet;"
            f" take one of {', '.join(LANGUAGES)}"
        )
    if config.vendor and consent.policy in (ASK, NEVER):
        raise PlanError(
            f"[[vendor]] {config.vendor[0].name}: policy {consent.policy!r} tells no caller of"
            ' vendors; write policy = "law", or the path of a file that tightens it'
        )
    return law, () if consent.policy in NAMED else (_file(law, Path(consent.policy)),)


def _file(law: Law, path: Path) -> Overlay:
    try:
        overlay = parsing.overlay(path.name, path.read_text(encoding="utf-8"))
        tightening.check(law, overlay, in_force.day_of(time.time_ns() // 1_000))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"[consent] policy = {str(path)!r} cannot be read: {error}") from error
    except PolicyError as error:
        raise PlanError(f"[consent] policy: {error}") from error
    return overlay


def plans_of(
    config: Config,
    *,
    rows: Reads,
    secret: bytes,
    clock: Callable[[], int],
    note: Callable[..., None],
) -> Plans:
    """Raises PlanError."""
    law, file = checked(config)
    return Plans(config, law, file, rows=rows, secret=secret, clock=clock, note=note)
