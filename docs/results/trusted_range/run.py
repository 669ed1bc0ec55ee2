"""Train the studies of the page and write it: `python docs/results/trusted_range/run.py`.

Studies are trained below `outputs/results/trusted_range/` (or `--runs`), skipped when they are
complete. The page is written from `saibench trust --json` of each; a study that is not there yet is
named as missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = Path(__file__).resolve().with_name("README.md")

RATIO, AUROC = 0.90, 0.88
"""Goal (a): the mean bound relative to the one without features, and the worst tenth's AUROC."""
INSIDE, RECOGNISED = 0.85, 0.5
"""Goal (b): coverage of the 90 % bound of samples inside, and samples recognised as good."""
NARROWER = 0.30
"""Goal (c): how much narrower the bound is where a test holds samples like training and others."""

Run = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A study of the page.

    Args:
        title: its heading.
        train: options of `train.py -m`.
        trust: options of `saibench trust`.
        goals: letters of the goals that it is a test of.
        note: on how it was run.
    """

    title: str
    train: tuple[str, ...]
    trust: tuple[str, ...]
    goals: str
    note: str = ""


FEATURES = (
    "--feature",
    *("latent_mahalanobis", "latent_mahalanobis_max", "predicted_energy"),
    *("soap_distance_atom", "committee_std", "soap_distance"),
)
HEATED = (
    *("data=heated_ethanol", "window.size=0.3", "test=[whole_trajectory]"),
    *("model=nequip_small", "model.loss_of=absolute", "model.loss.energy=0.1"),
    *("model.loss.forces=10", "model.optimizer.lr=0.02", "model.optimizer.amsgrad=false"),
    *("trainer.max_steps=2000", "seed=0,1,2"),
)
STUDIES = {
    "ethanol": Study(
        "rMD17 ethanol",
        ("+sweeps=force_field/trusted_range", "data.molecule=ethanol"),
        ("--partition", "between", *FEATURES),
        "a",
        "The runs' commit is 68edd2c with this study's YAML: committees had five snapshots, today "
        "three, and latent features were scalars alone. Seconds are those of a loaded machine. The "
        "six candidate features were proposed by another net on the same trajectory.",
    ),
    "heated": Study(
        "Ethanol heated from 200 to 800 K, trained on the first 30 %",
        HEATED,
        ("--partition", "whole_trajectory", *FEATURES),
        "ac",
        "The seconds are those of a loaded machine.",
    ),
    "aspirin": Study(
        "rMD17 aspirin",
        ("+sweeps=force_field/trusted_range", "data.molecule=aspirin"),
        ("--partition", "between", *FEATURES),
        "a",
    ),
}
"""Name of the folder → study."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=[], choices=[*STUDIES, []], help="all")
    parser.add_argument("--runs", type=Path, default=Path("outputs/results/trusted_range"))
    parser.add_argument("--write", action="store_true", help="only write the page")
    options = parser.parse_args()
    for name in () if options.write else options.studies or STUDIES:
        folder, study = options.runs / name, STUDIES[name]
        _run("train.py", "-m", *study.train, "logger=none", f"hydra.sweep.dir={folder}")
        document = _run("-m", "saibench", "trust", str(folder), *study.trust, "--json")
        _document(folder).write_text(document, encoding="utf-8")
    PAGE.write_text("\n".join(page(options.runs)).rstrip() + "\n", encoding="utf-8")
    return 0


def page(runs: Path) -> Iterator[str]:
    """The lines of the page."""
    yield "# Trusted ranges on real input"
    yield ""
    yield (
        "Do a model's own features tell where it can be trusted? All numbers are of held-out "
        "blocks, with 95 % block intervals: features and error model are chosen, fitted and "
        "calibrated without the blocks that they are reported on. The bound is nominally above "
        "90 % of new samples; *narrower* compares it with the bound without features; *recognised* "
        "is the share of samples within the tolerance that are declared trusted, *correct* the "
        "share of trusted samples that are within it. The seconds of the test include the features."
    )
    yield ""
    yield "Again: `python docs/results/trusted_range/run.py` (trains, fits, and writes this page)."
    yield ""
    for name, study in STUDIES.items():
        yield f"## {study.title}"
        yield ""
        yield "```"
        yield f"python train.py -m {' '.join(study.train)}"
        yield f"python -m saibench trust <study folder> {' '.join(study.trust)} --json"
        yield "```"
        yield ""
        if not _document(runs / name).exists():
            yield "Not run yet."
            yield ""
            continue
        document = json.loads(_document(runs / name).read_text("utf-8"))
        fitted = [one for one in document["ranges"] if not one["refused"]]
        for one in document["ranges"]:
            if one["refused"]:
                yield f"- {one['label']}: refused, {one['refused']}"
        if study.note:
            yield study.note
            yield ""
        if fitted:
            yield from _tables(fitted, _records(runs / name), study)


def _document(folder: Path) -> Path:
    """The ranges of a study, beside its folder."""
    return folder.with_name(f"{folder.name}.json")


