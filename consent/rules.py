"""The consent machine as a table. No row, clock or key is in sight.

A spoken yes is read back before it counts: a grammar can be made to hear one in other words,
a person who was asked "did you say yes?" can not.
"""

from enum import StrEnum

from consent.tables import ConsentEvent, Kind


class State(StrEnum):
    """Where a party stands about one scope."""

    UNRESOLVED = "unresolved"
    ASK_DUE = "ask_due"
    NOTICE_PLAYING = "notice_playing"
    ASKED = "asked"
    CONFIRM_DUE = "confirm_due"
    CONFIRM_PLAYING = "confirm_playing"
    CONFIRMING = "confirming"
    REASK_DUE = "reask_due"
    REASK_PLAYING = "reask_playing"
    REASKED = "reasked"
    GRANTED = "granted"
    REFUSED = "refused"


class Answer(StrEnum):
    """What we made of what the party did."""

    KEY_YES = "key_yes"
    KEY_NO = "key_no"
    VOICE_YES = "voice_yes"
    VOICE_NO = "voice_no"
    UNCLEAR = "unclear"
    SILENCE = "silence"


NEXT: dict[State, dict[Kind, State]] = {
    State.UNRESOLVED: {Kind.ASK_DUE: State.ASK_DUE},
    State.ASK_DUE: {Kind.ASKED: State.NOTICE_PLAYING},
    # An answer counts once the notice has been heard past its must-hear mark.
    State.NOTICE_PLAYING: {Kind.NOTICE_COMPLETED: State.ASKED},
    State.ASKED: {
        Kind.GRANTED: State.GRANTED,
        Kind.REFUSED: State.REFUSED,
        Kind.HEARD_YES: State.CONFIRM_DUE,
        Kind.UNCLEAR: State.REASK_DUE,
    },
    State.CONFIRM_DUE: {Kind.ASKED: State.CONFIRM_PLAYING},
    State.CONFIRM_PLAYING: {Kind.NOTICE_COMPLETED: State.CONFIRMING},
    State.CONFIRMING: {Kind.GRANTED: State.GRANTED, Kind.REFUSED: State.REFUSED},
    State.REASK_DUE: {Kind.ASKED: State.REASK_PLAYING},
    State.REASK_PLAYING: {Kind.NOTICE_COMPLETED: State.REASKED},
    State.REASKED: {
        Kind.GRANTED: State.GRANTED,
        Kind.REFUSED: State.REFUSED,
        Kind.HEARD_YES: State.CONFIRM_DUE,
    },
    State.GRANTED: {},
    State.REFUSED: {},
}

_SURE = {
    Answer.KEY_YES: Kind.GRANTED,
    Answer.KEY_NO: Kind.REFUSED,
    Answer.VOICE_NO: Kind.REFUSED,
}

MEANING: dict[State, dict[Answer, Kind]] = {
    State.ASKED: {
        **_SURE,
        Answer.VOICE_YES: Kind.HEARD_YES,
        Answer.UNCLEAR: Kind.UNCLEAR,
        Answer.SILENCE: Kind.UNCLEAR,
    },
    # Asked twice is enough: what is still not an answer is a no.
    State.REASKED: {
        **_SURE,
        Answer.VOICE_YES: Kind.HEARD_YES,
        Answer.UNCLEAR: Kind.REFUSED,
        Answer.SILENCE: Kind.REFUSED,
    },
    State.CONFIRMING: {
        **_SURE,
        Answer.VOICE_YES: Kind.GRANTED,
        Answer.UNCLEAR: Kind.REFUSED,
        Answer.SILENCE: Kind.REFUSED,
    },
}

ASKING = (State.ASK_DUE, State.CONFIRM_DUE, State.REASK_DUE)
"""States in which a question must be put next."""

PLAYING = (State.NOTICE_PLAYING, State.CONFIRM_PLAYING, State.REASK_PLAYING)
"""States in which a question is being heard; an answer waits for its must-hear mark."""

LISTENING = (State.ASKED, State.CONFIRMING, State.REASKED)
"""States in which an answer counts."""


def is_open(state: State) -> bool:
    """Whether a question is due, being heard, or waits for its answer."""
    return state in (*ASKING, *PLAYING, *LISTENING)


def next_state(state: State, kind: Kind) -> State | None:
    """Where `kind` leads from `state`, or None where it means nothing."""
    return NEXT[state].get(kind)


def fold(events: list[ConsentEvent]) -> State:
    """Where a party stands after all that happened, oldest first."""
    state = State.UNRESOLVED
    for event in events:
        after = next_state(state, event.kind)
        assert after is not None, f"{event.kind} can not follow {state}"
        state = after
    return state


def meaning(state: State, answer: Answer) -> Kind | None:
    """What an answer is, given where the party stands; None where nobody asked."""
    return MEANING.get(state, {}).get(answer)
