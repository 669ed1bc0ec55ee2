"""What a guarded run shows, in sentences with numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from saibench.analysis.blocks import Blocks, find_blocks
from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range import TrustedRange
from saibench.evidence.independence import TIME, Independence, marked_index
from saibench.formatting import bracketed, percent


@dataclass(frozen=True)
class Alarm:
    """How a guard's word compares with the true error; None where it was never the case.

    Args:
        first_flag: time in ps at which the net is first not trusted.
        first_excess: time in ps at which the error first exceeds the tolerance.
        detected: of the readings whose error exceeds the tolerance, the share that is flagged.
        right: of the flagged readings, the share whose error exceeds the tolerance.
    """

    first_flag: float | None
    first_excess: float | None
    detected: Interval | None
    right: Interval | None


def alarm(run: pl.DataFrame, tolerance: float) -> Alarm:
    """Compare flags with errors; intervals resample stretches of 5 correlation times."""
    blocks = _blocks(run)
    excess = run["error"].to_numpy().astype(float) > tolerance
    flagged = ~run["trusted"].to_numpy()
    return Alarm(
        first_flag=_first(run, flagged),
        first_excess=_first(run, excess),
        detected=_share(flagged, excess, blocks),
        right=_share(excess, flagged, blocks),
    )


def sentences(run: pl.DataFrame, trusted: TrustedRange, tolerance: float | None) -> list[str]:
    """What the run shows: how often the net was trusted, and whether rightly."""
    blocks = _blocks(run)
    last = run["time"][-1]
    flagged = (~run["trusted"]).to_numpy()
    everything = np.ones(run.height, dtype=bool)
    share = _share(flagged, everything, blocks)
    assert share is not None
    lines = [
        f"{run.height:,} readings in {last:.3g} ps, {share.num_blocks} stretches that are "
        f"independent; the net is not trusted at {percent(share)} of them, "
        f"{(~run['inside']).sum():,} of which lie outside the fitted range."
    ]
    if run["error"].null_count() == run.height:
        return [*lines, "No reference was asked, so that the true error is not known."]
    name, unit = trusted.statistic.name, trusted.statistic.unit
    error = run["error"].to_numpy().astype(float)
    for word, chosen in (("trusted", ~flagged), ("not trusted", flagged)):
        if chosen.any():
            mean = blocks.mean(error, chosen)
            lines.append(
                f"Where the net is {word}, the true {name} is {bracketed(mean)} {unit} in the mean "
                f"(n = {mean.count:,})."
            )
    below = error <= run["bound"].to_numpy()
    for word, chosen in (
        ("inside the fitted range", run["inside"].to_numpy()),
        ("outside it, where the bound is a guess,", ~run["inside"].to_numpy()),
    ):
        covered = _share(below, chosen, blocks)
        if covered is not None:
            lines.append(
                f"Of the readings {word} {percent(covered)} lie below their "
                f"{100 * trusted.coverage:g} % bound (n = {covered.count:,})."
            )
    if tolerance is not None:
        lines += _alarm_sentences(alarm(run, tolerance), f"{tolerance:g} {unit}".rstrip())
    return lines


def _alarm_sentences(found: Alarm, limit: str) -> list[str]:
    lines = []
    if found.first_excess is None:
        lines.append(f"The true error never exceeds {limit}.")
    elif found.first_flag is None:
        lines.append(
            f"The true error first exceeds {limit} at {found.first_excess:.3g} ps; the guard never "
            "warns."
        )
    else:
        ahead = 1000 * (found.first_excess - found.first_flag)
        when = "at the same reading" if ahead == 0 else f"{abs(ahead):.3g} fs "
        when += "" if ahead == 0 else ("earlier" if ahead > 0 else "later")
        lines.append(
            f"The true error first exceeds {limit} at {found.first_excess:.3g} ps; the guard first "
            f"warns at {found.first_flag:.3g} ps, {when}."
        )
    if found.detected is not None:
        lines.append(
            f"Of {found.detected.count:,} readings whose error exceeds {limit}, the guard flags "
            f"{percent(found.detected)}."
        )
    if found.right is not None:
        lines.append(
            f"Of {found.right.count:,} readings that it flags, {percent(found.right)} have such an "
            "error."
        )
    return lines


def _blocks(run: pl.DataFrame) -> Blocks:
    """Stretches of time, each of 5 correlation times of the error, or of what the guard reads."""
    column = "bound" if run["error"].null_count() else "error"
    times = run.select("time").with_row_index("sample_id")
    samples = marked_index(times, Independence(TIME, "time"))
    return find_blocks(samples, run[column].to_numpy().astype(float))


def _share(event: np.ndarray, among: np.ndarray, blocks: Blocks) -> Interval | None:
    """Share of `among` in which `event` holds."""
    if not among.any():
        return None
    return blocks.mean(event.astype(float), among, share=True)


def _first(run: pl.DataFrame, chosen: np.ndarray) -> float | None:
    return float(run["time"].to_numpy()[chosen][0]) if chosen.any() else None
