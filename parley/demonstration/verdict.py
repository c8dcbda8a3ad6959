"""What must be so after the call, each as a line that holds or does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from parley.caller.report import CallReport
from runtime.replay import Audit

GAP_MS_MAX = 200
"""A caller hears a longer one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that holds, or does not."""

    holds: bool
    text: str


def verdict(
    record: dict[str, Any], report: CallReport, audit: Audit, failures: list[str]
) -> Iterator[Verdict]:
    """`failures` are the verifier's, of the exported pack."""
    agreed = [one for one in record["consent"] if one["kind"] == "granted"]
    yield Verdict(len(agreed) == 2, "the caller agreed, and only then was recorded")
    parties = {one["party"] for one in record["transcript"] if one["text"]}
    yield Verdict(parties == {"caller", "agent"}, "the transcript holds both sides")
    states = [one["state"] for one in record["actions"]]
    yield Verdict(states == ["finished"], "the agent did one thing, once")
    recording = record["recording"]
    sealed = recording is not None and recording["state"] == "sealed" and recording["seconds"] > 0
    length = f"{recording['seconds']:.1f} s" if sealed else "nothing"
    yield Verdict(sealed, f"recording: {length}, sealed and encrypted")
    yield Verdict(report.completed, f"the caller said all: {report}")
    gap = f"the caller heard no gap over {max(report.longest_gap_ms, 20)} ms"
    yield Verdict(report.longest_gap_ms <= GAP_MS_MAX, gap)
    replayed = f"replay: identical ({audit.replayed} actions)"
    differ = f"replay: {len(audit.differences)} differences in {audit.replayed} actions"
    yield Verdict(not audit.differences, differ if audit.differences else replayed)
    yield Verdict(not failures, "verify: ok" if not failures else f"verify: {failures[0]}")
