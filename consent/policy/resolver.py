"""From parties, line and day to a plan: the strictest law of all places where somebody is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consent.policy.cells import Cell, Cells, Law, Overlay
from consent.policy.plan import Plan, Requirement, Rule, Start
from consent.policy.query import Party, Query
from consent.policy.saying import SAID, about, in_one_sentence, spoken_in, wordings_of
from consent.policy.steps import ordered
from consent.policy.strictness import Asked, brings, joined, weight
from consent.policy.terms import (
    EVERYWHERE,
    SCOPES,
    STRICTEST,
    VENDOR,
    BasisKind,
    Due,
    Line,
    Role,
    kind_of,
)

EVERYWHERE_SAID = "it counts everywhere"


@dataclass(frozen=True, slots=True)
class _Brought:
    """A cell, and who brought it in by where they are."""

    cell: Cell
    party: Party


def resolve(law: Law, query: Query, overlays: Sequence[Overlay] = ()) -> Plan:
    """The plan. Overlays can only add to what the law asks."""
    requirements = in_one_sentence(
        [
            _requirement(law, query, overlays, party, scope)
            for party in query.parties
            for scope in _scopes(query)
            if _concerns(scope, party.role)
        ]
    )
    versions = (law.version, *(overlay.version for overlay in overlays))
    return Plan(versions, query.day, query.line, requirements, ordered(requirements))


def governing(
    law: Law, code: str, scope: str, line: Line, day: str, *, overlays: Sequence[Overlay] = ()
) -> list[Cell]:
    """The cells that count at one place, the nearest first."""
    chain = law.chain(code)
    found = _in_force(law.cells, chain, scope, line, day)
    # No cell is no permission: where the data say nothing, the strictest is meant.
    if all(cell.jurisdiction == EVERYWHERE for cell in found):
        found = _in_force(law.cells, law.chain(STRICTEST), scope, line, day)
    for overlay in overlays:
        found += _in_force(overlay.cells, chain, scope, line, day)
    return found


def _in_force(cells: Cells, chain: Sequence[str], scope: str, line: Line, day: str) -> list[Cell]:
    special = list(_looked_up(cells, chain, scope, line, day)) if line is not Line.GENERAL else []
    # A duty to record on such lines stands in the place of the law for all lines there.
    if any(cell.prevails for cell in special):
        return special
    return special + list(_looked_up(cells, chain, scope, Line.GENERAL, day))


def _looked_up(
    cells: Cells, chain: Sequence[str], scope: str, line: Line, day: str
) -> Iterator[Cell]:
    names = (scope,) if kind_of(scope) == scope else (scope, kind_of(scope))
    for jurisdiction in chain:
        for name in names:
            if (cell := cells.at((jurisdiction, name, line), day)) is not None:
                yield cell


def _scopes(query: Query) -> list[str]:
    """What is in question in such a call."""
    roles = [party.role for party in query.parties]
    found: list[str] = []
    for scope in SCOPES:
        if scope == VENDOR:
            found += [f"{VENDOR}:{vendor}" for vendor in query.vendors]
        elif (
            (scope != "ai_interaction" or Role.AGENT in roles)
            and (scope != "monitoring" or Role.SUPERVISOR in roles or query.line is Line.INTERNAL)
            and (scope != "outbound_ai_voice" or query.line is Line.OUTBOUND)
        ):
            found.append(scope)
    return found


def _concerns(scope: str, role: Role) -> bool:
    """A supervisor is not told that they listen, a colleague not asked for calls to strangers."""
    if scope == "monitoring":
        return role is not Role.SUPERVISOR
    return scope != "outbound_ai_voice" or role is Role.CALLER


def _requirement(
    law: Law, query: Query, overlays: Sequence[Overlay], party: Party, scope: str
) -> Requirement:
    found = [
        _Brought(cell, one)
        for one in (party, *(other for other in query.parties if other != party))
        for cell in governing(law, one.place.code, scope, query.line, query.day, overlays=overlays)
    ]
    asked = joined([one.cell for one in found])
    due = asked.due
    if party.role is Role.AGENT and due is not Due.OFF:
        due = Due.NONE  # It speaks for its operator, who has decided; its voice is theirs.
    once = _once(found)
    deciding = _deciding(once, asked.due)
    adding = [one for one in once if one not in deciding and brings(one.cell, asked)]
    wanted = query.language or _language(law, party)
    language = spoken_in(scope, wanted)
    start = _start(due, scope in party.standing)
    wordings = _wordings(scope, start, asked, deciding, language)
    return Requirement(
        party=party.id,
        role=party.role,
        scope=scope,
        due=due,
        start=start,
        basis=_basis(due, deciding),
        implied_after_s=asked.implied_after_s if due is Due.ASK else None,
        on_no=asked.on_no,
        when=asked.when if due in (Due.NOTICE, Due.ASK) else (),
        beep=asked.beep,
        must_record=asked.must_record,
        retention=asked.retention,
        conditions=asked.conditions,
        language=language,
        wordings=wordings,
        rules=tuple(_rule(one, asked) for one in (*deciding, *adding)),
        unspoken=wanted if wordings and language != wanted else None,
    )


def _once(found: Sequence[_Brought]) -> list[_Brought]:
    """Each cell as the first party brought it in."""
    known: dict[tuple[str, str], _Brought] = {}
    for one in found:
        known.setdefault((one.cell.id, one.cell.file), one)
    return list(known.values())


def _deciding(found: Sequence[_Brought], due: Due) -> list[_Brought]:
    """Whose cells ask this much: the strictest first, then in the order of parties."""
    kept = [one for one in found if one.cell.due is due]
    return sorted(kept, key=lambda one: weight(one.cell), reverse=True)


def _start(due: Due, standing: bool) -> Start:
    match due:
        case Due.OFF:
            return Start.DISABLED
        case Due.ASK:
            return Start.CONFIRM_DUE if standing else Start.ASK_DUE
        case Due.NOTICE:
            return Start.NOTICE_DUE
        case Due.NONE:
            return Start.OPEN


def _basis(due: Due, deciding: Sequence[_Brought]) -> BasisKind | None:
    if due is Due.OFF:
        return None
    if due is Due.ASK:
        return BasisKind.CONSENT
    named = [one.cell.basis for one in deciding if one.cell.basis not in (None, BasisKind.CONSENT)]
    return named[0] if named else BasisKind.LEGITIMATE_INTERESTS


def _language(law: Law, party: Party) -> str:
    return law.jurisdictions[law.chain(party.place.code)[0]].languages[0]


def _wordings(
    scope: str, start: Start, asked: Asked, deciding: Sequence[_Brought], language: str
) -> tuple[str, ...]:
    named = [one.cell.wording for one in deciding if one.cell.wording is not None]
    own = [name for name in named if name in SAID]
    return wordings_of(own[0] if own else about(scope), start, asked.when, language)


def _rule(one: _Brought, asked: Asked) -> Rule:
    cell = one.cell
    return Rule(
        cell=cell.id,
        source=cell.source,
        reviewed=cell.reviewed,
        grade=cell.grade,
        note=cell.note,
        brings=brings(cell, asked),
        party=one.party.id,
        because=EVERYWHERE_SAID if cell.jurisdiction == EVERYWHERE else one.party.place.because,
    )
