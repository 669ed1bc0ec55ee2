"""Draw a study's comparison panels in the style of Weights & Biases.

    python docs/images/wandb_panels.py outputs/windows

Panels are those of `python -m saibench panels`, their numbers those that the runs logged offline.
The study of the picture:

    python train.py -m data=gfn2_xtb data.frames=600 data.stride=5 'test=[last_tenth]' \
        model=cartesian trainer.accelerator=cpu trainer.max_steps=400 trainer.val_every=25 \
        subset.count=100 window.size=0.3 window.start=0,0.15,0.3,0.45 seed=0,1 \
        logger.mode=offline hydra.sweep.dir=outputs/windows
"""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "loggers")]

from wandb_file import LoggedRun, logged_runs  # noqa: E402

from saibench.evidence.reader import StudyEvidence  # noqa: E402
from saibench.loggers.panels import build_workspace  # noqa: E402

COLORS = ["#5387dd", "#da4c4c", "#479a5f", "#edb732", "#7d54b2", "#f0b899", "#229487", "#e87b9f"]
TEXT, FAINT, LINE = "#3c424a", "#79808a", "#e3e5e8"
STYLE = {
    **{"font.family": "DejaVu Sans", "font.size": 6.5, "text.color": TEXT},
    **{"axes.edgecolor": LINE, "axes.labelcolor": FAINT, "axes.linewidth": 0.7},
    **{"axes.spines.top": False, "axes.spines.right": False},
    **{"xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelsize": 6, "ytick.labelsize": 6},
    **{"xtick.major.size": 0, "ytick.major.size": 0, "ytick.minor.size": 0},
}
WIDTH, SIDEBAR, COLUMNS = 13.0, 2.7, 3
HEADER, HEADING, PANEL, GAP = 0.55, 0.36, 2.15, 0.12
"""Sizes in inches."""


@dataclass(frozen=True)
class Study:
    """Runs by group: those of one cell, which differ in their seed."""

    name: str
    groups: dict[str, list[LoggedRun]]

    @property
    def runs(self) -> Iterator[tuple[str, LoggedRun]]:
        """Each run with its color."""
        for color, runs in zip(COLORS, self.groups.values(), strict=False):
            yield from ((color, run) for run in runs)

    @property
    def colored(self) -> Iterator[tuple[str, str, list[LoggedRun]]]:
        """Color, name and runs of each group."""
        named = zip(COLORS, self.groups, strict=False)
        yield from ((color, name, self.groups[name]) for color, name in named)


def main(folder: Path) -> None:
    evidence = StudyEvidence.load(folder)
    groups = defaultdict(list)
    for path in sorted(results.parent for results in folder.glob("*/metrics.json")):
        for run in logged_runs(path):
            if run.exit_code == 0:
                groups[run.config["cell"]].append(run)
    study = Study(evidence.study, dict(groups))
    workspace = build_workspace(evidence, "saibench", "my-team")
    sections = [section._to_model().model_dump(by_alias=True) for section in workspace.sections]
    with matplotlib.rc_context(STYLE):
        content = io.BytesIO()
        _page(study, [(each["name"], each["panels"]) for each in sections]).savefig(
            content, dpi=100
        )
    picture = Image.open(content).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    picture.save(Path(__file__).with_suffix(".png"), optimize=True)


