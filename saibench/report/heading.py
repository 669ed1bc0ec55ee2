"""The title of a page in words, and its data and models in one line each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from saibench.evidence.points import Record
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import is_trained
from saibench.evidence.titles import words
from saibench.formatting import capitalized, counted, joined
from saibench.identity import TRAINED
from saibench.report.reproduce import distinct

MOST_NAMED = 3
"""Data sets or models that a title names; of more it says how many."""


def page_title(evidence: StudyEvidence) -> str:
    """`Force field: ethanol, NequIP`: the task, the data and the models, as far as recorded.

    A record may have a title, which replaces task and data.
    """
    records = list(evidence.records.values())
    models = _named([model_name(record) for record in records], "models")
    titled = str(records[0].get("title") or "")
    task = titled or words(str(records[0].get("workload") or evidence.study))
    data = "" if titled else _named([data_name(record) for record in records], "data sets")
    about = ", ".join(filter(None, [data, models]))
    title = capitalized(task)
    return f"{title}: {about}" if about else title


def model_line(evidence: StudyEvidence) -> str:
    """`3 runs of NequIP, trained on 500 samples`."""
    records = list(evidence.records.values())
    named = _named([model_name(record) for record in records], "models")
    runs = counted(len(records), "run") + (f" of {named}" if named else "")
    trained = [record for record in records if is_trained(record)]
    if not trained:
        return f"{runs}, without training"
    counts = sorted({count for record in trained if (count := _training_count(record))})
    if not counts:
        return runs
    span = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    elsewhere = " of other data" if any(TRAINED in record for record in trained) else ""
    return f"{runs}, trained on {span} samples{elsewhere}"


def data_name(record: Record) -> str:
    """The title of the data, the setting that names them, or their class in words."""
    if title := (record.get("data") or {}).get("title"):
        return str(title)
    settings = {
        name.removeprefix("data."): value
        for name, value in record["settings"].items()
        if name.startswith("data.") and isinstance(value, str)
    }
    target = settings.pop("_target_", "")
    return next(iter(settings.values()), "") or _class_words(target)


def model_name(record: Record) -> str:
    """The class of the net, or the words of the model's name in a record without it."""
    recorded = record.get("model")
    return str(recorded) if recorded else words(str(record["settings"].get("model.name") or ""))


def _class_words(target: str) -> str:
    """`simulated jets` for `package.SimulatedJets`; acronyms keep their capitals."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", target.rpartition(".")[2]).split()
    return " ".join(part if part.isupper() else part.lower() for part in parts)


def _named(names: list[str], noun: str) -> str:
    found = distinct(names)
    return joined(found) if len(found) <= MOST_NAMED else f"{len(found)} {noun}"


def _training_count(record: Mapping[str, Any]) -> int | None:
    return ((record.get("partitions") or {}).get("train") or {}).get("count")
