"""All that is kept of all calls, at one moment: what is due, and what an erasure would do."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from consent.tables import Basis, ConsentClip, ConsentKey
from recordings.retention.policies import Policies
from recordings.retention.precedence import DAY_US, Decision, Outcome, Terms, Trigger
from recordings.tables import Recording
from sessions.retention import rules, subjects
from sessions.retention.rules import Kept
from sessions.retention.subjects import Key
from sessions.retention.tables import (
    OPEN,
    Erasure,
    HeldCall,
    KeyDestroyed,
    LegalHold,
    RetentionLock,
)
from sessions.tables import Call, CallState, Dial
from telephony.tables import Dialog

TABLES: tuple[type[Any], ...] = (
    *(Call, Recording, ConsentClip, ConsentKey, Dial, Basis, Dialog),
    *(LegalHold, HeldCall, RetentionLock, Erasure, KeyDestroyed),
)
"""What a shelf is made of."""


@dataclass(frozen=True)
class Shelf:
    """Rows by their class, and what opens them."""

    rows: Mapping[type[Any], Sequence[Any]]
    policies: Policies
    key: Key

    def calls(self) -> list[Call]:
        """Those that are over, the oldest first."""
        found = [row for row in self.rows[Call] if row.state is CallState.SEALED]
        return sorted(found, key=lambda row: (row.ended_us or 0, row.id))

    def of_subject(self, name: str) -> list[Call]:
        """Every call of one party, live ones too, the oldest first."""
        found = [
            row
            for row in self.rows[Call]
            if name in subjects.parties(row, self._dialogs.get(row.id), self.key)
        ]
        return sorted(found, key=lambda row: (row.offered_us, row.id))

    def decisions(self, call: Call, trigger: Trigger, now_us: int) -> tuple[Decision, ...]:
        """What would become of each artefact of one call."""
        terms = terms_of(self.policies, call)
        return rules.decide(self._kept(call), trigger, terms, self._holds(call), now_us)

    def expired(self, now_us: int, among: Collection[str] | None = None) -> Iterator[Call]:
        """The calls of which something has to go, and that nobody erases yet."""
        busy = {row.call for row in self.rows[Erasure] if row.state in OPEN}
        for call in self.calls():
            if call.id not in busy and (among is None or call.id in among):
                decisions = self.decisions(call, Trigger.EXPIRY, now_us)
                if Outcome.EXECUTE in rules.outcomes(decisions):
                    yield call

    def due(self, from_us: int, days: int) -> Iterator[tuple[Call, Decision]]:
        """What expires within so many days, and what stands against it then."""
        until_us = from_us + days * DAY_US
        for call in self.calls():
            for decision in self.decisions(call, Trigger.EXPIRY, until_us):
                if decision.outcome in (Outcome.EXECUTE, Outcome.WAIT):
                    yield call, decision

    def _kept(self, call: Call) -> Kept:
        clips = [row.clip.key_id for row in self.rows[ConsentClip] if row.call == call.id]
        recording, granted = self._recordings.get(call.id), self._granted.get(call.id, ())
        sealings = rules.sealings(call, recording, granted, self._basis_key(call), clips)
        return Kept(
            call=call.id,
            since_us=call.offered_us if call.ended_us is None else call.ended_us,
            sealings=sealings,
            gone=tuple(key for one in sealings for key in one.keys if key in self._gone),
            locks=tuple(row for row in self.rows[RetentionLock] if row.call == call.id),
        )

    def _basis_key(self, call: Call) -> str | None:
        """As `binding.kept_of` has it: that of the last call which stands on the basis."""
        if call.id not in self._dials:
            return None
        basis = self._dials[call.id].basis
        for other in self.rows[Call]:
            dial = self._dials.get(other.id)
            same = dial is not None and dial.basis == basis and other.id != call.id
            if same and other.caller_key not in self._gone:
                return None
        key: str = next(row for row in self.rows[Basis] if row.id == basis).party.key_id
        return key

    def _holds(self, call: Call) -> tuple[str, ...]:
        names = subjects.parties(call, self._dialogs.get(call.id), self.key)
        seen, binding = subjects.holds_on(names, self.rows[LegalHold], self.key)
        named = [row.id for row in self.rows[LegalHold] if call.id in row.calls]
        noted = [row.hold for row in self.rows[HeldCall] if row.call == call.id]
        return tuple(hold for hold in seen if hold in (*binding, *named, *noted))

    @cached_property
    def _recordings(self) -> dict[str, Recording]:
        return {row.id: row for row in self.rows[Recording]}

    @cached_property
    def _granted(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in self.rows[ConsentKey]:
            found.setdefault(row.call, []).append(row.id)
        return found

    @cached_property
    def _dialogs(self) -> dict[str, Dialog]:
        return {row.id: row for row in self.rows[Dialog]}

    @cached_property
    def _dials(self) -> dict[str, Dial]:
        return {row.id: row for row in self.rows[Dial]}

    @cached_property
    def _gone(self) -> set[str]:
        return {row.id for row in self.rows[KeyDestroyed]}


def terms_of(policies: Policies, call: Call) -> list[Terms]:
    """What the policies say of one call."""
    return policies.terms(policies.classes(call.line, outbound=call.direction == "outbound"))
