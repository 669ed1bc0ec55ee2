"""Names of columns in words: declared, known of older evidence, or the words of the name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_study import WINDOWS, write_study

from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.evidence.titles import titled
from saibench.figures.style import quantity_label


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("soap_distance", "SOAP distance to training"),
        ("force_mae", "force MAE"),
        ("|energy_error|", "|energy error|"),
        ("|correct − 1| (mean of 25)", "|correct − 1| (mean of 25)"),
        ("lead/mae - lead/motion_part", "MAE - motion part"),
        ("csi_0.5", "csi 0.5"),
        ("subset.count", "subset.count"),
        ("model._target_", "model"),
    ],
)
def test_column_without_a_declared_title_has_the_words_of_its_name(name: str, words: str) -> None:
    assert titled(name) == words


def test_declared_title_goes_first(tmp_path: Path) -> None:
    study = write_study(tmp_path, WINDOWS[:1], frames=20, figures=[])
    for path in study.glob("*/samples.parquet"):
        fields = [
            replace(one, title="mean force error") if one.name == "force_mae" else one
            for one in read_fields(path)
        ]
        write_table(path, read_table(path), fields)
    evidence = StudyEvidence.load(study)
    assert evidence.units["force_mae"]["title"] == "mean force error"
    assert titled("|force_mae|", evidence) == "|mean force error|"
    force = Quantity("force_mae", "meV/Å", ideal=1.0)
    assert quantity_label(force, evidence) == "|mean force error − 1| [meV/Å]"


def test_abbreviations_are_those_of_the_card(tmp_path: Path) -> None:
    study = write_study(tmp_path, WINDOWS[:1], frames=20, figures=[])
    for path in study.glob("*/run.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "abbreviations": ["xyz"]}))
    assert titled("xyz_5", StudyEvidence.load(study)) == "XYZ 5"
