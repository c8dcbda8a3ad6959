"""`python -m bench.redaction`: card numbers found in what is said, and what is found by mistake.

No recognition is in it: sentences as a recogniser would write them. Where Presidio is installed its
pattern recogniser reads the same sentences.
"""

import random
import time
from collections.abc import Callable, Sequence

from bench._spoken_numbers import ACCOUNTS, CARDS, COMPARED, innocent
from transcripts.redaction import patterns
from transcripts.redaction.cards import is_card
from transcripts.redaction.finding import What, find

RANDOM_NUMBERS = 20_000

Finds = Callable[[str], set[str]]


def ours(text: str) -> set[str]:
    return {str(one.what) for one in find(text.split())}


def main() -> None:
    finders: dict[str, Finds] = {"Parley": ours}
    if patterns.installed():
        presidio = patterns.Patterns()
        finders["Presidio"] = lambda text: {str(one.what) for one in presidio.find(text.split())}
    print(f"{'':34}" + "".join(f"{name:>12}" for name in finders))
    _row("cards, the compared utterances", finders, COMPARED, lambda found: What.CARD in found)
    _row("cards, our own", finders, CARDS, lambda found: What.CARD in found)
    texts = [text for text, _ in ACCOUNTS]
    kinds = dict(ACCOUNTS)
    for name in ("iban", "ssn", "security_code"):
        some = [text for text in texts if kinds[text] == name]
        _row(name, finders, some, lambda found, name=name: name in found)  # type: ignore[misc]
    _row("found where nothing is", finders, innocent(), bool)
    print()
    for text in (*COMPARED, *CARDS):
        if What.CARD not in ours(text):
            print(f"missed: {text}")
    for text in innocent():
        if wrong := ours(text):
            print(f"wrong, {', '.join(sorted(wrong))}: {text}")
    chance = random.Random(1)
    hits = sum(
        is_card("".join(chance.choices("0123456789", k=16)), False) for _ in range(RANDOM_NUMBERS)
    )
    print(f"of any numbers with 16 digits, {100 * hits / RANDOM_NUMBERS:.1f} % pass for a card")
    everything = (*COMPARED, *CARDS, *texts, *innocent())
    began = time.perf_counter()
    for text in everything:
        ours(text)
    took_us = (time.perf_counter() - began) * 1e6 / len(everything)
    print(f"{took_us:.0f} us for a sentence")


def _row(
    what: str, finders: dict[str, Finds], texts: Sequence[str], counts: Callable[[set[str]], bool]
) -> None:
    figures = (sum(counts(finds(text)) for text in texts) for finds in finders.values())
    print(f"{what:34}" + "".join(f"{f'{count} of {len(texts)}':>12}" for count in figures))


if __name__ == "__main__":
    main()
