"""Requests and answers on the link between the node and the speech process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from conversation.speech.engines import (
    ONCE,
    RATE,
    SURE,
    Grammar,
    Hearing,
    HearingKind,
    Speech,
    SpeechError,
    SpokenWord,
)

GRAMMARS_MAX = 8
PHRASES_MAX = 1_000
PHRASE_CHARACTERS_MAX = 200
PCM_SECONDS_MAX = 30

Header = dict[str, object]


class BadRequest(SpeechError):
    """The request says nothing that can be served."""


@dataclass(frozen=True, slots=True)
class Say:
    """`language` is ISO 639, "" for the engine's own."""

    req: int
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Hear:
    req: int
    pcm: bytes
    grammars: tuple[Grammar, ...]
    dictation: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    req: int


Request = Say | Hear | Cancel


def say_request(req: int, text: str, language: str = "") -> Header:
    return {"req": req, "do": "say", "text": text, "language": language}


def hear_request(req: int, grammars: Sequence[Grammar], dictation: bool) -> Header:
    listed = [
        {
            "name": grammar.name,
            "phrases": list(grammar.phrases),
            "repeats": grammar.repeats,
            "decoys": list(grammar.decoys),
            "agreeing": grammar.agreeing,
        }
        for grammar in grammars
    ]
    return {"req": req, "do": "hear", "grammars": listed, "dictation": dictation}


def cancel_request(req: int) -> Header:
    return {"req": req, "do": "cancel"}


def request_number(header: Mapping[str, object]) -> int | None:
    """Which request this is, or answers. None if it does not say."""
    req = header.get("req")
    return req if isinstance(req, int) and not isinstance(req, bool) else None


def parse_request(header: Mapping[str, object], payload: bytes) -> Request:
    req = request_number(header)
    if req is None:
        raise BadRequest("no request number")
    match header.get("do"):
        case "say" if isinstance(text := header.get("text"), str):
            language = header.get("language", "")
            return Say(req, text, language if isinstance(language, str) else "")
        case "hear":
            if len(payload) % 2 or len(payload) > PCM_SECONDS_MAX * RATE * 2:
                raise BadRequest(f"audio is not 16-bit, or longer than {PCM_SECONDS_MAX} s")
            grammars = _grammars(header.get("grammars", []))
            return Hear(req, payload, grammars, header.get("dictation") is True)
        case "cancel":
            return Cancel(req)
        case _:
            raise BadRequest("neither say, nor hear, nor cancel")


def _grammars(listed: object) -> tuple[Grammar, ...]:
    if not isinstance(listed, list):
        raise BadRequest("grammars is not a list")
    grammars = tuple(_grammar(one) for one in cast(list[object], listed))
    phrases = sum(len(one.phrases) + len(one.decoys) for one in grammars)
    if len(grammars) > GRAMMARS_MAX or phrases > PHRASES_MAX:
        raise BadRequest(f"more than {GRAMMARS_MAX} grammars or {PHRASES_MAX} phrases")
    return grammars


def _grammar(one: object) -> Grammar:
    if not isinstance(one, dict):
        raise BadRequest("a grammar is not an object")
    fields = cast(dict[str, object], one)
    return Grammar(
        str(fields.get("name", "")),
        _phrases(fields.get("phrases")),
        fields.get("repeats") is True,
        _phrases(fields.get("decoys", [])),
        ONCE if fields.get("agreeing") == ONCE else SURE,
    )


def _phrases(listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list):
        raise BadRequest("phrases is not a list")
    texts = tuple(text for text in cast(list[object], listed) if isinstance(text, str))
    if any(len(text) > PHRASE_CHARACTERS_MAX for text in texts):
        raise BadRequest(f"a phrase is longer than {PHRASE_CHARACTERS_MAX} characters")
    return texts


def speech_answer(req: int, speech: Speech) -> Header:
    words = [[word.text, word.start_ms, word.end_ms] for word in speech.words]
    return {"req": req, "words": words, "rate": RATE}


def hearing_answer(req: int, hearing: Hearing) -> Header:
    return {
        "req": req,
        "text": hearing.text,
        "confidence": hearing.confidence_permille,
        "engine": hearing.engine,
        "accepted": hearing.accepted,
        "kind": hearing.kind,
        "heard": [
            [word.text, word.start_ms, word.end_ms, word.confidence_permille]
            for word in hearing.words
        ],
    }


def error_answer(req: int, reason: str) -> Header:
    return {"req": req, "error": reason}


def parse_answer(header: Mapping[str, object], payload: bytes) -> Speech | Hearing:
    """What was asked for. Raises SpeechError if it was refused or makes no sense."""
    if "error" in header:
        raise SpeechError(str(header["error"]))
    if "words" in header:
        return Speech(payload, _words(header["words"]))
    return _hearing(header)


def _words(listed: object) -> tuple[SpokenWord, ...]:
    if not isinstance(listed, list):
        raise SpeechError("the words of the answer are no list")
    return tuple(_word(one) for one in cast(list[object], listed))


def _word(one: object) -> SpokenWord:
    match one:
        case [str() as text, int() as start, int() as end]:
            return SpokenWord(text, start, end)
        case [str() as text, int() as start, int() as end, (int() | None) as confidence]:
            return SpokenWord(text, start, end, confidence)
        case _:
            raise SpeechError("a word of the answer makes no sense")


def _hearing(header: Mapping[str, object]) -> Hearing:
    text, engine = header.get("text"), header.get("engine")
    confidence, kind = header.get("confidence"), header.get("kind")
    known: dict[object, HearingKind] = {"grammar": "grammar", "dictation": "dictation"}
    if not (isinstance(text, str) and isinstance(engine, str) and isinstance(confidence, int)):
        raise SpeechError("the answer makes no sense")
    if kind not in known:
        raise SpeechError("the answer is of an unknown kind")
    words = _words(header.get("heard", []))
    return Hearing(text, confidence, engine, header.get("accepted") is True, known[kind], words)
