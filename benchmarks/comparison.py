"""Measurements of trainings, and the table that compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One training of one contestant.

    Args:
        samples_per_second: by wall time, over the timed steps.
        samples_per_cpu_second: by the CPU time of the training process.
        seconds_to_first_step: from the start of the process.
        seconds_to_last_step: from the start of the process to the end of the last step.
        seconds_after_last_step: to the end of the process.
    """

    contestant: str
    repeat: int
    samples_per_second: float
    samples_per_cpu_second: float
    seconds_to_first_step: float
    seconds_to_last_step: float
    seconds_after_last_step: float

    def to_json(self, samples: str) -> dict[str, Any]:
        """The measurement, with keys that name the samples: `frames_per_second`."""
        return {name.replace("samples", samples): value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Comparison:
    """Trainings of contestants in turn.

    Args:
        samples: what is trained on: `frames`, `jets`.
        measurements: of every contestant that trained, the same number each.
        failures: cause by name, of contestants that did not.
    """

    samples: str
    measurements: list[Measurement]
    failures: dict[str, str]

    def to_json(self) -> list[dict[str, Any]]:
        failed = [{"contestant": name, "failed": cause} for name, cause in self.failures.items()]
        return [*(one.to_json(self.samples) for one in self.measurements), *failed]

    def to_text(self, title: str) -> str:
        """Medians over the repeats, and each contestant's rate relative to every other."""
        failed = [f"{name:18}failed: {cause}" for name, cause in self.failures.items()]
        return "\n".join([table(title, self.samples, self.measurements), *failed])


def table(title: str, samples: str, measurements: Sequence[Measurement]) -> str:
    """Medians over the repeats, and each contestant's rate relative to every other."""
    runs: dict[str, list[Measurement]] = {}
    for one in measurements:
        runs.setdefault(one.contestant, []).append(one)
    headings = [f"{samples}/s", "per CPU s", "to 1st step", "to last step", "after last"]
    lines = [title, _row("", [*headings, *(f"/ {name}" for name in runs)])]
    for name, own in runs.items():
        cells = [
            f"{median(run.samples_per_second for run in own):.1f}",
            f"{median(run.samples_per_cpu_second for run in own):.1f}",
            f"{median(run.seconds_to_first_step for run in own):.1f} s",
            f"{median(run.seconds_to_last_step for run in own):.1f} s",
            f"{median(run.seconds_after_last_step for run in own):.1f} s",
        ]
        lines.append(_row(name, [*cells, *(_ratio(own, others) for others in runs.values())]))
    return "\n".join(lines)


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:18}" + "".join(f"{cell:>20}" for cell in cells)


def _ratio(runs: Sequence[Measurement], others: Sequence[Measurement]) -> str:
    """Median of the ratios within each repeat, by wall time and by CPU time."""
    pairs = list(zip(runs, others, strict=True))
    wall = median(run.samples_per_second / other.samples_per_second for run, other in pairs)
    cpu = median(run.samples_per_cpu_second / other.samples_per_cpu_second for run, other in pairs)
    return f"{wall:.2f} ({cpu:.2f})"
