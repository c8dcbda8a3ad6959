"""Every question ever asked, by a name that never changes its text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """A question. `must_hear_permille`: an answer counts after this share was played."""

    id: str
    language: str
    text: str
    must_hear_permille: int


WORDINGS = {
    wording.id: wording
    for wording in (
        Wording(
            "recording-ask-en-1",
            "en",
            "May we record this call? Press 1 or say I agree. Press 2 or say no.",
            900,
        ),
        Wording(
            "recording-confirm-en-1",
            "en",
            "I heard yes. Please say yes once more, or press 1, to be recorded.",
            800,
        ),
        Wording(
            "recording-reask-en-1",
            "en",
            "Sorry, I did not understand. To be recorded press 1, else press 2.",
            900,
        ),
        Wording(
            "recording-stopped-en-1",
            "en",
            "The recording has stopped.",
            0,
        ),
        Wording(
            "refusal-end-en-1",
            "en",
            "We may not go on without a recording on this line. Goodbye.",
            0,
        ),
        Wording(
            "refusal-human-en-1",
            "en",
            "I will connect you to a person. Nothing is recorded.",
            0,
        ),
    )
}
