"""Declarations of the workloads' columns, and defaults for columns of saibench 0.1."""

from __future__ import annotations

import pyarrow
import pytest

from saibench.datamodules.jet_tagging.energy_deviation import FIELD
from saibench.datamodules.jet_tagging.jets import FEATURE_FIELDS
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES
from saibench.datamodules.nowcasting.simulated import TRUE_FEATURES
from saibench.evidence.known import is_binary, with_known
from saibench.evidence.schema import AFTER, BEFORE, Field, fields_of
from saibench.models.jet_tagging.statistics import jet_statistics
from saibench.models.nowcasting.statistics import nowcasting_statistics

FEATURES = [*FEATURE_FIELDS, FIELD, *OBSERVED_FEATURES, *TRUE_FEATURES]
STATISTICS = [*jet_statistics([0, 5]), *nowcasting_statistics(20, (16.0,), 5.0, True)]


def test_each_feature_declares_whether_it_is_known_before_the_truth() -> None:
    known = {field.name: field.known for field in FEATURES}
    assert set(known.values()) == {BEFORE, AFTER}
    after = {name for name, when in known.items() if when == AFTER}
    assert after == {"label", "target_trend", "true_speed", "true_source", "true_source_size"}


@pytest.mark.parametrize("field", FEATURES, ids=lambda field: field.name)
def test_undeclared_column_gets_the_current_declaration(field: Field) -> None:
    old = Field(field.name, field.dtype, field.unit, field.per, field.role, field.describe)
    assert with_known(old).known == field.known
    assert fields_of(pyarrow.schema([field.to_arrow()])) == [field]


def test_only_statistics_of_the_prediction_are_known_before_the_truth() -> None:
    before = {one.name for one in STATISTICS if one.known == BEFORE}
    of_jets = {"score", "logit", "least_confidence", "score_range"}
    assert before == of_jets | {"predicted_rate", "mass_balance"}
    for one in STATISTICS:
        assert with_known(Field(one.name, "float64")).known == one.known


def test_binary_statistics_are_declared_and_older_ones_known_by_name() -> None:
    assert {one.name for one in STATISTICS if one.binary} == {"correct", "responds_16"}
    for one in STATISTICS:
        assert is_binary(Field(one.name, "float64")) == one.binary
    declared = [Field("correct", "float64", binary=False), Field("wet", "float64", binary=True)]
    assert fields_of(pyarrow.schema([one.to_arrow() for one in declared])) == declared
    assert [is_binary(field) for field in declared] == [False, True]


def test_undeclared_custom_feature_stays_undeclared() -> None:
    assert with_known(Field("humidity", "float64", role="feature")).known == ""
    assert with_known(Field("lead", "int64", role="key")).known == BEFORE
    own = Field("humidity", "float64", role="feature", known=AFTER)
    assert with_known(own) is own
