"""Speech to text with PocketSphinx: phrases with rejection, and slow free dictation."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conversation.speech.endpoints import Frames, cut, levels, loud, speech_span
from conversation.speech.engines import RATE, SURE, Grammar, Hearing, SpeechError, SpokenWord
from conversation.speech.grammars import meaning, normal
from conversation.speech.looks import LOOKS, Look, widened
from conversation.speech.phrases import arcs_of, is_said
from conversation.speech.sphinx_library import FRAME_MS, HeardWord, SphinxDecoder

NAME = "pocketsphinx"
UTTERANCE_SECONDS_MAX = 15
GRAMMARS_CACHED_MAX = 16

# An utterance has more speech in it than its phrase accounts for: it said something else, too.
UNEXPLAINED_FRAMES_MAX = 3
UNEXPLAINED_FRAMES_AGREED = 20
UNSURE_PERMILLE = 700
# A word's edges are known to so many frames.
EDGE_FRAMES_BEFORE, EDGE_FRAMES_AFTER = 2, 3
SPEECH_FRAMES_MIN = 12
WORD_FRAMES_MIN = 3
# So long no phone lasts: "I disagree" can be heard as "I agree" with a very long "I".
PHONE_FRAMES_MAX = 32
# Measured on read speech over G.711: see bench.speech.
DICTATION_CONFIDENCE_PERMILLE = 500

NOTHING = Hearing("", 0, NAME, False, "grammar")
DICTATION_LOOK = Look("noisy", 250)


@dataclass(frozen=True, slots=True)
class _Searched:
    """The search for one set of grammars."""

    name: str
    single: frozenset[str]
    repeating: frozenset[str]
    # Of the LOOKS, so many must have heard the same thing, and none something else.
    agreeing: int

    def accepts(self, words: Sequence[str]) -> bool:
        return is_said(words, self.single, False) or (
            bool(self.repeating) and is_said(words, self.repeating, True)
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The phrase that one look heard, if it was one, and the frames of speech outside of it."""

    text: str | None
    unexplained: int
    words: tuple[SpokenWord, ...] = ()


class Sphinx:
    name = NAME

    def __init__(self) -> None:
        self._phrases: SphinxDecoder | None = None
        self._dictation: SphinxDecoder | None = None
        self._searches: OrderedDict[tuple[Grammar, ...], _Searched] = OrderedDict()
        self._built = 0

    def warm(self, grammars: tuple[Grammar, ...]) -> None:
        self._search(grammars)

    def hear(self, pcm: bytes, grammars: tuple[Grammar, ...], dictation: bool) -> Hearing:
        """Phrases first. What is none of them is dictated, if that is wanted."""
        if len(pcm) > UTTERANCE_SECONDS_MAX * RATE * 2:
            raise SpeechError(f"utterance is longer than {UTTERANCE_SECONDS_MAX} s")
        search = self._search(grammars) if grammars else None
        span = speech_span(levels(pcm))
        if span is None or span[1] - span[0] < SPEECH_FRAMES_MIN:
            return NOTHING
        heard = NOTHING if search is None else self._vote(search, pcm, span)
        return self._dictate(pcm, span) if dictation and not heard.accepted else heard

    def _vote(self, search: _Searched, pcm: bytes, span: tuple[int, int]) -> Hearing:
        assert self._phrases is not None, "the search was added to it"
        self._phrases.use(search.name)
        seen: list[_Seen] = []
        for look in LOOKS:
            seen.append(self._look(search, pcm, span, look))
            if search.agreeing == SURE and not _may_pass(_texts(seen), SURE):
                break
        verdict = _verdict(_texts(seen), search.agreeing)
        if verdict.accepted or search.agreeing == SURE:
            return _timed(verdict, seen)
        # A long fricative lies outside its word: where nearly all looks agree, it may.
        verdict = _verdict(_texts(seen, UNEXPLAINED_FRAMES_AGREED), SURE)
        unsure = min(verdict.confidence_permille, UNSURE_PERMILLE)
        return _timed(replace(verdict, confidence_permille=unsure), seen)

    def _look(self, search: _Searched, whole: bytes, span: tuple[int, int], look: Look) -> "_Seen":
        """What was heard in one way of looking."""
        pcm = cut(whole, span, look.margin_ms)
        assert self._phrases is not None, "the search was added to it"
        speech = loud(levels(pcm))
        words = audible(self._phrases.hear(widened(pcm, look)), speech)
        texts = [word.text for word in words]
        is_phrase = search.accepts(texts) and not any(is_too_long(word, speech) for word in words)
        text = " ".join(texts) if is_phrase else None
        return _Seen(text, unexplained(words, speech), _spoken(words, span, look))

    def _dictate(self, pcm: bytes, span: tuple[int, int]) -> Hearing:
        if self._dictation is None:
            self._dictation = SphinxDecoder(free=True)
        utterance = cut(pcm, span, DICTATION_LOOK.margin_ms)
        words = self._dictation.hear(widened(utterance, DICTATION_LOOK))
        text = " ".join(word.text for word in words)
        confidence = DICTATION_CONFIDENCE_PERMILLE if text else 0
        spoken = _spoken(words, span, DICTATION_LOOK)
        return Hearing(text, confidence, NAME, bool(text), "dictation", spoken)

    def _search(self, grammars: tuple[Grammar, ...]) -> _Searched:
        """The search for these grammars, built if it is not among the last used."""
        if grammars in self._searches:
            self._searches.move_to_end(grammars)
            return self._searches[grammars]
        if self._phrases is None:
            self._phrases = SphinxDecoder(free=False)
        self._built += 1
        search = _add(self._phrases, f"search-{self._built}", grammars)
        self._searches[grammars] = search
        if len(self._searches) > GRAMMARS_CACHED_MAX:
            _, oldest = self._searches.popitem(last=False)
            self._phrases.remove(oldest.name)
        return search


