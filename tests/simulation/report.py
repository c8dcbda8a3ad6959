"""What a run of one seed tells, whatever its tier."""

from dataclasses import dataclass, field

from tests.simulation.checks import Violation


@dataclass(slots=True)
class Report:
    """`trace` is a hash of everything that happened: the same seed, the same trace."""

    tier: str
    seed: int
    drawn: str
    trace: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    violation: Violation | None = None
    steps: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The run in one line."""
        counts = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        return f"{self.tier} seed {self.seed}: {counts}, trace {self.trace}"

    def story(self) -> str:
        """What was drawn, the last steps, and the first claim that did not hold."""
        steps = "\n".join(f"  {step}" for step in self.steps)
        return f"drawn: {self.drawn}\nthe last steps:\n{steps}\nVIOLATED: {self.violation}"
