"""Ranges of other molecules, runs, data and units, applied to a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
from made_trust import write_trust_study

from saibench.analysis.trusted_range import Quantity, Source, TrustedRange
from saibench.analysis.trusted_range.checked import refuse_unsuitable
from saibench.analysis.trusted_range.of_evidence import trusted_range_of
from saibench.analysis.trusted_range.reading import system_of
from saibench.analysis.trusted_range.suitable import Model, mismatch_warnings, refuse_other_system
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table

URACIL = Source("md", "force_field", "aa", ("p0",), system="C4H4N2O2")
OWN = Model("force_field", "C4H4N2O2", "aa", "p0")
OLD = Path(__file__).parent / "range_of_version_1.json"


def range_of(source: Source) -> TrustedRange:
    feature = np.linspace(0, 1, 120)
    trusted = TrustedRange.fit(
        feature,
        1 + feature,
        np.arange(120) // 2,
        names=[Quantity("distance", "Å")],
        statistic=Quantity("force_mae", "meV/Å"),
    )
    return replace(trusted, source=source)


def test_range_of_another_molecule_or_task_is_refused() -> None:
    refuse_other_system(range_of(URACIL), OWN)
    for other in (replace(OWN, system="C3H4O2"), replace(OWN, workload="jet_tagging")):
        with pytest.raises(UserError, match=r"C3H4O2|jet_tagging"):
            refuse_other_system(range_of(URACIL), other)
    refuse_other_system(range_of(replace(URACIL, system="")), replace(OWN, system="C3H4O2"))


def test_range_of_another_run_or_of_other_data_gives_a_warning() -> None:
    assert mismatch_warnings(range_of(URACIL), OWN) == []
    assert mismatch_warnings(range_of(replace(URACIL, points=("p1", "p0"))), OWN) == []
    (another,) = mismatch_warnings(range_of(URACIL), replace(OWN, run="p7"))
    assert "p0" in another and "p7" in another
    (data,) = mismatch_warnings(range_of(URACIL), replace(OWN, data="bb"))
    assert "other data" in data and "C4H4N2O2" in data
    (data,) = mismatch_warnings(range_of(replace(URACIL, system="")), replace(OWN, data="bb"))
    assert "C4H4N2O2" in data
    assert len(mismatch_warnings(range_of(Source()), OWN)) == 1


def test_range_in_other_units_is_refused(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_trust_study(tmp_path, ["near"]))
    trusted = range_of(URACIL)
    refuse_unsuitable(evidence, trusted)
    with pytest.raises(UserError, match=r"distance in nm.* Å"):
        refuse_unsuitable(evidence, replace(trusted, features=(Quantity("distance", "nm"),)))
    with pytest.raises(UserError, match=r"force_mae in kcal/mol/Å"):
        refuse_unsuitable(evidence, replace(trusted, statistic=Quantity("force_mae", "kcal/mol/Å")))


def test_range_has_its_molecule_from_the_record_or_the_atoms(tmp_path: Path) -> None:
    data = {"data": {"hash": "0a1b", "describe": "made-up frames", "system": "C4H4N2O2"}}
    evidence = StudyEvidence.load(write_trust_study(tmp_path / "a", ["near"], record=data))
    trusted = trusted_range_of(evidence, "force_mae", ["distance"])
    assert (trusted.source.system, trusted.source.data) == ("C4H4N2O2", "0a1b")
    assert trusted.features[0].known == "before"

    folder = write_trust_study(tmp_path / "b", ["near"])
    (point,) = StudyEvidence.load(folder).metrics
    keys = {"point": [point] * 3, "partition": ["last_tenth"] * 3, "sample_id": [1000] * 3}
    atoms = polars.DataFrame({**keys, "species": ["C", "H", "O"], "num_atoms": [3, 4, 2]})
    fields = [
        *(Field(name, "int64" if name == "sample_id" else "string", role="key") for name in keys),
        Field("species", "string", role="key"),
        Field("num_atoms", "int64", role="weight"),
    ]
    write_table(folder / "near" / "by_species.parquet", atoms, fields)
    assert system_of(StudyEvidence.load(folder), point) == "C3H4O2"


def test_range_of_saibench_0_1_gives_a_warning_if_data_differ() -> None:
    trusted = TrustedRange.load(OLD)
    assert trusted.source.system == "" and trusted.features[0].known == ""
    source = json.loads(OLD.read_text())["trusted_range"]["source"]
    own = Model("force_field", "C2H6O", source["data"], source["points"][0])
    assert mismatch_warnings(trusted, own) == []
    assert len(mismatch_warnings(trusted, replace(own, data="bb"))) == 1
