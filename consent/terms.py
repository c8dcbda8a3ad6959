"""What one party of a call is owed for each scope: the terms a call is answered on.

They are worked out before the call is answered and committed with it; from then on the consent
machine goes by them, whatever becomes of the policy. A named policy has the same terms for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.policy.plan import Plan, Requirement, Start
from consent.policy.saying import first_moment
from consent.policy.terms import VENDOR, BasisKind, OnNo, When

ASK = "ask"
NEVER = "never"
LAW = "law"
NAMED = (ASK, NEVER, LAW)
"""The policies that ship. Any other name is a tenant's file, which tightens the law."""

QUESTION = "recording-and-transcript-ask-en-1"
"""The one question of policy `ask`, about the recording and what is kept of the words."""


@dataclass(frozen=True, slots=True)
class Term:
    """How the consent machine begins for one scope, and what it goes by.

    `position` is its place in the order of the call. `when` is the moment at which it is first
    said; `implied_after_s`: who stays so many seconds after the whole notice has agreed, None
    where that is no consent. `must_record`: no conversation without a recording. `wording` is the
    name of what is said first, `closing` of what is said again at the end, "" where nothing is.
    `policy` are versions, `rules` the cells it came from. `on_file` is the id of a standing
    consent. Terms with the same start, moment and wording are said in one breath and have one
    answer.
    """

    scope: str
    position: int
    start: Start
    when: When
    basis: BasisKind | None
    implied_after_s: int | None
    on_no: OnNo
    must_record: bool
    wording: str
    closing: str
    language: str
    policy: tuple[str, ...]
    rules: tuple[str, ...]
    on_file: str | None
    pauses_on_hold: bool = False
    """Whether its gate is closed while the call is on hold."""


def ask_terms(vendors: Sequence[str] = ()) -> tuple[Term, ...]:
    """Policy `ask`: one question, for the recording and for what is kept of the words."""
    asked = {"recording": Start.ASK_DUE, "transcript_retention": Start.ASK_DUE}
    return _named(ASK, asked, vendors)


def never_terms(vendors: Sequence[str] = ()) -> tuple[Term, ...]:
    """Policy `never`: nothing is recorded or kept, and so nothing is asked."""
    off = {"recording": Start.DISABLED, "transcript_retention": Start.DISABLED}
    return _named(NEVER, off, vendors)


def _named(policy: str, kept: Mapping[str, Start], vendors: Sequence[str]) -> tuple[Term, ...]:
    starts = {
        "ai_interaction": Start.OPEN,
        "live_stt": Start.OPEN,
        **kept,
        # Nobody told the caller of a vendor: only a policy by the law does.
        **{f"{VENDOR}:{vendor}": Start.DISABLED for vendor in vendors},
        "monitoring": Start.OPEN,
        "quality_analysis": Start.DISABLED,
        "training": Start.DISABLED,
        "biometrics": Start.DISABLED,
    }
    return tuple(
        Term(
            scope=scope,
            position=position,
            start=start,
            when=When.START,
            basis=_BASES[start],
            implied_after_s=None,
            on_no=OnNo.CONTINUE_UNRECORDED,
            must_record=False,
            wording=QUESTION if start is Start.ASK_DUE else "",
            closing="",
            language="en",
            policy=(policy,),
            rules=(),
            on_file=None,
        )
        for position, (scope, start) in enumerate(starts.items())
    )


_BASES = {
    Start.OPEN: BasisKind.LEGITIMATE_INTERESTS,
    Start.ASK_DUE: BasisKind.CONSENT,
    Start.DISABLED: None,
}


def terms_of(plan: Plan, party: str, on_file: Mapping[str, str] | None = None) -> tuple[Term, ...]:
    """The terms of one party of a plan. `on_file`: scope -> id of a standing consent.

    What had to be there before the call is there by now, or is never in this call.
    """
    owed = [one for one in plan.requirements if one.party == party]
    return tuple(
        _term(plan, position, one, (on_file or {}).get(one.scope))
        for position, one in enumerate(owed)
    )


def _term(plan: Plan, position: int, one: Requirement, on_file: str | None) -> Term:
    moment = first_moment(one.start, one.when)
    start = _settled(one.start) if moment is When.BEFORE_CALL else one.start
    stands = one.start is Start.CONFIRM_DUE
    return Term(
        scope=one.scope,
        position=position,
        start=start,
        when=moment,
        basis=None if start is Start.DISABLED else one.basis,
        implied_after_s=one.implied_after_s,
        on_no=one.on_no,
        must_record=one.must_record,
        wording=next((name for name in one.wordings if not _is_closing(name)), ""),
        closing=next((name for name in one.wordings if _is_closing(name)), ""),
        language=one.language,
        policy=plan.versions,
        rules=tuple(rule.cell for rule in one.rules),
        on_file=on_file if stands else None,
    )


def _settled(start: Start) -> Start:
    return Start.OPEN if start is Start.CONFIRM_DUE else Start.DISABLED


def _is_closing(wording: str) -> bool:
    return "-closing-" in wording
