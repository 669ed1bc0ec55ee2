"""Leaks of test partitions: distances to the training set, and the fraction of leaked samples."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from saibench.analysis.leak_audit.of_evidence import Audited, audits_of
from saibench.analysis.leak_audit.records import QUANTILES
from saibench.analysis.leak_audit.sentences import summary
from saibench.evidence.audit_record import Audit, Share
from saibench.evidence.reader import StudyEvidence
from saibench.figures.questions import FAIR
from saibench.figures.style import INK, MUTED, PALETTE, error_bars, panel_title, panels, styled

title = "Leak audit"
paper = "Section 4"
question = FAIR

MAX_ROWS = 3
TEST, AMONG = PALETTE[1], MUTED


def needs(evidence: StudyEvidence) -> str | None:
    if audits_of(evidence):
        return None
    return "No run was audited. Use `python -m saibench audit` on the study's folder."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (point, partition, leak): fraction of the test samples with its interval."""
    rows = []
    for one in audits_of(evidence):
        about = {"point": one.point, "label": one.label, "partition": one.audit.partition}
        for name, share in _shares(one.audit):
            bounds = {"share": share.estimate, "low": share.low, "high": share.high}
            rows.append({**about, "leak": name, **bounds, "samples": share.count})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    drawn = _drawn(audits_of(evidence))
    figure, axes = panels(len(drawn), 2, 0.6 + 2.7 * len(drawn))
    letters = iter("abcdef")
    for (distances, shares), one in zip(axes, drawn, strict=True):
        _draw_distances(distances, one.audit)
        _draw_shares(shares, one.audit)
        label = ", ".join(dict.fromkeys([one.label, one.audit.partition]))
        panel_title(distances, next(letters), "distance to training", label)
        panel_title(shares, next(letters), "of the test samples")
    handles = [
        Line2D([], [], color=TEST, linewidth=1.8, label="test samples"),
        Line2D([], [], color=AMONG, linewidth=1.8, label="independent training samples"),
        Line2D([], [], color=INK, linewidth=1, linestyle="--", label="near-duplicate below"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The score of the audit with the most leaked samples."""
    return summary(_drawn(audits_of(evidence))[0].audit)[0]


def caption(evidence: StudyEvidence) -> str:
    found = audits_of(evidence)
    first = found[0].audit
    described = f" ({first.describe_descriptor})" if first.describe_descriptor else ""
    parts = [
        f"Left: fraction of samples whose nearest training sample is closer than this, by their "
        f"{first.descriptor}{described}, relative to the mean distance of independent training "
        "samples. Right: fraction of leaked test samples (the score), and the reasons, with 95 % "
        "intervals from resampling blocks of the test."
    ]
    for one in _drawn(found):
        label = f"{one.label}: " if len(found) > 1 else ""
        parts.append(label + " ".join(summary(one.audit)))
    if len(found) > MAX_ROWS:
        parts.append(f"Drawn: the {MAX_ROWS} audits with the highest scores of {len(found)}.")
    return "\n".join(parts)


def _drawn(found: list[Audited]) -> list[Audited]:
    """The audits with the highest scores."""
    ranked = sorted(found, key=lambda one: -one.audit.score.estimate)[:MAX_ROWS]
    return [one for one in found if one in ranked]


def _shares(audit: Audit) -> list[tuple[str, Share]]:
    """The known fractions, by their names on the axis."""
    named = (
        ("score: any of these", audit.score),
        ("within correlation time", audit.interleaved),
        ("near-duplicate", audit.near),
        (f"same {audit.part or 'sample'}", audit.same),
    )
    return [(name, share) for name, share in named if share is not None]


def _draw_distances(axes: Axes, audit: Audit) -> None:
    axes.set_ylabel("fraction closer [%]")
    axes.set_xlabel("distance / mean of independent samples")
    among, of_test = np.array(audit.among_training), np.array(audit.to_training)
    if not among.size or not of_test.size or audit.threshold is None:
        axes.text(0.5, 0.5, "unknown", ha="center", va="center", transform=axes.transAxes)
        return
    scale = float(among.mean())
    axes.plot(among / scale, 100 * QUANTILES, color=AMONG, linewidth=1.8)
    axes.plot(of_test / scale, 100 * QUANTILES, color=TEST, linewidth=1.8)
    axes.axvline(audit.threshold / scale, color=INK, linewidth=1, linestyle="--")
    axes.set_xlim(0, 1.02 * max(among[-2], of_test[-2]) / scale)
    axes.set_ylim(0, 101)


def _draw_shares(axes: Axes, audit: Audit) -> None:
    shares = _shares(audit)
    names = [name for name, _ in shares]
    estimate, low, high = 100 * np.array([(s.estimate, s.low, s.high) for _, s in shares]).T
    colours = [TEST, *[PALETTE[0]] * (len(shares) - 1)]
    axes.barh(names, estimate, color=colours, alpha=0.85, height=0.6)
    axes.errorbar(
        estimate, names, xerr=error_bars(estimate, low, high), fmt="none", ecolor=INK, capsize=2.5
    )
    for position, (value, end) in enumerate(zip(estimate, high, strict=True)):
        axes.text(np.nanmax([value, end]) + 2, position, f"{value:.1f} %", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 118)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("fraction [%]")
