"""The record's own terms in words for people."""

from consent.tables import Kind
from consent.wordings import WORDINGS

DICTATION = "(dictation, may be wrong)"
ERASED = "[erased: its key is not here]"


def consent(kind: str, party: str, wording: str | None, method: str | None) -> str:
    """One step of the consent story."""
    match Kind(kind):
        case Kind.ASK_DUE:
            return "must be asked before anything is recorded"
        case Kind.ASKED:
            known = WORDINGS.get(wording or "")
            return f"asked: {known.text if known else wording}"
        case Kind.NOTICE_COMPLETED:
            return "heard the question"
        case Kind.HEARD_YES:
            return f"seems to agree ({means(method)}), must confirm"
        case Kind.UNCLEAR:
            return f"not understood ({means(method)})"
        case Kind.GRANTED if party == "agent":
            return f"recorded too ({means(method)})"
        case Kind.GRANTED:
            return f"agreed ({means(method)})"
        case Kind.REFUSED:
            return f"refused ({means(method)})"


def means(method: str | None) -> str:
    """How an answer came."""
    way, _, detail = (method or "").partition(":")
    if way == "dtmf":
        return f"key {detail}"
    return f"voice, {detail}" if way == "voice" and detail else (way or "no word how")


def speech(text: str | None, kind: str) -> str:
    """What was said, with how far it can be trusted."""
    if text is None:
        return ERASED
    return f"{text} {DICTATION}" if kind == "dictation" else text


def party(uri: str | None) -> str:
    """Who called, or was called."""
    return ERASED if uri is None else uri


def arguments(args: dict[str, object] | None) -> str:
    """The arguments of a tool, as its author would write them."""
    if args is None:
        return ERASED
    return ", ".join(f"{name}={value!r}" for name, value in args.items())
