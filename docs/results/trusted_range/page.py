"""The page: one table of goals, then each study with its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cells import folded, names_of, number, percent, table
from goals import TITLES, Part, at_coverage, parts_of, verdict
from study import Found, Json, Study
from tried_table import tried_table

INTRODUCTION = (
    "Do a model's own features tell where it can be trusted? All numbers are of held-out blocks, "
    "with 95 % block intervals: features and error model are chosen, fitted and calibrated "
    "without the blocks that they are reported on, and shifted partitions are seen by none of "
    "these. But some rules of the fit were set after a look at shifted partitions, and the "
    "studies of these do not test them. After ethanol at 1000 K and jets: a property of the data "
    "that adds nothing excludes no sample, and of error models that are equal within a standard "
    "error the log-linear one is taken (which ratios on rMD17 and heated ethanol spoke for too). "
    "After ethanol at 1000 K: a range is open towards training, and with several features an edge "
    "is reached by fewer blocks. After acetylacetone's paths: a distance to training that adds "
    "nothing keeps its end away from training, and no bound falls away from it. The feature "
    "observed_trend of rain was picked after its first seed. The number of blocks was set by "
    "simulation. Malonaldehyde at 1000 K was first read when all these rules were final: it tests "
    "all of them. After that, for a study of fields that was trusted for none of its samples (weak "
    "rain had shown the same cause), candidates were made to compete on as many blocks as the fit "
    "has, which [simulations](../statistics/choice.md) decided, and all were read again. Ranges of "
    "two temperatures together were at first validated on each temperature without the other, and "
    "read again on held-out blocks of both."
)
WORDS = (
    "A bound is nominally above 90 % of new samples; a sample is *inside* if it is within the "
    "range of the calibration, *good* if its error is within the tolerance, and *trusted* if it is "
    "inside and its bound is within the tolerance. One range for all runs of a study is tested on "
    "held-out runs and blocks: it speaks for further trainings of the same net. *If errors were "
    "known* is how much narrower it would be if each bound was the sample's own error. Where a "
    "goal is missed, a folded table has all that was tried: each feature, and all together, with "
    "each error model. Nothing is chosen by it, and the best of its many rows is better than it "
    "would be on new samples. (Combinations of two and three features, tried step by step, are in "
    "the JSON file of a study.)"
)
OVERVIEW = (
    "The goals were set before the studies ran. Numbers are the mean over the runs (seeds), and "
    "for (b) over the shifted partitions too, with an interval that holds those of all runs; a "
    "goal is met if every run meets it by its estimate. The seconds of the test are those of "
    "predictions and features; no further net is trained."
)

OWN_BLOCKS = "estimated_blocks"
"""Recorded since the blocks are always those of the errors given the features."""


def page(studies: Mapping[str, Study]) -> Iterator[str]:
    """The lines of the page."""
    found = {name: study.found() for name, study in studies.items()}
    yield from ("# Trusted ranges on real input", "", INTRODUCTION, "", WORDS, "")
    yield from _overview(studies, found)
    yield (
        "Again: `python docs/results/trusted_range/run.py` trains, fits and writes this page; with "
        "`--write` it is written from the JSON files beside it."
    )
    yield ""
    for name, study in studies.items():
        yield from _section(study, found[name])


def _overview(studies: Mapping[str, Study], found: Mapping[str, Found | None]) -> Iterator[str]:
    yield from (OVERVIEW, "")
    yield from (f"- ({goal}) {title}" for goal, title in TITLES.items())
    yield ""
    rows = []
    for name, study in studies.items():
        title = f"[{study.title}](#{_anchor(study.title)})"
        own = found[name]
        if own is None or not own.fitted:
            rows.append((title, "", *(("not run yet", "") if own is None else _refused(own))))
            continue
        for goal in study.goals:
            parts = _parts(goal, study, own)
            sentence = "; ".join(part.sentence() for part in parts)
            rows.append((title, f"({goal})", verdict(parts), sentence))
            title = ""
    yield from table(("study", "goal", "", "in numbers"), rows)


def _refused(found: Found) -> tuple[str, str]:
    """Of a study whose ranges were all refused: that, and why the first was."""
    return "refused", found.ranges[0]["refused"]


def _parts(goal: str, study: Study, found: Found | None) -> list[Part]:
    if found is None or goal not in study.goals:
        return []
    return parts_of(goal, found, study.shifts)


def _anchor(title: str) -> str:
    """GitHub's anchor of a heading."""
    kept = [char for char in title.lower() if char.isalnum() or char in "- _"]
    return "".join(kept).replace(" ", "-")


