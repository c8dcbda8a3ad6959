"""Answers of name servers, kept as long as they say; also that there was none."""

from __future__ import annotations

from collections.abc import Sequence

from telephony.resolving import Question, Record

ANSWERS_MAX = 1_024
TTL_S_MAX = 3_600.0
# Who answers 0 is asked for each call, and not for each message of it.
TTL_S_MIN = 1.0
# Of a name which is not there (RFC 2308 section 5), and of a server which does not answer.
NOTHING_S_MAX = 60.0
FAILURE_S = 5.0


class DnsCache:
    """`now` is any clock which does not go back."""

    def __init__(self) -> None:
        self._answers: dict[Question, tuple[float, tuple[Record, ...]]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Question, now: float) -> tuple[Record, ...] | None:
        """The answer; none where the question has to be asked (again)."""
        until, records = self._answers.get(question, (0.0, ()))
        return records if until > now else None

    def put(self, question: Question, records: Sequence[Record], ttl_s: float, now: float) -> None:
        most = TTL_S_MAX if records else NOTHING_S_MAX
        self._answers.pop(question, None)
        self._answers[question] = now + min(max(ttl_s, TTL_S_MIN), most), tuple(records)
        if len(self._answers) > ANSWERS_MAX:
            # The one which was asked for longest ago: it is the nearest to be over.
            del self._answers[next(iter(self._answers))]
