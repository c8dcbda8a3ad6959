"""What is kept of a call under which key, and what becomes of it: no row is read here."""

from collections.abc import Iterable
from dataclasses import dataclass

from recordings.retention.precedence import (
    RESIDUAL,
    WORDS,
    Artefact,
    Decision,
    Facts,
    Outcome,
    Terms,
    Trigger,
    precedence,
)
from recordings.tables import Recording
from runtime.errors import Refused
from sessions.retention.tables import RetentionLock
from sessions.tables import Call


class HoldsChanged(Refused):
    """A hold was placed or released since who asks looked: look again."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """An artefact and the keys without which nobody reads it."""

    artefact: Artefact
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one call. `gone` are keys that were destroyed."""

    call: str
    since_us: int
    sealings: tuple[Sealing, ...]
    gone: tuple[str, ...]
    locks: tuple[RetentionLock, ...]


def sealings(
    call: Call,
    recording: Recording | None,
    granted: Iterable[str],
    basis_key: str | None,
    clip_keys: Iterable[str] = (),
) -> tuple[Sealing, ...]:
    """What of a call is sealed under what. `granted` are the keys of all its grants: who withdrew
    and agreed again was recorded under others."""
    found: list[Sealing] = []
    if recording is not None:
        keys = dict.fromkeys((recording.caller_key, recording.agent_key, *granted))
        found.append(Sealing(Artefact.AUDIO, tuple(keys)))
    if not call.forgotten:
        found += [Sealing(artefact, (call.words_key,)) for artefact in WORDS]
    found.append(Sealing(Artefact.CALLER_DETAILS, (call.caller_key,)))
    if clip_keys:
        found.append(Sealing(Artefact.CONSENT_CLIP, tuple(clip_keys)))
    if basis_key is not None:
        found.append(Sealing(Artefact.CONSENT_EVIDENCE, (basis_key,)))
    return tuple(found)


def decide(
    kept: Kept,
    trigger: Trigger,
    terms: list[Terms],
    holds: tuple[str, ...],
    now_us: int,
    *,
    counsel: bool = False,
) -> tuple[Decision, ...]:
    """What becomes of each artefact of which there is one, and under which rule."""
    until_us, source = _lock(kept.locks)
    decisions: list[Decision] = []
    for one in terms:
        readable = one.artefact in RESIDUAL or bool(_keys_left(kept, one.artefact))
        facts = Facts(kept.since_us, holds, until_us, source, readable, counsel)
        if readable:
            decisions.append(precedence(one, trigger, facts, now_us))
    return tuple(decisions)


def doomed(kept: Kept, decisions: tuple[Decision, ...]) -> tuple[str, ...]:
    """The keys that all artefacts under them can do without."""
    going = [one.artefact for one in decisions if one.outcome is Outcome.EXECUTE]
    staying = [key for one in kept.sealings if one.artefact not in going for key in one.keys]
    leaving = [key for one in kept.sealings if one.artefact in going for key in one.keys]
    return tuple(
        key for key in dict.fromkeys(leaving) if key not in staying and key not in kept.gone
    )


def artefacts_under(kept: Kept, key: str) -> tuple[str, ...]:
    """What a key seals."""
    return tuple(one.artefact.value for one in kept.sealings if key in one.keys)


def outcomes(decisions: tuple[Decision, ...]) -> list[Outcome]:
    """What happens at all."""
    return [one.outcome for one in decisions]


def goes_on_us(decisions: tuple[Decision, ...]) -> int | None:
    """When the first of what is restricted can go; None where nothing is."""
    ends = [one.until_us for one in decisions if one.outcome is Outcome.RESTRICT]
    return min([end for end in ends if end is not None], default=None)


def each_once(given: list[str], more: list[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(sorted(dict.fromkeys([*given, *more])))


def _keys_left(kept: Kept, artefact: Artefact) -> list[str]:
    return [
        key
        for one in kept.sealings
        if one.artefact is artefact
        for key in one.keys
        if key not in kept.gone
    ]


def _lock(locks: tuple[RetentionLock, ...]) -> tuple[int, str]:
    """The last of a call's own locks."""
    last = max(locks, key=_ends, default=None)
    return (0, "") if last is None else (last.until_us, last.source)


def _ends(lock: RetentionLock) -> int:
    return lock.until_us