def _section(study: Study, found: Found | None) -> Iterator[str]:
    yield from (f"## {study.title}", "", "```")
    yield f"python train.py -m {' '.join(study.train)}"
    yield f"python -m saibench trust <study folder> {' '.join(study.read)} --json"
    yield from ("```", "")
    if study.note:
        yield from (study.note, "")
    if found is None:
        yield from ("Not run yet.", "")
        return
    refused = [one for one in found.ranges if one["refused"]]
    yield from (f"- {one['label']}: refused, {one['refused']}" for one in refused)
    if not found.fitted:
        return
    first = found.fitted[0]
    statistic = first["statistic"]
    tolerance = f"{first['tolerance']:g} {statistic['unit']}".rstrip()
    yield (
        f"Bound of {statistic['title']}, tolerance {tolerance}, on "
        f"{', '.join(first['partitions'])}."
    )
    yield ""
    shown = found.fitted if found.together["refused"] else [*found.fitted, found.together]
    yield from _own(shown)
    yield from _shifted(shown, found.recognised_there)
    yield from folded("Runs: commits, hashes and seconds", _runs(found))
    if all(part.is_met for goal in study.goals for part in _parts(goal, study, found)):
        return
    runs = f"{len(found.fitted)} runs, mean [smallest, largest]"
    yield from folded(f"All features and error models: {runs}", tried_table(found))


def _own(fitted: Sequence[Json]) -> Iterator[str]:
    """How the ranges do on held-out blocks of the calibration's partition."""
    yield from table(
        (
            *("run", "blocks", "features of the bound", "error model", "below the bound"),
            *("narrower than without features", "if errors were known", "AUROC of the worst tenth"),
            *("good", "good ones recognised", "trusted ones good"),
        ),
        [_own_row(one) for one in fitted],
    )


def _own_row(one: Json) -> tuple[str, ...]:
    chosen = names_of(one["chosen"], len(one["features"]))
    own = (_label(one), f"{_blocks(one)}", chosen, one["error_model"])
    checked = one["validation"]
    if checked is None:
        return (*own, one["unvalidated"], *[""] * 6)
    use = checked["usefulness"]
    gains = (percent(checked["gain"]), percent(checked.get("oracle_gain")))
    ranks = (percent(at_coverage(checked)), *gains, number(use["auroc"]))
    return (*own, *ranks, *_decision(use["decision"]))


def _blocks(one: Json) -> int:
    return int(one["counts"]["fitted_blocks"] + one["counts"]["calibration_blocks"])


def _only_run(one: Json) -> str:
    """Hash of the run; empty for several."""
    return one["runs"][0] if len(one["runs"]) == 1 else ""


def _label(one: Json) -> str:
    """The run, or that these are all: their range is tested on held-out runs and blocks."""
    return one["label"] if _only_run(one) else f"{len(one['runs'])} runs together"


def _shifted(
    fitted: Sequence[Json], there: Mapping[str, Mapping[str, Json | None]]
) -> Iterator[str]:
    """How they do on partitions that they were not calibrated on."""
    rows = [
        (
            _label(one),
            shift["partition"],
            f"{shift['count']:,}",
            f"{shift['mean_error']:.3g}",
            percent(shift["inside"]),
            percent(shift["coverage_inside"]),
            percent(shift["coverage_all"]),
            *_decision(shift["decision"]),
            percent(there.get(shift["partition"], {}).get(_only_run(one))),
        )
        for one in fitted
        for shift in one["shifts"]
    ]
    if not rows:
        return
    yield from table(
        (
            *("run", "checked on", "samples", "mean error", "inside", "below the bound, inside"),
            *("of all", "good", "good ones recognised", "trusted ones good"),
            "good ones recognised if calibrated there",
        ),
        rows,
    )


def _decision(decision: Json | None) -> list[str]:
    given = decision or {}
    return [percent(given.get(key)) for key in ("good", "recognised", "correct")]


def _runs(found: Found) -> Iterator[str]:
    yield from table(
        ("run", "hash", "commit", "data", "steps", "seconds: train, test with features"),
        [
            (
                *(run["label"], point, run["commit"], run["data_hash"], f"{run['steps']:,}"),
                f"{run['seconds']['train']:.0f}, {run['seconds']['test']:.0f}",
            )
            for point, run in found.runs.items()
        ],
    )
    yield from (f"- {data}" for data in dict.fromkeys(run["data"] for run in found.runs.values()))
    yield f"- The ranges are fitted and tested by the code of commit {found.fitted_by}."
    if any(_blocks(one) == one["raw_blocks"] for one in found.fitted if OWN_BLOCKS not in one):
        yield (
            "- The blocks are those of the errors alone. A new run takes those of the errors given "
            "the features, of which there were half to twice as many."
        )
    yield ""
