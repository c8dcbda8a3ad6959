"""What a party is told, asked, and answers, step by step; each is one commit with all it leads to.

A grant, its keys and the recording are born together; a withdrawal ends them together.
"""

from collections.abc import Mapping, Sequence

from consent import clips
from consent import reducers as consent
from consent.filed import ConsentOnFile
from consent.machine import Due, Event, State
from consent.permit import LIVE_STT, VENDOR
from consent.policy.terms import OnNo
from consent.prompts import Act
from consent.reducers import RECORDING, Outcome
from consent.story import CALLER
from consent.tables import ConsentHeard, ConsentPrompt, ConsentTerm
from conversation import reducers as conversation
from conversation.tables import Turn
from runtime import Context, Refused, Sealed, reducer
from sessions import bridge_reducers as joined
from sessions import gating
from sessions.gating import RECORDED
from sessions.tables import Call, CallState

ANSWERS = (
    Event.YES_KEY,
    Event.YES_VOICE,
    Event.NO,
    Event.UNCLEAR,
    Event.SILENCE,
    Event.STAYED,
)

REMINDED = 8
"""The row by which a consent on file grants."""

CAPTURED = (*RECORDED, LIVE_STT, "monitoring")
"""What is closed while card data are entered; all vendors are, too."""

SECOND_US = 1_000_000


def begin(ctx: Context, call: str, keys: Mapping[str, str]) -> bool:
    """The party of a call is there: it is told what it must be told, and asked.

    Who is with others is asked about a recording when there is one. Answers whether `keys`
    were used.
    """
    but = RECORDED if joined.is_joined(ctx, call) else ()
    return _settle(ctx, call, consent.joined(ctx, call, keys, but=but))


@reducer
def question_put(
    ctx: Context,
    *,
    call: str,
    utterance: str,
    act: str,
    scopes: tuple[str, ...],
    wordings: tuple[str, ...],
    wording_sha256: str,
    language: str,
    text: Sealed[str],
) -> None:
    """A notice or a question begins to be played; it can not be talked over."""
    _answered(ctx, call)
    due = consent.due(ctx, call)
    if due is None or (due.act.value, due.scopes) != (act, scopes):
        raise Refused("this is not what is to be said next")
    about = (act, scopes, wordings, wording_sha256, language)
    consent.put(ctx, ConsentPrompt(utterance, call, CALLER, *about, ctx.now))
    conversation.plan(ctx, utterance, text, False)


@reducer
def question_heard(
    ctx: Context,
    *,
    call: str,
    utterance: str,
    played_ms: int,
    total_ms: int,
    must_hear_permille: int,
    heard_us: int,
    keys: dict[str, str],
) -> bool:
    """It was played past its must-hear mark: a notice is given, and an answer counts from now on.

    Answers whether `keys` were used.
    """
    _answered(ctx, call)
    outcome = consent.heard(
        ctx,
        call,
        utterance,
        played_ms=played_ms,
        total_ms=total_ms,
        must_hear_permille=must_hear_permille,
        heard_us=heard_us,
        keys=keys,
    )
    _until_it_expires(ctx, call, outcome)
    return _settle(ctx, call, outcome)


@reducer
def question_cut(ctx: Context, call: str, utterance: str) -> None:
    """It broke off before its must-hear mark: it is played again, so often and no more."""
    _answered(ctx, call)
    prompt = ctx.table(ConsentPrompt).one(utterance)
    if ctx.table(ConsentHeard).get(utterance) is None:
        _happened(ctx, call, Event.CUT_SHORT, prompt.scopes, {}, prompt=utterance)


@reducer
def closing_put(
    ctx: Context,
    *,
    call: str,
    utterance: str,
    scopes: tuple[str, ...],
    wordings: tuple[str, ...],
    wording_sha256: str,
    language: str,
    text: Sealed[str],
) -> None:
    """What was told is told again before we hang up, once."""
    _answered(ctx, call)
    due = consent.closing(ctx, call)
    if due is None or (due.scopes, due.wordings) != (scopes, wordings):
        raise Refused("this is not what is to be said at the end")
    about = (due.act.value, scopes, wordings, wording_sha256, language)
    consent.put(ctx, ConsentPrompt(utterance, call, CALLER, *about, ctx.now))
    conversation.plan(ctx, utterance, text, False)


