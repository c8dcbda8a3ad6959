"""Consent as tests that are about something else need it: asked, heard and answered by reducers."""

from typing import Any

from consent import prompts, saying, story
from consent.machine import Event, Standing, State
from consent.permit import LIVE_STT, Permit
from consent.permits import permit
from consent.prompts import Prompt
from consent.tables import ConsentEvent, ConsentTerm
from consent.terms import ask_terms, never_terms
from runtime import Sealed
from runtime.store import Store
from sessions.consent_reducers import consent_answered, question_heard, question_put

ASK: dict[str, Any] = {"terms": ask_terms(), "keys": {}}
"""What `call_answered` is told under the policy "ask"."""

NEVER: dict[str, Any] = {"terms": never_terms(), "keys": {}}

KEYS = {"caller": "key_c", "agent": "key_a"}
TEXT: Sealed[str] = Sealed("key_w", b"box", b"commitment")
HEARD = {"played_ms": 1_000, "total_ms": 1_000, "must_hear_permille": 900, "heard_us": 1}
RECORDING = "recording"


async def act(store: Store, reducer: Any, call: str, **args: Any) -> Any:
    return await store.act(reducer, sender="node", scope=call, call=call, **args)


async def standings(store: Store, call: str) -> dict[str, Standing]:
    return story.standings(await store.reader.rows(ConsentEvent, call=call))


async def due(store: Store, call: str) -> Prompt | None:
    terms = await store.reader.rows(ConsentTerm, call=call)
    return prompts.due(terms, await standings(store, call))


async def put(store: Store, call: str, utterance: str = "", text: Sealed[str] = TEXT) -> Prompt:
    """What is due begins to be played."""
    prompt = await due(store, call)
    assert prompt is not None, "nothing is to be said"
    said = saying.said(prompt)
    await act(
        store,
        question_put,
        call,
        utterance=utterance or f"{call}:ask",
        act=prompt.act.value,
        scopes=prompt.scopes,
        wordings=said.wordings,
        wording_sha256=said.sha256,
        language=prompt.language,
        text=text,
    )
    return prompt


async def heard(
    store: Store, call: str, utterance: str = "", keys: dict[str, str] | None = None
) -> bool:
    """It was heard past its must-hear mark."""
    name = utterance or f"{call}:ask"
    return bool(await act(store, question_heard, call, utterance=name, keys=keys or {}, **HEARD))


async def asked(store: Store, call: str, utterance: str = "", text: Sealed[str] = TEXT) -> None:
    """What is due was said, and heard."""
    await put(store, call, utterance, text)
    await heard(store, call, utterance)


async def answers(
    store: Store,
    call: str,
    answer: Event,
    keys: dict[str, str] | None = None,
    method: str = "dtmf:1",
) -> bool:
    """Answers whether it is recorded from now on."""
    given = KEYS if keys is None else keys
    return bool(await act(store, consent_answered, call, answer=answer, method=method, keys=given))


def a_permit(scope: str = LIVE_STT, call: str = "c1") -> Permit:
    """As of a call in which this scope is open."""
    opened = ConsentEvent(
        id=f"{call}/0000",
        call=call,
        party="caller",
        scope=scope,
        number=6,
        event=Event.NOTHING_REQUIRED,
        state=State.BASIS_OK,
        closed_by=(),
        epoch=1,
        is_open=True,
        replays=0,
        volunteered=0,
        implied=False,
        basis=None,
        prompt=None,
        method="policy",
        evidence=None,
        at_us=1,
    )
    return permit([opened], call, scope)
