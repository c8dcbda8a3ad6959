"""The only code that adds a consent event, and so the only maker of a grant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from consent import prompts, story
from consent.machine import OPENING, Due, Event, Row, Standing, State, after, row_of
from consent.policy.plan import Start
from consent.story import AGENT, CALLER
from consent.tables import (
    BasisKind,
    ConsentEvent,
    ConsentHeard,
    ConsentKey,
    ConsentPrompt,
    ConsentTerm,
)
from consent.terms import Term
from runtime import Context, Refused

RECORDING = "recording"

TRACKS = (CALLER, AGENT)
"""Whose voice one recording holds; each has a key of its own."""

TERMS_MAX = 64

ENDED = (State.WITHDRAWN, State.EXPIRED, State.ASK_DUE)
"""Where the right to record is gone while the party is still there."""

_BEGINS = {
    Start.OPEN: Event.NOTHING_REQUIRED,
    Start.NOTICE_DUE: Event.NOTICE_REQUIRED,
    Start.ASK_DUE: Event.CONSENT_REQUIRED,
    Start.CONFIRM_DUE: Event.CONSENT_ON_FILE,
    Start.DISABLED: Event.SWITCHED_OFF,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """Made here and nowhere else, in the commit in which the right to record began."""

    call: str
    at_us: int
    keys: Mapping[str, str]
    """Track -> key id."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an event. `touched`: the scopes in which it meant something."""

    touched: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    """Those whose gate opened."""
    closed: tuple[str, ...] = ()
    """Those whose gate closed."""
    over: tuple[str, ...] = ()
    """Those whose right is gone while the party is there."""
    due: tuple[Due, ...] = ()
    grant: Grant | None = None


def owed(ctx: Context, call: str, terms: Sequence[Term]) -> None:
    """What the policy says of the party of a call, as it is now."""
    if len(terms) > TERMS_MAX:
        raise Refused(f"a call has at most {TERMS_MAX} terms")
    for term in terms:
        ctx.table(ConsentTerm).insert(
            ConsentTerm(
                id=f"{call}/{CALLER}/{term.scope}",
                call=call,
                party=CALLER,
                scope=term.scope,
                position=term.position,
                start=term.start,
                moment=term.when,
                basis=term.basis,
                implied_after_s=term.implied_after_s,
                on_no=term.on_no,
                must_record=term.must_record,
                wording=term.wording,
                closing=term.closing,
                language=term.language,
                policy=term.policy,
                rules=term.rules,
                on_file=term.on_file,
                at_us=ctx.now,
                pauses_on_hold=term.pauses_on_hold,
            )
        )


def joined(ctx: Context, call: str, keys: Mapping[str, str], *, but: Sequence[str] = ()) -> Outcome:
    """The party is there: rows 1 to 5, for what it is owed and was not begun with, `but` some."""
    standings = standings_of(ctx, call)
    terms = [
        term
        for term in terms_of(ctx, call)
        if term.scope not in standings and term.scope not in but
    ]
    happened(ctx, call, Event.JOINED, [term.scope for term in terms], method="policy")
    outcomes: list[Outcome] = []
    for start, event in _BEGINS.items():
        mine = [term for term in terms if term.start == start]
        for on_file in dict.fromkeys(term.on_file for term in mine):
            scopes = [term.scope for term in mine if term.on_file == on_file]
            about = {"method": "policy", "evidence": on_file}
            outcomes.append(happened(ctx, call, event, scopes, keys=keys, **about))
    return merged(outcomes)


def happened(
    ctx: Context,
    call: str,
    event: Event,
    scopes: Iterable[str],
    *,
    keys: Mapping[str, str] | None = None,
    prompt: str | None = None,
    method: str | None = None,
    evidence: str | None = None,
) -> Outcome:
    """`event`, for each of these scopes in which it means something.

    Where that gives the right to record, `keys` (track -> prepared key) come to life.
    """
    events = _events(ctx, call)
    standings = story.standings(events)
    how = _How(prompt, method, evidence)
    touched, opened, closed, over = list[str](), list[str](), list[str](), list[str]()
    due, grant = dict[Due, None](), None
    for scope in scopes:
        before = standings.get(scope, Standing())
        row = row_of(before, event)
        if row is None:
            continue
        now = after(before, row)
        number = len(events) + len(touched)
        added = _add(ctx, f"{call}/{number:04}", call, _Step(scope, row, now), how)
        touched.append(scope)
        due |= dict.fromkeys(row.due)
        opened += [scope] if now.is_open and not before.is_open else []
        closed += [scope] if before.is_open and not now.is_open else []
        over += [scope] if before.state in OPENING and now.state in ENDED else []
        if scope == RECORDING and now.state in OPENING and before.state not in OPENING:
            grant = _grant(ctx, added, keys or {})
    return Outcome(tuple(touched), tuple(opened), tuple(closed), tuple(over), tuple(due), grant)


def put(ctx: Context, prompt: ConsentPrompt) -> None:
    """A notice or a question begins to be played."""
    ctx.table(ConsentPrompt).insert(prompt)


def heard(
    ctx: Context,
    call: str,
    prompt: str,
    *,
    played_ms: int,
    total_ms: int,
    must_hear_permille: int,
    heard_us: int,
    keys: Mapping[str, str],
) -> Outcome:
    """A prompt was played past its must-hear mark: what it is about goes on."""
    marks = (played_ms, total_ms, must_hear_permille, heard_us)
    row = marked(ctx, call, prompt, marks)
    return happened(
        ctx, call, Event.HEARD, row.scopes, keys=keys, prompt=prompt, method="media clock"
    )