def _add(decoder: SphinxDecoder, name: str, grammars: tuple[Grammar, ...]) -> _Searched:
    """Raises SpeechError if a word has no pronunciation, or there is nothing to listen for."""
    single = _normal(one.phrases for one in grammars if not one.repeats)
    repeating = _normal(one.phrases for one in grammars if one.repeats)
    if not single | repeating:
        raise SpeechError("there is no phrase to listen for")
    decoys = _normal(one.decoys for one in grammars) - single - repeating
    words = {word for phrase in single | repeating | decoys for word in phrase.split()}
    if unknown := sorted(word for word in words if not decoder.knows(word)):
        raise SpeechError(f"no pronunciation is known of: {', '.join(unknown)}")
    decoder.add(name, arcs_of(sorted(single | decoys), sorted(repeating)))
    return _Searched(name, single, repeating, max(one.agreeing for one in grammars))


def _normal(phrases: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset(text for some in phrases for one in some if (text := normal(one)))


def audible(words: Sequence[HeardWord], speech: Frames) -> list[HeardWord]:
    """Without what was heard where nothing is said: noise after a word is easily half of one."""
    return [
        word
        for word in words
        if np.count_nonzero(speech[word.start : word.end + 1]) >= WORD_FRAMES_MIN
    ]


def is_too_long(word: HeardWord, speech: Frames) -> bool:
    """Whether a word accounts for more than it can be. Speech: is something said in a frame."""
    said = np.count_nonzero(speech[word.start : word.end + 1])
    return bool(said > PHONE_FRAMES_MAX * word.phones)


def unexplained(words: Sequence[HeardWord], speech: Frames) -> int:
    """How many frames of speech lie outside of all words."""
    explained = np.zeros(len(speech), dtype=np.bool_)
    for word in words:
        explained[max(0, word.start - EDGE_FRAMES_BEFORE) : word.end + 1 + EDGE_FRAMES_AFTER] = True
    return int(np.count_nonzero(speech & ~explained))


def _spoken(
    words: Sequence[HeardWord], span: tuple[int, int], look: Look
) -> tuple[SpokenWord, ...]:
    """The words by the clock of the whole utterance: what was looked at began before the speech."""
    begin_ms = max(0, span[0] * FRAME_MS - look.margin_ms)
    return tuple(
        SpokenWord(
            word.text,
            begin_ms + word.start * FRAME_MS,
            begin_ms + (word.end + 1) * FRAME_MS,
            word.confidence_permille,
        )
        for word in words
    )


def _timed(verdict: Hearing, seen: Sequence[_Seen]) -> Hearing:
    """With the words' times, as the first look that heard the same has them."""
    return replace(verdict, words=next((one.words for one in seen if one.text == verdict.text), ()))


def _texts(seen: Sequence[_Seen], most: int = UNEXPLAINED_FRAMES_MAX) -> list[str | None]:
    """What was heard in each look that leaves no more than so many frames unexplained."""
    return [one.text if one.unexplained <= most else None for one in seen]


def _may_pass(heard: Sequence[str | None], agreeing: int) -> bool:
    """Whether enough of all looks can still agree."""
    return heard.count(None) <= len(LOOKS) - agreeing and _agree(heard)


def _agree(heard: Sequence[str | None]) -> bool:
    """Different words which mean the same do agree: "yes" and "yes I agree"."""
    texts = {text for text in heard if text is not None}
    return len(texts) <= 1 or len({meaning(text) or text for text in texts}) == 1


def _verdict(heard: Sequence[str | None], needed: int) -> Hearing:
    texts = [text for text in heard if text is not None]
    if not texts:
        return NOTHING
    text = max(texts, key=texts.count)
    accepted = len(heard) == len(LOOKS) and _may_pass(heard, needed)
    agreeing = len(texts) if _agree(heard) else 0
    return Hearing(text, 1000 * agreeing // len(LOOKS), NAME, accepted, "grammar")
