"""What a session says: what it tried, what came of it by kind, and anything unexpected with how to see it again."""

import time
from collections import Counter
from dataclasses import dataclass, field

FIGURES = {"kill": "kills", "replace": "kills", "fault": "faults", "flip": "flips", "race": "races", "tree": "trees"}


@dataclass
class Report:
    """Counts, as they grow."""

    began: float = field(default_factory=time.monotonic)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and class
    unexpected: list[str] = field(default_factory=list)
    lost: int = 0
    neighbours: int = 0  # hostile files and folders that were planted

    def add(self, case: str, outcome: str) -> None:
        """Note how a case ended."""
        self.outcomes[case.partition(":")[0], outcome] += 1

    def add_unexpected(self, case: str, why: str, lost: bool) -> str:
        """Note what must not happen; returns the lines that say it."""
        self.add(case, "LOST" if lost else "UNEXPECTED")
        self.lost += lost
        text = f"{'lost' if lost else 'unexpected'}: {case}: {why}\n  again: make torture CASE={case}"
        self.unexpected.append(text)
        return text

    def text(self) -> str:
        """The whole report."""
        figures = Counter[str]()
        for (kind, _), count in self.outcomes.items():
            figures[FIGURES[kind]] += count
        lines = [f"{'kind':8} {'cases':>6}  outcome"]
        lines += [f"{kind:8} {count:6}  {outcome}" for (kind, outcome), count in sorted(self.outcomes.items())]
        total = ", ".join(f"{count} {name}" for name, count in sorted(figures.items()))
        minutes = (time.monotonic() - self.began) / 60
        lines += ["", f"{total} in {minutes:.1f} minutes; unexpected: {len(self.unexpected)}, lost: {self.lost}"]
        return "\n".join([*lines, *self.unexpected])
