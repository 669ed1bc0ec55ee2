from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# a module, since pytest would take an imported `test_partition` for a test
from saibench.datamodules import partition
from saibench.datamodules.partition import Partition, largest_training_count, validation_count
from saibench.datamodules.samplers import Bins, Subset, Tail, Where, Window
from saibench.errors import InsufficientData, UserError


@dataclass(frozen=True)
class Rotation:
    degrees: int

    def hash(self) -> str:
        return f"{self.degrees:012x}"

    def describe(self) -> str:
        return f"rotated by {self.degrees}°"


def make_index(rows: int) -> polars.DataFrame:
    ids = np.arange(rows, dtype=np.int64)
    return polars.DataFrame({"sample_id": ids, "time": ids * 0.5e-3, "label": ids % 2})


def shuffled(index: polars.DataFrame, seed: int = 7) -> polars.DataFrame:
    return index[np.random.default_rng(seed).permutation(index.height)]


def ids(part: Partition) -> set[int]:
    return set(part.sample_ids.tolist())


@given(
    rows=st.integers(120, 600),
    start=st.sampled_from([0.0, 0.15, 0.3]),
    fraction=st.floats(0.1, 1),
    seed=st.integers(0, 100),
)
@settings(deadline=None)
def test_train_validation_and_test_are_disjoint_parts_of_their_candidates(
    rows: int, start: float, fraction: float, seed: int
) -> None:
    index = shuffled(make_index(rows), seed)
    test = partition.test_partition("last_tenth", index, [Tail(0.1)])
    window = Window(start, limit=0.9)
    train, validation = partition.training_split(
        index, window, Subset(fraction=fraction, seed=seed), [test]
    )
    assert not ids(train) & ids(validation)
    assert not (ids(train) | ids(validation)) & ids(test)
    assert ids(train) | ids(validation) <= set(index["sample_id"].to_numpy()[window.select(index)])
    assert validation.count == max(50, math.ceil(train.count * 5 / 100))


@given(
    counts=st.tuples(st.integers(1, 1900), st.integers(1, 1900)),
    seed=st.integers(0, 100),
)
@settings(deadline=None)
def test_families_of_training_and_validation_sets_are_nested(
    counts: tuple[int, int], seed: int
) -> None:
    small, large = sorted(counts)
    index = make_index(2000)
    train, validation = partition.training_split(index, Tail(1), Subset(small, seed=seed))
    wider_train, wider_validation = partition.training_split(
        shuffled(index), Tail(1), Subset(large, seed=seed)
    )
    assert (train.count, wider_train.count) == (small, large)
    drawn = Subset(small, seed=seed).select(index)
    assert train.sample_ids.tolist() == sorted(index["sample_id"].to_numpy()[drawn])
    assert ids(train) <= ids(wider_train)
    assert ids(validation) <= ids(wider_validation)
    assert not ids(train) & ids(wider_validation) and not ids(wider_train) & ids(validation)


@pytest.mark.parametrize("candidates", [*range(0, 60), *range(1000, 1100), 8669])
def test_largest_training_count_is_the_last_that_fits(candidates: int) -> None:
    fitting = [n for n in range(1, candidates + 1) if n + validation_count(n) <= candidates]
    assert largest_training_count(candidates) == max(fitting, default=0)


def test_without_count_as_many_train_as_fit_beside_their_validation() -> None:
    train, validation = partition.training_split(make_index(9633), Window(0, limit=0.9), Subset())
    assert (train.count, validation.count) == (8256, 413)  # 8669 together


def test_a_fraction_is_one_of_the_largest_training_count() -> None:
    train, validation = partition.training_split(
        make_index(9633), Window(0, limit=0.9), Subset(fraction=0.1)
    )
    assert (train.count, validation.count) == (825, 50)


def test_a_split_is_the_same_on_every_machine() -> None:
    for index in (make_index(60), shuffled(make_index(60))):
        train, validation = partition.training_split(index, Window(0), Subset(5, seed=0))
        assert train.sample_ids.tolist() == [0, 15, 24, 28, 54]
        assert validation.hash == "31bd9285a9b1"
        assert index["sample_id"].to_numpy()[train.rows].tolist() == train.sample_ids.tolist()


def test_a_count_that_leaves_too_few_samples_for_validation_is_refused() -> None:
    says = r"subset\.count=8300 and 415 .* 8669 .*subset\.count <= 8256, with 413 "
    with pytest.raises(InsufficientData, match=says):
        partition.training_split(make_index(9633), Window(0, limit=0.9), Subset(8300))


def test_candidates_fewer_than_the_validation_needs_are_not_enough() -> None:
    with pytest.raises(InsufficientData, match=r"50 samples .* 51"):
        partition.training_split(make_index(50), Window(0), Subset())
    train, validation = partition.training_split(make_index(51), Window(0), Subset())
    assert (train.count, validation.count) == (1, 50)


def test_training_on_a_held_out_partition_is_refused_by_name() -> None:
    index = make_index(1000)
    test = partition.test_partition("last_tenth", index, [Tail(0.1)])
    with pytest.raises(UserError, match=r"from 50 % to 100 % .* 100 of the 100 .*'last_tenth'"):
        partition.training_split(index, Window(0.5), Subset(10), [test])


def test_the_sampler_that_leaves_nothing_is_named() -> None:
    samplers = [Tail(0.5), Where("label", equals=7), Bins("label", edges=[0, 1]), Subset(3)]
    with pytest.raises(UserError, match=r"partition 'odd' .*'samples whose label is 7' .* 50 "):
        partition.test_partition("odd", make_index(100), samplers)
    with pytest.raises(UserError, match=r"partition 'train' .*'samples from .* 9 "):
        partition.training_split(make_index(9), Window(0, 0.01), Subset())


def test_a_test_partition_composes_its_samplers() -> None:
    index = shuffled(make_index(100))
    part = partition.test_partition("late", index, [Tail(0.1), Where("label", equals=1)])
    assert part.sample_ids.tolist() == [91, 93, 95, 97, 99]
    assert index["sample_id"].to_numpy()[part.rows].tolist() == part.sample_ids.tolist()
    assert part.describe == (
        "the last 10 % of the samples in order of time, then samples whose label is 1"
    )


def test_a_test_partition_without_samplers_is_the_whole_data() -> None:
    part = partition.test_partition("whole", make_index(9), [])
    assert (part.count, part.describe) == (9, "all samples")


def test_hash_depends_on_samples_and_transform_alone() -> None:
    index = make_index(100)
    part = partition.test_partition("last_tenth", index, [Tail(0.1)])
    assert part.hash == "c31a7586c004"
    same = partition.test_partition("other", shuffled(index), [Where("time", at_least=0.045)])
    assert same.hash == part.hash
    rotated, further = (
        partition.test_partition("last_tenth", index, [Tail(0.1)], Rotation(angle))
        for angle in (45, 90)
    )
    assert len({part.hash, rotated.hash, further.hash}) == 3
    assert rotated.describe == "the last 10 % of the samples in order of time, rotated by 45°"


def test_rows_of_a_partition_can_not_be_overwritten() -> None:
    part = partition.test_partition("all", make_index(5), [])
    with pytest.raises(ValueError, match="read-only"):
        part.rows[0] = 3


def test_ids_given_twice_are_an_error() -> None:
    index = polars.DataFrame({"sample_id": [1, 1, 2]})
    with pytest.raises(ValueError, match=r"partition 'all' .*sample_ids"):
        partition.test_partition("all", index, [])
