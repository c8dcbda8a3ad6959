"""What must be so after the call, each as a line that holds or does not."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from parley import evidence, history
from parley.caller import CallReport
from parley.commands import finding, place, verify
from parley.commands.place import Place
from parley.commands.replay import told
from parley.plain import Plain
from recordings import ExportError, PackError
from runtime.log_key import load_or_create

GAP_MS_MAX = 200
"""A caller would notice a longer one."""

PACKET_MS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that holds, or does not."""

    holds: bool
    text: str


def of_the_record(record: Plain) -> Iterator[Verdict]:
    """Consent, transcript, action, recording."""
    granted = [one["scope"] for one in record["consent"] if one["state"] == "granted"]
    yield Verdict("recording" in granted, "the caller agreed to be recorded")
    parties = {one["party"] for one in record["transcript"] if one["text"]}
    yield Verdict(parties == {"caller", "agent"}, "the transcript holds both sides")
    states = [one["state"] for one in record["actions"]]
    yield Verdict(states == ["finished"], f"the tool was called once ({len(states)} actions)")
    recording: Plain = record["recording"] or {"state": "missing", "seconds": 0.0, "chunks": 0}
    length = f"{recording['seconds']:.1f} s in {recording['chunks']} chunks"
    sealed = recording["state"] == "sealed" and recording["chunks"] > 0
    yield Verdict(sealed, f"recording {recording['state']}, {length}")


def of_the_caller(report: CallReport) -> Iterator[Verdict]:
    """What the telephone at the other end saw of it."""
    yield Verdict(report.completed, f"{report.steps_done} of {report.steps} answers were given")
    gap_ms = max(report.longest_gap_ms, PACKET_MS)
    yield Verdict(gap_ms <= GAP_MS_MAX, f"the caller heard no gap over {gap_ms} ms")


def of_the_crash(back_ms: int | None) -> Verdict:
    """Was the node killed, and did another go on with the call?"""
    if back_ms is None:
        return Verdict(False, "the node was not killed, or did not come back")
    return Verdict(True, f"node killed (SIGKILL), back after {back_ms} ms")


def of_the_log(here: Place) -> Verdict:
    """Every action, run again in a fresh process."""
    try:
        audit = history.replay(here.database)
    except history.ReplayFailed as error:
        return Verdict(False, str(error))
    return Verdict(audit.identical, "; ".join(told(audit)))


def of_the_evidence(here: Place) -> Verdict:
    """The pack is exported, and verified as its recipient would."""
    pack = here.data / "evidence"
    with place.reading(here) as rows:
        try:
            evidence.export(
                rows,
                finding.call_of(rows, "last"),
                key=here.keystore().key,
                log_key=load_or_create(here.log_key),
                recordings=here.recordings,
                directory=pack,
                now_us=time.time_ns() // 1_000,
            )
        except (ExportError, PackError) as error:
            return Verdict(False, f"export: {error}")
    faults: dict[str, list[str]] = verify.load().verify(str(pack))
    told = "; ".join(f"{rule}: {where[0]}" for rule, where in faults.items())
    return Verdict(not faults, f"verify: {told or 'ok'}")