@reducer
def closing_heard(
    ctx: Context,
    *,
    call: str,
    utterance: str,
    played_ms: int,
    total_ms: int,
    must_hear_permille: int,
    heard_us: int,
) -> None:
    """It was, past its must-hear mark. Nothing comes of it but that the record says so."""
    marks = (played_ms, total_ms, must_hear_permille, heard_us)
    consent.marked(ctx, call, utterance, marks)


@reducer
def consent_answered(
    ctx: Context,
    *,
    call: str,
    answer: Event,
    method: str,
    keys: dict[str, str],
    evidence: str | None = None,
    clip: clips.Clip | None = None,
) -> bool:
    """The party answered what it was asked. Answers whether `keys` were used: it is recorded.

    `clip` is how it was said. It is kept only where this commit grants by it.
    """
    _answered(ctx, call)
    if answer not in ANSWERS:
        raise Refused(f"{answer} is no answer")
    prompt = _prompt_of(ctx, call)
    scopes = prompt.scopes if prompt is not None else ()
    if answer is Event.STAYED:
        scopes = tuple(scope for scope in scopes if _may_imply(ctx, call, scope, prompt))
    about = None if prompt is None else prompt.id
    if clip is not None and prompt is not None and _grants(ctx, call, answer, scopes):
        evidence = clips.name_of(prompt.id)
    is_recorded = _happened(
        ctx, call, answer, scopes, keys, prompt=about, method=method, evidence=evidence
    )
    if clip is not None and prompt is not None:
        clips.kept(ctx, call, prompt.id, clip)
    return is_recorded


@reducer(by=("supervisor", "operator"))
def consent_withdrawn(
    ctx: Context, call: str, scopes: tuple[str, ...] = RECORDED, method: str = ""
) -> None:
    """Nothing more is recorded or kept, from this commit on. What there is stays: to erase it is
    another wish, and another commit."""
    _answered(ctx, call)
    how = method or f"{ctx.sender}"
    outcome = consent.happened(ctx, call, Event.WITHDRAWN, scopes, method=how)
    if not outcome.touched:
        raise Refused(f"nobody agreed to {', '.join(scopes)} in {call}: there is nothing to stop")
    if Due.OFFER_ERASURE in outcome.due:
        # Where it is a reason to hang up, nobody waits for an answer.
        offer = () if gating.must_record(ctx, call, outcome) else ("erasure-ask",)
        gating.tell(ctx, call, "recording-stopped", *offer)
    _settle(ctx, call, outcome)


@reducer
def consent_volunteered(
    ctx: Context, call: str, scopes: tuple[str, ...] = RECORDED, method: str = ""
) -> None:
    """One who refused or withdrew comes back to it by themselves: they are asked, once more."""
    _answered(ctx, call)
    _happened(ctx, call, Event.VOLUNTEERED, scopes, {}, method=method)


@reducer
def consent_changed(ctx: Context, call: str, scopes: tuple[str, ...], why: str) -> None:
    """What was agreed to is no longer what is done, or said in their language: they are asked."""
    _answered(ctx, call)
    _happened(ctx, call, Event.CHANGED, scopes, {}, method=why)


@reducer
def consent_expired(ctx: Context, call: str, scopes: tuple[str, ...], on_file: str) -> None:
    """What was agreed to before the call holds no longer: nothing more is done under it.

    Who has agreed again in this call meanwhile did so for all of it.
    """
    if ctx.table(Call).one(call).state is not CallState.ANSWERED:
        return
    under_it = [scope for scope in scopes if consent.granted_by(ctx, call, scope) == REMINDED]
    outcome = consent.happened(ctx, call, Event.EXPIRED, under_it, method="time", evidence=on_file)
    if RECORDING in outcome.over:
        gating.tell(ctx, call, "recording-stopped")
    if gating.must_record(ctx, call, outcome):
        gating.turn_away(ctx, call, OnNo.END_WITH_REASON)
    _settle(ctx, call, outcome)


@reducer
def secure_capture_began(ctx: Context, call: str, why: str) -> None:
    """Card data come next: nothing is recorded, understood or listened to, from this commit on."""
    _answered(ctx, call)
    _happened(ctx, call, Event.CAPTURE_BEGAN, _captured(ctx, call), {}, method=why)


@reducer
def secure_capture_ended(ctx: Context, call: str) -> None:
    """They are entered, or will not be: what was open before is open again."""
    _answered(ctx, call)
    _happened(ctx, call, Event.CAPTURE_ENDED, _captured(ctx, call), {}, method="capture ended")


