"""The studies of the page: how each is trained and read, and what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
STUDIES = HERE / "studies.yaml"

Json = dict[str, Any]

NOT_SHOWN = frozenset({"sentences", "trusted", "conditional", "risk_coverage", "describe"})
"""Parts of `saibench trust --json` that the page has no use for: long lists and prose."""


@dataclass(frozen=True)
class Study:
    """A study of the page.

    Args:
        name: of its file `<name>.json`.
        title: its heading.
        train: options of `train.py -m`.
        trust: options of `saibench trust`, without its features.
        goals: letters of the goals that it tests.
        shifts: partitions that count for goal (b); the others that were tested are shown alone.
        runs: name of the folder of its runs, if it shares them with another study.
        features: candidates of the bound; by default those of the runs' card.
        note: on how it was run.
    """

    name: str
    title: str
    train: tuple[str, ...]
    trust: tuple[str, ...]
    goals: str
    shifts: tuple[str, ...] = ()
    runs: str = ""
    features: tuple[str, ...] = ()
    note: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """All options of `saibench trust`."""
        return (*self.trust, *(("--feature", *self.features) if self.features else ()))

    def read_on(self, partition: str) -> tuple[str, ...]:
        """The options with another partition to calibrate on."""
        place = self.trust.index("--partition") + 1
        return replace(self, trust=(*self.trust[:place], partition, *self.trust[place + 1 :])).read

    @property
    def file(self) -> Path:
        """What was found."""
        return HERE / f"{self.name}.json"

    def found(self) -> Found | None:
        """None if the study was not run yet."""
        if not self.file.exists():
            return None
        content = json.loads(self.file.read_text("utf-8"))
        return Found(
            tuple(content["ranges"]),
            content["together"],
            content["runs"],
            content.get("recognised_there", {}),
            tuple(content.get("tried", ())),
            tuple(content.get("under_shift", ())),
            content["fitted_by"],
        )


@dataclass(frozen=True)
class Found:
    """What `saibench trust --json` says of a study, and the records of its runs.

    Args:
        ranges: one per run, as in the JSON document.
        together: one of all runs, tested on held-out runs and blocks.
        runs: hash of a run → its label, commit, data, steps and seconds.
        recognised_there: shifted partition → hash of a run → share of the good samples that a range
            recognises that is calibrated on this partition; None without one.
        tried: all candidates of all runs, see `candidates.all_tried`.
        under_shift: of a study without these, what other candidates do there, of the first run.
        fitted_by: commit of the code that fitted and tested the ranges.
    """

    ranges: tuple[Json, ...]
    together: Json
    runs: Mapping[str, Json]
    recognised_there: Mapping[str, Mapping[str, Json | None]] = field(default_factory=dict)
    tried: tuple[Json, ...] = ()
    under_shift: tuple[Json, ...] = ()
    fitted_by: str = ""

    @property
    def fitted(self) -> list[Json]:
        """The ranges that were not refused."""
        return [one for one in self.ranges if not one["refused"]]

    def save(self, file: Path) -> None:
        content = {
            "fitted_by": self.fitted_by,
            "runs": self.runs,
            "ranges": self.ranges,
            "together": self.together,
            "recognised_there": self.recognised_there,
            "tried": self.tried,
        }
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_studies() -> dict[str, Study]:
    """Name → study, in the order of the page."""
    content = yaml.safe_load(STUDIES.read_text("utf-8"))
    lists = ("train", "trust", "shifts", "features")
    return {
        name: Study(
            name, **{key: tuple(value) if key in lists else value for key, value in given.items()}
        )
        for name, given in content.items()
    }


def found_in(
    folder: Path,
    each: str,
    together: str,
    there: Mapping[str, str],
    tried: Sequence[Json],
    fitted_by: str,
) -> Found:
    """Of a study folder and the documents that `saibench trust --json` printed for it.

    Args:
        folder: of the study.
        each: the document of each run alone.
        together: that of one range for all runs.
        there: shifted partition → that of ranges which are calibrated on it.
        tried, fitted_by: see `Found`.
    """
    (of_all,) = json.loads(together)["ranges"]
    of_all.pop("competition", None)
    records = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/run.json"))]
    return Found(
        tuple(_shown(json.loads(each)["ranges"])),
        _shown(of_all),
        {record["point"]: _of_record(record) for record in records},
        {name: _recognised(one) for name, one in there.items()},
        tuple(_shown(tried)),
        fitted_by=fitted_by,
    )


def _recognised(document: str) -> dict[str, Json | None]:
    found = {}
    for one in json.loads(document)["ranges"]:
        checked = None if one["refused"] else one["validation"]
        decision = checked and checked["usefulness"]["decision"]
        for run in one.get("runs", ()):
            found[run] = _shown(decision["recognised"]) if decision else None
    return found


def _of_record(record: Json) -> Json:
    return {
        "label": record["slug"],
        "commit": record["commit"],
        "data": record["data"]["describe"],
        "data_hash": record["data"]["hash"][:12],
        "steps": record["steps"],
        "seconds": record["seconds"],
    }


def _shown(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _shown(value) for name, value in node.items() if name not in NOT_SHOWN}
    return [_shown(one) for one in node] if isinstance(node, list | tuple) else _rounded(node)


def _rounded(value: Any) -> Any:
    """Six significant digits, which is more than the page shows."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
