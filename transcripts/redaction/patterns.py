"""Presidio's pattern recognisers as a second opinion (extra `redaction`).

They are made one by one: a registry or an engine would want a language model, and one that is not
there would be downloaded.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from transcripts.redaction.finding import Found, What, merged

SCORE_MIN = 0.5
RECOGNIZERS = {
    "CreditCardRecognizer": ("CREDIT_CARD", What.CARD),
    "IbanRecognizer": ("IBAN_CODE", What.IBAN),
    "UsSsnRecognizer": ("US_SSN", What.SSN),
    "EmailRecognizer": ("EMAIL_ADDRESS", What.OTHER),
    "CryptoRecognizer": ("CRYPTO", What.OTHER),
}


def installed() -> bool:
    return importlib.util.find_spec("presidio_analyzer") is not None


class Patterns:
    """Finds what is written as figures and signs; nothing that is said in words."""

    def __init__(self) -> None:
        """Takes a second. Raises ModuleNotFoundError where the extra is not installed."""
        module: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
        self._recognizers = [
            (getattr(module, name)(), entity, what) for name, (entity, what) in RECOGNIZERS.items()
        ]

    def find(self, words: Sequence[str]) -> tuple[Found, ...]:
        """Everything found, by the indexes of the words."""
        text = " ".join(words)
        found: list[Found] = []
        for recognizer, entity, what in self._recognizers:
            for result in recognizer.analyze(text, [entity], None) or ():
                if result.score >= SCORE_MIN:
                    first = text.count(" ", 0, result.start)
                    found.append(Found(what, first, text.count(" ", 0, result.end)))
        return merged(found)
