"""Summarize a guarded run in sentences."""

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
    """Comparison of flagged readings with the true error; None if there are none.

    Args:
        first_flag: time (ps) of the first reading that is not trusted.
        first_excess: time (ps) of the first error above the tolerance.
        recall: fraction of the readings with an error above the tolerance that are flagged.
        precision: fraction of the flagged readings with an error above the tolerance.
    """

    first_flag: float | None
    first_excess: float | None
    recall: Interval | None
    precision: Interval | None


def alarm(run: pl.DataFrame, tolerance: float) -> Alarm:
    """Compare flags with errors; intervals resample blocks of 5 correlation times."""
    blocks, time = _blocks(run), run["time"].to_numpy()
    excess = run["error"].to_numpy().astype(float) > tolerance
    flagged = ~run["trusted"].to_numpy()
    return Alarm(
        first_flag=float(time[flagged][0]) if flagged.any() else None,
        first_excess=float(time[excess][0]) if excess.any() else None,
        recall=_share(flagged, excess, blocks),
        precision=_share(excess, flagged, blocks),
    )


def sentences(run: pl.DataFrame, trusted: TrustedRange, tolerance: float | None) -> list[str]:
    """Report how often the net was trusted, and how that compares with the true error."""
    blocks = _blocks(run)
    last = run["time"][-1]
    flagged = (~run["trusted"]).to_numpy()
    everything = np.ones(run.height, dtype=bool)
    share = _share(flagged, everything, blocks)
    assert share is not None
    lines = [
        f"{run.height:,} readings in {last:.3g} ps ({share.num_blocks} independent blocks). The "
        f"net is not trusted at {percent(share)} of them; {(~run['inside']).sum():,} are outside "
        "the fitted range."
    ]
    if run["error"].null_count() == run.height:
        return [*lines, "Without a reference the true error is unknown."]
    name, unit = trusted.statistic.name, trusted.statistic.unit
    error = run["error"].to_numpy().astype(float)
    for word, chosen in (("trusted", ~flagged), ("not trusted", flagged)):
        if chosen.any():
            mean = blocks.mean(error, chosen)
            lines.append(
                f"Where the net is {word}, the mean true {name} is {bracketed(mean)} {unit} "
                f"(n = {mean.count:,})."
            )
    below = error <= run["bound"].to_numpy()
    for word, chosen in (
        ("inside the fitted range", run["inside"].to_numpy()),
        ("outside the fitted range", ~run["inside"].to_numpy()),
    ):
        covered = _share(below, chosen, blocks)
        if covered is not None:
            lines.append(
                f"{percent(covered)} of the errors {word} are below their "
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
            f"The true error first exceeds {limit} at {found.first_excess:.3g} ps; the guard gives "
            "no warning."
        )
    else:
        ahead = 1000 * (found.first_excess - found.first_flag)
        when = f"{abs(ahead):.3g} fs {'earlier' if ahead > 0 else 'later'}"
        when = when if ahead else "at the same reading"
        lines.append(
            f"The true error first exceeds {limit} at {found.first_excess:.3g} ps; the guard first "
            f"warns at {found.first_flag:.3g} ps, {when}."
        )
    if found.recall is not None:
        lines.append(
            f"The guard flags {percent(found.recall)} of the {found.recall.count:,} readings with "
            f"an error above {limit} (recall)."
        )
    if found.precision is not None:
        lines.append(
            f"{percent(found.precision)} of the {found.precision.count:,} flagged readings have "
            "such an error (precision)."
        )
    return lines


def _blocks(run: pl.DataFrame) -> Blocks:
    """Blocks of 5 correlation times of the error, or without a reference of the bound."""
    column = "bound" if run["error"].null_count() else "error"
    times = run.select("time").with_row_index("sample_id")
    samples = marked_index(times, Independence(TIME, "time"))
    return find_blocks(samples, run[column].to_numpy().astype(float))


def _share(event: np.ndarray, among: np.ndarray, blocks: Blocks) -> Interval | None:
    """Fraction of `among` in which `event` is true."""
    if not among.any():
        return None
    return blocks.mean(event.astype(float), among, share=True)
