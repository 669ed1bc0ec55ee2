"""Tells when a running simulation stops resembling the calibration of its trusted range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saibench.analysis.exchangeability import Alarm, Monitor, Reference
from saibench.analysis.exchangeability.stream import alarm_text
from saibench.errors import UserError
from saibench.evidence.independence import TIME
from saibench.units import PS_PER_FS


@dataclass(frozen=True)
class Shift:
    """The step at which a simulation stopped resembling the calibration.

    Args:
        step: of the calculator, counted from 0.
        alarm: of the monitor, with times in ps.
        reference: that the simulation is compared with.
    """

    step: int
    alarm: Alarm
    reference: Reference

    def sentence(self) -> str:
        text = alarm_text(self.alarm, self.reference)
        return f"Step {self.step}: {self.alarm.feature} {text}; the bound may no longer hold."


class SimulationMonitor:
    """Compares the readings of a simulation with the calibration.

    Args:
        reference: of a trusted range, ordered by time in ps.
        timestep: fs per step.
        level: largest probability of a false alarm in the whole run.

    Raises:
        UserError: the time step or the level is invalid, or the calibration samples are not ordered
            in time.
    """

    def __init__(self, reference: Reference, timestep: float, level: float) -> None:
        if not timestep > 0:
            raise UserError(f"timestep={timestep:g} is not above 0. Use timestep=0.5 (fs).")
        if reference.kind != TIME or reference.unit != "ps":
            raise UserError(
                f"the range's calibration samples are independent by {reference.kind}, not ordered "
                "by time in ps, so a simulation cannot be compared with them. Use timestep=None."
            )
        self.shift: Shift | None = None
        self._monitor = Monitor(reference, level=level)
        self._ps = timestep * PS_PER_FS

    @property
    def martingale(self) -> float:
        """Evidence against the calibration; the alarm is raised at 1 / level."""
        return self._monitor.martingale

    def sentence(self) -> str:
        """Whether the simulation resembles the calibration, and else from which step on not."""
        if self.shift is not None:
            return self.shift.sentence()
        return (
            f"The simulation resembles the calibration: no alarm in {self._monitor.samples:,} "
            f"independent readings (false alarm in at most {100 * self._monitor.level:g} % of such "
            "runs)."
        )

    def update(self, step: int, features: Mapping[str, float]) -> bool:
        """Compare the next reading; return whether it raises the alarm."""
        alarm = self._monitor.update(features, step * self._ps)
        if alarm is None or self.shift is not None:
            return False
        self.shift = Shift(step, alarm, self._monitor.reference)
        return True


class ShiftWarning(UserWarning):
    """A simulation no longer resembles the calibration of its trusted range."""


class DistributionShift(RuntimeError):
    """A guarded simulation with `action="stop"` no longer resembles the calibration.

    Args:
        shift: where and why.
    """

    def __init__(self, shift: Shift) -> None:
        super().__init__(shift.sentence())
        self.shift = shift