def _page(study: Study, sections: list[tuple[str, list[dict[str, Any]]]]) -> Figure:
    rows = [min(2, -(-len(panels) // COLUMNS)) for _, panels in sections]  # one page of each
    height = HEADER + sum(HEADING + count * (PANEL + GAP) for count in rows) + GAP
    figure = Figure(figsize=(WIDTH, height), facecolor="#f7f8f8")
    canvas = _canvas(figure)
    canvas.set(xlim=(0, WIDTH), ylim=(height, 0))
    canvas.add_patch(Rectangle((0, 0), SIDEBAR, height, facecolor="white", edgecolor=LINE))
    _selector(canvas, study)
    canvas.text(SIDEBAR + 0.2, 0.33, f"saibench: {study.name}", fontsize=10, weight="bold")
    wide = (WIDTH - SIDEBAR - GAP) / COLUMNS
    top = HEADER
    for (name, panels), count in zip(sections, rows, strict=True):
        canvas.text(SIDEBAR + 0.2, top + 0.22, f"▾  {name}", fontsize=8, weight="bold")
        canvas.text(SIDEBAR + 0.5 + 0.083 * len(name), top + 0.22, len(panels), color=FAINT)
        for number, panel in enumerate(panels[: count * COLUMNS]):
            x = SIDEBAR + GAP + number % COLUMNS * wide
            y = top + HEADING + number // COLUMNS * (PANEL + GAP)
            _card(canvas, figure, study, panel, (x, y, wide - GAP))
        top += HEADING + count * (PANEL + GAP)
    return figure


def _canvas(figure: Figure) -> Axes:
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.axis("off")
    return canvas


def _selector(canvas: Axes, study: Study) -> None:
    """The list of runs, grouped by cell."""
    runs = list(study.runs)
    canvas.text(0.2, 0.33, f"Runs ({len(runs)})", fontsize=9, weight="bold")
    y = 0.75
    for color, name, members in study.colored:
        canvas.text(0.2, y, f"▾  {name}", fontsize=6.5)
        canvas.text(SIDEBAR - 0.15, y, len(members), color=FAINT, ha="right")
        for run in members:
            y += 0.21
            canvas.plot(0.42, y - 0.03, "o", color=color, markersize=4.5)
            canvas.text(0.55, y, run.name, fontsize=5.8, color=FAINT)
        y += 0.28


def _card(
    canvas: Axes,
    figure: Figure,
    study: Study,
    panel: dict[str, Any],
    place: tuple[float, float, float],
) -> None:
    """A panel at x and y [inches from the top left] of this width."""
    x, y, wide = place
    width, height = figure.get_size_inches()
    canvas.add_patch(Rectangle((x, y), wide, PANEL, facecolor="white", edgecolor=LINE))
    kind, config = panel["viewType"], panel["config"]
    title = config.get("chartTitle") or kind
    canvas.text(x + wide / 2, y + 0.2, title, ha="center", fontsize=7)
    left, right, bottom, top = MARGINS[kind]
    box = (x + left, height - y - PANEL + bottom, wide - left - right, PANEL - bottom - top)
    axes = figure.add_axes(
        (box[0] / width, box[1] / height, box[2] / width, box[3] / height), facecolor="none"
    )
    DRAWN[kind](axes, study, config)


def _bars(axes: Axes, study: Study, config: dict[str, Any]) -> None:
    """Mean of each group, with the range over its runs."""
    names = []
    for number, (color, name, runs) in enumerate(study.colored):
        values = np.array([run.summary[config["metrics"][0]] for run in runs])
        axes.barh(number, values.mean(), color=color, height=0.72)
        axes.plot([values.min(), values.max()], [number, number], color=TEXT, linewidth=1.1)
        names.append(name)
    axes.set_yticks(range(len(names)), names, fontsize=5)
    axes.set_xlabel(config["xAxisTitle"])
    axes.invert_yaxis()


def _scatter(axes: Axes, study: Study, config: dict[str, Any]) -> None:
    names = [config[axis].removeprefix("summary:") for axis in ("xAxis", "yAxis")]
    points = [(color, *(run.summary[name] for name in names)) for color, run in study.runs]
    for color, x, y in points:
        axes.plot(x, y, "o", color=color, markersize=4)
    x, y = np.array([point[1:] for point in points]).T
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, np.poly1d(np.polyfit(x, y, 1))(ends), color=FAINT, linewidth=0.9)
    axes.grid(color=LINE, linewidth=0.5)
    axes.locator_params("both", nbins=5)
    axes.set(xlabel=names[0], ylabel=names[1])


def _parallel(axes: Axes, study: Study, config: dict[str, Any]) -> None:
    """A line a run through all columns, each of its own scale."""
    columns = config["columns"]
    rows = [(c, [value_at(run, each["accessor"]) for each in columns]) for c, run in study.runs]
    values = np.array([row for _, row in rows], dtype=float)
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1)
    for (color, _), row in zip(rows, scaled, strict=True):
        axes.plot(row, color=color, linewidth=1.2, alpha=0.85)
    for number, column in enumerate(columns):
        axes.axvline(number, color=FAINT, linewidth=0.7)
        label = (column.get("displayName") or column["accessor"]).replace(" on ", "\non ")
        axes.text(number, 1.06, label.replace(" [", "\n["), ha="center", fontsize=5)
        axes.text(number + 0.04, 0.95, f"{high[number]:.4g}", fontsize=5, color=FAINT)
        axes.text(number + 0.04, 0.01, f"{low[number]:.4g}", fontsize=5, color=FAINT)
    axes.axis("off")


def _comparer(axes: Axes, study: Study, config: dict[str, Any]) -> None:
    """Settings that differ, by run."""
    runs = [run for _, run in study.runs][:6]
    settings = [dict(_flat(run.config)) for run in runs]
    hidden = ("provenance.", "_wandb", "point", "identity.")
    names = [
        name
        for name in settings[0]
        if len({str(each.get(name)) for each in settings}) > 1 and not name.startswith(hidden)
    ][:9]
    axes.set(xlim=(0, 1), ylim=(len(names) + 1, 0))
    axes.axis("off")
    for row, name in enumerate(["", *names]):
        axes.text(0, row + 0.6, name[:26], fontsize=5.5, color=FAINT)
        axes.axhline(row + 1, color=LINE, linewidth=0.6)
        for column, (run, given) in enumerate(zip(runs, settings, strict=True)):
            text = str(given.get(name)) if name else run.id
            axes.text(0.36 + 0.11 * column, row + 0.6, text[:7], fontsize=5)


def _curve(axes: Axes, study: Study, config: dict[str, Any]) -> None:
    """Mean and range of each group by step."""
    for color, _, runs in study.colored:
        by_step = defaultdict(list)
        for run in runs:
            for row in run.history:
                if config["metrics"][0] in row:
                    by_step[row[config["xAxis"]]].append(row[config["metrics"][0]])
        steps = sorted(by_step)
        mean = [np.mean(by_step[step]) for step in steps]
        low, high = ([bound(by_step[step]) for step in steps] for bound in (min, max))
        axes.plot(steps, mean, color=color, linewidth=1.2)
        axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
    if config.get("yLogScale"):
        axes.set_yscale("log")
    axes.grid(color=LINE, linewidth=0.5, which="both")
    axes.set_xlabel(config["xAxis"])


def value_at(run: LoggedRun, accessor: str) -> Any:
    """The value of `summary:<name>` or `config:<root>.value.<key>`."""
    section, _, name = accessor.partition(":")
    if section == "summary":
        return run.summary[name]
    root, _, path = name.partition(".value")
    value = run.config[root]
    for key in path.split(".")[1:]:
        value = value[key]
    return value


def _flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


DRAWN: dict[str, Callable[[Axes, Study, dict[str, Any]], None]] = {
    "Bar Chart": _bars,
    "Scatter Plot": _scatter,
    "Parallel Coordinates Plot": _parallel,
    "Run Comparer": _comparer,
    "Run History Line Plot": _curve,
}
MARGINS = {
    "Bar Chart": (1.6, 0.2, 0.4, 0.4),
    "Scatter Plot": (0.62, 0.2, 0.4, 0.4),
    "Parallel Coordinates Plot": (0.35, 0.5, 0.15, 0.75),
    "Run Comparer": (0.15, 0.1, 0.1, 0.35),
    "Run History Line Plot": (0.55, 0.2, 0.4, 0.4),
}
"""Inches left, right, below and above of a panel's axes."""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