@reducer
def recording_given_up(ctx: Context, call: str, why: str) -> None:
    """Its gate was lost and cannot be opened again: where the line must be recorded, it ends."""
    _answered(ctx, call)
    _happened(ctx, call, Event.FAULT, [RECORDING], {}, method=why)


@reducer
def call_recovered(ctx: Context, call: str) -> None:
    """The house was gone for a moment: what was committed last still holds, and nothing else."""
    _answered(ctx, call)
    consent.happened(ctx, call, Event.RESTARTED, consent.standings_of(ctx, call), method="recovery")


def left(ctx: Context, call: str, event: Event) -> None:
    """The party has gone, or was handed on: our right to its voice ends with the leg."""
    outcome = consent.happened(ctx, call, event, consent.standings_of(ctx, call), method="line")
    gating.follow(ctx, call, outcome)


def enter(ctx: Context, call: str) -> None:
    """The agent begins, once: after what the party is told and asked."""
    entered = ctx.table(Turn).get(f"{call}:enter") is not None
    if not entered and not consent.is_asked(ctx, call):
        conversation.begin_turn(ctx, f"{call}:enter", "enter", None)


def _happened(
    ctx: Context,
    call: str,
    event: Event,
    scopes: Sequence[str],
    keys: Mapping[str, str],
    *,
    prompt: str | None = None,
    method: str | None = None,
    evidence: str | None = None,
) -> bool:
    """Raises Refused where it means nothing: consent is given to a question."""
    outcome = consent.happened(
        ctx, call, event, scopes, keys=keys, prompt=prompt, method=method, evidence=evidence
    )
    if not outcome.touched:
        raise Refused(f"{event} means nothing in {call} now")
    return _settle(ctx, call, outcome)


def _settle(ctx: Context, call: str, outcome: Outcome) -> bool:
    gating.follow(ctx, call, outcome)
    if Due.REFUSAL in outcome.due and RECORDING in outcome.touched:
        joined.refused_beside(ctx, call)
    joined.consent_settled(ctx, call)
    gating.say_next(ctx, call)
    enter(ctx, call)
    return outcome.grant is not None


def _until_it_expires(ctx: Context, call: str, outcome: Outcome) -> None:
    """A consent on file that was counted on may end before the call does."""
    scopes_of: dict[str, tuple[str, ...]] = {}
    for term in consent.terms_of(ctx, call):
        if term.on_file is not None and term.scope in outcome.touched:
            scopes_of[term.on_file] = (*scopes_of.get(term.on_file, ()), term.scope)
    for name, scopes in scopes_of.items():
        filed = ctx.table(ConsentOnFile).get(name)
        if filed is not None and filed.expires_us is not None:
            ctx.schedule(
                consent_expired,
                at_us=filed.expires_us,
                scope=call,
                call=call,
                scopes=scopes,
                on_file=name,
            )


def _answered(ctx: Context, call: str) -> None:
    row = ctx.table(Call).one(call)
    if row.state is not CallState.ANSWERED:
        raise Refused(f"{call} is {row.state}, not {CallState.ANSWERED}")


def _prompt_of(ctx: Context, call: str) -> ConsentPrompt | None:
    """What was put last: an answer is one to this."""
    put = [one for one in ctx.table(ConsentPrompt).where(call=call) if one.act != Act.CLOSE]
    return max(put, key=lambda one: (one.at_us, one.id), default=None)


def _may_imply(ctx: Context, call: str, scope: str, prompt: ConsentPrompt | None) -> bool:
    """Whether who stayed on the line has agreed by it: where the policy says so, and long enough
    after they had heard the notice."""
    heard = None if prompt is None else ctx.table(ConsentHeard).get(prompt.id)
    term = ctx.table(ConsentTerm).get(f"{call}/{CALLER}/{scope}")
    if heard is None or term is None or term.implied_after_s is None:
        return False
    return ctx.now >= heard.at_us + term.implied_after_s * SECOND_US


def _grants(ctx: Context, call: str, answer: Event, scopes: tuple[str, ...]) -> bool:
    """Whether what was said grants: a yes to what was read back."""
    standings = consent.standings_of(ctx, call)
    said = [standings[scope].state for scope in scopes if scope in standings]
    return answer is Event.YES_VOICE and State.READ_BACK in said


def _captured(ctx: Context, call: str) -> tuple[str, ...]:
    standings = consent.standings_of(ctx, call)
    return tuple(scope for scope in standings if scope in CAPTURED or scope.startswith(VENDOR))