def _tables(fitted: Sequence[Run], records: dict[str, Run], study: Study) -> Iterator[str]:
    statistic = fitted[0]["statistic"]
    yield (
        f"Bound of {statistic['title']} ({statistic['unit']}), tolerance "
        f"{fitted[0]['tolerance']:g} {statistic['unit']}, on {', '.join(fitted[0]['partitions'])}."
    )
    yield ""
    yield from table(
        (
            *("run", "commit", "seconds: train, test", "blocks", "features of the bound"),
            *("below the bound", "narrower", "AUROC of the worst tenth", "recognised", "correct"),
        ),
        [_own_row(one, records[one["runs"][0]]) for one in fitted],
    )
    shifted = [(one, shift) for one in fitted for shift in one["shifts"]]
    if shifted:
        yield from table(
            (
                *("run", "checked on", "samples", "mean error", "inside"),
                *("below the bound, inside", "of all", "recognised", "correct"),
            ),
            [_shift_row(one, shift) for one, shift in shifted],
        )
    for goal in study.goals:
        yield f"- Goal ({goal}): {GOALS[goal](fitted)}"
    yield ""
    competition = fitted[0]["competition"]
    yield f"All features and error models, {fitted[0]['label']}, by held-out pinball loss:"
    yield ""
    yield from table(
        ("features", "error model", "loss", "less than without features", "mean bound ratio"),
        [
            (
                ", ".join(one["features"]) + (" (chosen)" * (one == competition["chosen"])),
                one["kind"],
                f"{one['loss']:.3g}",
                f"{100 * one['gain']:.1f} ± {100 * one['gain_error']:.1f} %",
                f"{one['width']:.2f}",
            )
            for one in competition["candidates"]
        ],
    )


def _own_row(one: Run, record: Run) -> tuple[str, ...]:
    checked = one["validation"]
    seconds = record["seconds"]
    own = (
        one["label"],
        record["commit"],
        f"{seconds['train']:.0f}, {seconds['test']:.0f}",
        f"{one['counts']['fitted_blocks'] + one['counts']['calibration_blocks']}",
        ", ".join(one["chosen"]),
    )
    if checked is None:
        return (*own, one["unvalidated"], "", "", "", "")
    use = checked["usefulness"]
    decision = use["decision"] or {}
    return (
        *own,
        percent(at_coverage(checked)),
        percent(checked["gain"]),
        fixed(use["auroc"]),
        percent(decision.get("recognised")),
        percent(decision.get("correct")),
    )


def _shift_row(one: Run, shift: Run) -> tuple[str, ...]:
    decision = shift["decision"] or {}
    return (
        one["label"],
        shift["partition"],
        f"{shift['count']:,}",
        f"{shift['mean_error']:.3g}",
        percent(shift["inside"]),
        percent(shift["coverage_inside"]),
        percent(shift["coverage_all"]),
        percent(decision.get("recognised")),
        percent(decision.get("correct")),
    )


def at_coverage(checked: Run) -> Run:
    """The observed coverage at the requested one."""
    own: Run = checked["observed"][checked["levels"].index(checked["coverage"])]
    return own


def _goal_a(fitted: Sequence[Run]) -> str:
    checked = [one["validation"] for one in fitted if one["validation"]]
    honest = [at_coverage(one)["high"] >= one["coverage"] for one in checked]
    ratios = [1 - one["gain"]["estimate"] for one in checked]
    ranks = [one["usefulness"]["auroc"]["estimate"] for one in checked]
    return (
        f"{verdict(honest)} the coverage's interval does not lie below the nominal value; "
        f"{verdict([ratio <= RATIO for ratio in ratios])} the mean bound is at most {RATIO:.2f} of "
        f"that without features: {numbers(ratios)}; {verdict([rank >= AUROC for rank in ranks])} "
        f"AUROC of the worst tenth at least {AUROC:.2f}: {numbers(ranks)}."
    )


def _goal_b(fitted: Sequence[Run]) -> str:
    shifts = [shift for one in fitted for shift in one["shifts"]]
    inside = [one["coverage_inside"]["estimate"] for one in shifts if one["coverage_inside"]]
    found = [
        one["decision"]["recognised"]["estimate"]
        for one in shifts
        if one["decision"] and one["decision"]["recognised"]
    ]
    return (
        f"{verdict([share >= INSIDE for share in inside])} under shift at least "
        f"{INSIDE:.0%} of the samples inside are below their bound: {numbers(inside)}; "
        f"{verdict([share >= RECOGNISED for share in found])} at least {RECOGNISED:.0%} of those "
        f"within the tolerance are recognised: {numbers(found)}."
    )


def _goal_c(fitted: Sequence[Run]) -> str:
    gains = [one["validation"]["gain"]["estimate"] for one in fitted if one["validation"]]
    return (
        f"{verdict([gain >= NARROWER for gain in gains])} bounds are at least {NARROWER:.0%} "
        f"narrower than without features: {numbers(gains)}."
    )


GOALS = {"a": _goal_a, "b": _goal_b, "c": _goal_c}


def verdict(met: Sequence[bool]) -> str:
    """Met by all runs, by some, or missed."""
    if not met:
        return "not tested:"
    if all(met):
        return "met:"
    return f"met by {sum(met)} of {len(met)} runs:" if any(met) else "missed:"


def numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values) or "none"


def percent(interval: Run | None) -> str:
    """`91.2 % [89.8, 92.4]`; a dash without samples."""
    if interval is None:
        return "–"
    estimate, low, high = (100 * interval[key] for key in ("estimate", "low", "high"))
    return f"{estimate:.1f} % [{low:.1f}, {high:.1f}]"


def fixed(interval: Run) -> str:
    return f"{interval['estimate']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table and an empty line."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _records(folder: Path) -> dict[str, Run]:
    """Point → its record."""
    records = [json.loads(path.read_text("utf-8")) for path in folder.glob("*/run.json")]
    return {record["point"]: record for record in records}


def _run(*arguments: str) -> str:
    """Output of a command of saibench, as a user would give it; its failure ends this one."""
    finished = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True
    )
    if finished.returncode:
        sys.exit(finished.returncode)
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