def marked(ctx: Context, call: str, prompt: str, marks: tuple[int, int, int, int]) -> ConsentPrompt:
    """It was heard. `marks`: the milliseconds that were played, of how many, the share of them
    that must be, in permille, and when, by the media clock."""
    played_ms, total_ms, must_hear_permille, _ = marks
    if played_ms * 1_000 < total_ms * must_hear_permille:
        raise Refused(f"{prompt} was played for {played_ms} of {total_ms} ms: not heard yet")
    row = ctx.table(ConsentPrompt).one(prompt)
    ctx.table(ConsentHeard).insert(ConsentHeard(prompt, call, *marks, ctx.now))
    return row


def terms_of(ctx: Context, call: str) -> list[ConsentTerm]:
    """What its party is owed, in the order of the policy."""
    return sorted(ctx.table(ConsentTerm).where(call=call), key=lambda term: term.position)


def standings_of(ctx: Context, call: str) -> dict[str, Standing]:
    """Scope -> where the party of a call stands."""
    return story.standings(_events(ctx, call))


def is_open(ctx: Context, call: str, scope: str) -> bool:
    """Whether the gate of a scope is open now."""
    return standings_of(ctx, call).get(scope, Standing()).is_open


def has_agreed(ctx: Context, call: str, scope: str) -> bool:
    """The same, whatever keeps the gate closed for a while."""
    return standings_of(ctx, call).get(scope, Standing()).state in OPENING


def granted_by(ctx: Context, call: str, scope: str) -> int | None:
    """The number of the row that gave the grant which stands now; None without one."""
    events = [one for one in _events(ctx, call) if (one.party, one.scope) == (CALLER, scope)]
    number, state = None, State.ABSENT
    for event in sorted(events, key=lambda one: one.id):
        if event.state is State.GRANTED and state is not State.GRANTED:
            number = event.number
        state = event.state
    return number if state is State.GRANTED else None


def was_open(ctx: Context, call: str, scope: str, from_us: int, until_us: int) -> bool:
    """Whether the gate of a scope was open from one moment to another."""
    return story.was_open(_events(ctx, call), scope, from_us, until_us)


def due(ctx: Context, call: str) -> prompts.Prompt | None:
    """What is to be said to the party of a call next."""
    return prompts.due(terms_of(ctx, call), standings_of(ctx, call))


def closing(ctx: Context, call: str) -> prompts.Prompt | None:
    """What is to be said to the party of a call before we hang up, and was not yet."""
    said = ctx.table(ConsentPrompt).where(call=call)
    if any(prompt.act == prompts.Act.CLOSE for prompt in said):
        return None
    return prompts.closing(terms_of(ctx, call), standings_of(ctx, call))


def is_asked(ctx: Context, call: str) -> bool:
    """Whether the party of a call is told or asked something yet, or is to answer."""
    return prompts.is_asked(terms_of(ctx, call), standings_of(ctx, call))


def merged(outcomes: Iterable[Outcome]) -> Outcome:
    """What came of several events of one commit."""
    found = list(outcomes)
    grants = [one.grant for one in found if one.grant is not None]
    return Outcome(
        touched=tuple(scope for one in found for scope in one.touched),
        opened=tuple(scope for one in found for scope in one.opened),
        closed=tuple(scope for one in found for scope in one.closed),
        over=tuple(scope for one in found for scope in one.over),
        due=tuple(dict.fromkeys(what for one in found for what in one.due)),
        grant=grants[0] if grants else None,
    )


def _grant(ctx: Context, granting: ConsentEvent, keys: Mapping[str, str]) -> Grant:
    """The right to record begins: so does that of the keys."""
    if sorted(keys) != sorted(TRACKS):
        raise Refused(f"a grant needs a key for each of {TRACKS}")
    for track in TRACKS:
        ctx.table(ConsentKey).insert(
            ConsentKey(
                id=keys[track],
                call=granting.call,
                party=track,
                scope=granting.scope,
                epoch=granting.epoch,
                event=granting.id,
                at_us=ctx.now,
            )
        )
    return Grant(granting.call, ctx.now, keys)


def _events(ctx: Context, call: str) -> list[ConsentEvent]:
    return ctx.table(ConsentEvent).where(call=call)


@dataclass(frozen=True, slots=True)
class _Step:
    """A row of the machine is applied to a scope."""

    scope: str
    row: Row
    now: Standing


@dataclass(frozen=True, slots=True)
class _How:
    """To what it is an answer, how it came, and what shows it."""

    prompt: str | None
    method: str | None
    evidence: str | None


def _basis(now: Standing, term: ConsentTerm | None) -> BasisKind | None:
    """Why it is open: a life that is at stake needs no other reason."""
    if now.state is State.VITAL:
        return BasisKind.VITAL_INTERESTS
    return None if term is None else term.basis


def _add(ctx: Context, name: str, call: str, step: _Step, how: _How) -> ConsentEvent:
    now = step.now
    opens = Due.OPEN in step.row.due and now.state in OPENING
    term = ctx.table(ConsentTerm).get(f"{call}/{CALLER}/{step.scope}") if opens else None
    return ctx.table(ConsentEvent).insert(
        ConsentEvent(
            id=name,
            call=call,
            party=CALLER,
            scope=step.scope,
            number=step.row.number,
            event=step.row.event,
            state=now.state,
            closed_by=now.closed_by,
            epoch=now.epoch,
            is_open=now.is_open,
            replays=now.replays,
            volunteered=now.volunteered,
            implied=now.implied,
            basis=_basis(now, term) if opens else None,
            prompt=how.prompt,
            method=how.method,
            evidence=how.evidence,
            at_us=ctx.now,
        )
    )
