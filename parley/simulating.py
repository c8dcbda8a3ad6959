"""A plan in plain words, for whoever answers for it."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from consent.policy.plan import Act, Plan, Requirement, Rule, Start, Step
from consent.policy.query import Party, Query
from consent.policy.terms import Condition, Due, Grade, Line, OnNo, Role, When, kind_of

ADVICE = "This is not legal advice: the data are what we have read, see docs/POLICY.md."

WIDTH = 100
INDENT = 2

WHEN = {
    When.BEFORE_CALL: "before anybody is called",
    When.START: "at the start",
    When.END: "at the end",
    When.AFTER_CALL: "after the call, by a link",
}

TOLD = {
    "ai_interaction": "that they are talking to an AI",
    "live_stt": "that their speech is turned into text while they speak",
    "recording": "that the call is recorded",
    "transcript_retention": "that the transcript is kept",
    "vendor": "that {vendor} gets their voice or words",
    "monitoring": "that somebody may listen in",
    "outbound_ai_voice": "that an AI calls them",
    "quality_analysis": "that the call is analysed for quality",
    "training": "that the call is used for training",
    "biometrics": "that their voice is measured",
}

ASKED = {
    "ai_interaction": "whether they will talk to an AI",
    "live_stt": "whether their speech may be turned into text",
    "recording": "whether the call may be recorded",
    "transcript_retention": "whether the transcript may be kept",
    "vendor": "whether {vendor} may get their voice or words",
    "monitoring": "whether somebody may listen in",
    "outbound_ai_voice": "whether an AI may call them",
    "quality_analysis": "whether the call may be analysed for quality",
    "training": "whether the call may be used for training",
    "biometrics": "whether their voice may be measured",
}

ON_NO = {
    OnNo.CONTINUE_UNRECORDED: "the call goes on without it",
    OnNo.TRANSFER_HUMAN_UNRECORDED: "a human takes over, unrecorded",
    OnNo.END_WITH_REASON: "the call ends, and they are told why",
}

ON_FILE = "they agreed before: it is looked up once more, and they are called"
NOT_ON_FILE = "there is no consent on file: nobody is called"

CONDITIONS = {
    Condition.IDENTIFY_CALLER: "the first words say who calls, and that it is an AI",
    Condition.OPT_OUT_ANY_WORDS: "whoever says stop, in any words, is not called again",
    Condition.QUIET_HOURS: "nobody is called in quiet hours, by their own clock",
    Condition.HUMAN_CONTACT: "the notice says how to reach a human",
    Condition.CLOSING_BY_LETTER: "where the call drops before its end, what is said there is sent",
    Condition.COPY_ON_REQUEST: "the client is told that a copy is there on request",
    Condition.VENDOR_AGREEMENT: "an agreement with the vendor is on file",
    Condition.SECURE_CAPTURE: "all of it stops before a card is asked for, and goes on after",
    Condition.WRITTEN_EMPLOYEE_NOTICE: "colleagues had a written notice before",
}

GRADES = {
    Grade.TEXT: "read in the law itself",
    Grade.SECONDARY: "secondary source",
    Grade.RECALLED: "from memory, unchecked",
    Grade.HOUSE: "rule of the house",
}


def as_plain(query: Query, plan: Plan) -> dict[str, Any]:
    """For --json."""
    parties = [
        {
            "id": one.id,
            "role": one.role,
            "place": one.place.code,
            "name": one.place.name,
            "because": one.place.because,
        }
        for one in query.parties
    ]
    return {"parties": parties, **asdict(plan), "advice": ADVICE}


def lines(query: Query, plan: Plan) -> Iterator[str]:
    """The page, line by line."""
    for line in _unwrapped(query, plan):
        indent = " " * (len(line) - len(line.lstrip()) + INDENT)
        yield from textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [
            ""
        ]


def _unwrapped(query: Query, plan: Plan) -> Iterator[str]:
    kind = "A call" if plan.line is Line.GENERAL else f"A call on the {plan.line} line"
    yield f"{kind} on {plan.day}, by the policy {', '.join(one[:12] for one in plan.versions)}"
    for party in query.parties:
        yield f"  {party.id:<12}{party.place.name} ({party.place.because})"
    yield from _steps(query, plan)
    yield from _rest(plan)
    yield from _why(query, plan)
    yield ""
    yield from _honest(plan)


def _steps(query: Query, plan: Plan) -> Iterator[str]:
    yield ""
    yield "What happens, in this order"
    for number, step in enumerate(plan.steps, 1):
        yield f"{number:>3}. {WHEN[step.when].capitalize()}, {_act(step)}"
        found = plan.of(step.party, step.scopes[0])
        assert found is not None, "a step is made of a requirement"
        if step.wordings:
            yield f"     words: {', '.join(step.wordings)}"
            if found.unspoken is not None:
                yield f"     in English: there are no words in {found.unspoken!r} yet"
        if step.act is Act.CHECK:
            known = found.start is Start.CONFIRM_DUE
            yield f"     {ON_FILE if known else NOT_ON_FILE}"
            continue
        if step.act is Act.ASK:
            yield f"     {_answer(found)}"
        if step.when is not When.END:
            yield from _no(plan, step)
    if not plan.steps:
        yield "  nothing has to be said or asked"


def _act(step: Step) -> str:
    if step.act is Act.CHECK:
        return f"look up, for the {step.party}, {_list(ASKED, step)}"
    if step.act is Act.ASK:
        return f"ask the {step.party} {_list(ASKED, step)}"
    short = " (short, for they agreed before)" if step.act is Act.CONFIRM else ""
    again = " once more" if step.when is When.END else ""
    return f"tell the {step.party}{short}{again} {_list(TOLD, step)}"


def _list(words: dict[str, str], step: Step) -> str:
    said = [words[kind_of(scope)].format(vendor=_vendor(scope)) for scope in step.scopes]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])}, and {said[-1]}"


def _vendor(scope: str) -> str:
    return scope.partition(":")[2] or "a vendor"


def _answer(one: Requirement) -> str:
    if one.implied_after_s is None:
        return "only an answer counts: silence, or staying on the line, is no consent"
    return f"who stays {one.implied_after_s} s after the whole notice has agreed, too"


def _no(plan: Plan, step: Step) -> Iterator[str]:
    """What a no leads to; in words of their own where scopes of one step differ."""
    found = [(scope, plan.of(step.party, scope)) for scope in step.scopes]
    answers = {scope: ON_NO[one.on_no] for scope, one in found if one is not None}
    word = "an objection" if step.act in (Act.TELL, Act.CONFIRM) else "a no"
    if len(set(answers.values())) == 1:
        yield f"     on {word}: {next(iter(answers.values()))}"
        return
    for scope, answer in answers.items():
        yield f"     on {word} ({scope}): {answer}"


def _rest(plan: Plan) -> Iterator[str]:
    people = [one for one in plan.requirements if one.role is not Role.AGENT]
    open_at_once = _scopes(people, Start.OPEN)
    never = _scopes(people, Start.DISABLED)
    conditions = list(dict.fromkeys(c for one in people for c in one.conditions))
    kept = sorted({name for one in people for name in one.retention})
    yield ""
    if open_at_once:
        yield f"Nothing is required for: {', '.join(open_at_once)}"
    if never:
        yield f"Never in this call: {', '.join(never)}"
    for condition in conditions:
        yield f"Also: {CONDITIONS[condition]}"
    if any(one.beep for one in people):
        yield "Also: a beep tone is heard while it is recorded"
    if any(one.must_record for one in people):
        yield "This line holds no conversation that is not recorded: if recording fails, it ends"
    if kept:
        yield f"Retention classes: {', '.join(kept)}"


def _scopes(people: list[Requirement], start: Start) -> list[str]:
    return [f"{one.scope} ({one.party})" for one in people if one.start is start]


def _why(query: Query, plan: Plan) -> Iterator[str]:
    yield ""
    yield "Why"
    for party in query.parties:
        if party.role is Role.AGENT:
            yield f"  {party.id}: speaks for its operator, and is asked nothing"
            continue
        yield from _why_party(party, plan)


def _why_party(party: Party, plan: Plan) -> Iterator[str]:
    for one in plan.requirements:
        if one.party != party.id:
            continue
        basis = "" if one.basis is None else f", basis: {one.basis.replace('_', ' ')}"
        due = {Due.NONE: "nothing", Due.NOTICE: "told", Due.ASK: "asked", Due.OFF: "off"}[one.due]
        yield f"  {party.id}, {one.scope}: {due}{basis}"
        for number, rule in enumerate(one.rules):
            yield f"    {_how(number, rule)}{_rule(rule)}"
            if rule.note:
                yield f"      {rule.note}"


def _how(number: int, rule: Rule) -> str:
    if "due" in rule.brings:
        return "" if number == 0 else "also "
    return f"adds {', '.join(rule.brings).replace('_', ' ')}: "


def _rule(rule: Rule) -> str:
    return (
        f"{rule.source}, because {rule.because}"
        f" [{rule.cell}; {GRADES[rule.grade]}, reviewed {rule.reviewed}]"
    )


def _honest(plan: Plan) -> Iterator[str]:
    rules = {rule.cell: rule for one in plan.requirements for rule in one.rules}
    law = [rule for rule in rules.values() if rule.grade is not Grade.HOUSE]
    recalled = sum(rule.grade is Grade.RECALLED for rule in law)
    secondary = sum(rule.grade is Grade.SECONDARY for rule in law)
    if law:
        yield (
            f"Of {len(law)} rules of law here, {secondary} come from secondary sources and"
            f" {recalled} from memory: have them reviewed before you rely on them."
        )
    yield ADVICE
