from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from fractions import Fraction
from functools import partial

import numpy as np
import polars
import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from saibench.datamodules.samplers import (
    OUTSIDE,
    Bins,
    Chain,
    Sampler,
    Subset,
    Tail,
    Where,
    Window,
    sample_keys,
)
from saibench.datamodules.samplers.keys import splitmix64
from saibench.errors import InsufficientData, UserError

PAPER_WINDOWS = [
    (start, size)
    for start in ("0", "0.15", "0.3", "0.45", "0.6")
    for size in ("0.3", "0.45", "0.6", "0.75", "0.9")
    if Fraction(start) + Fraction(size) <= Fraction("0.9")
]


def make_index(rows: int) -> polars.DataFrame:
    ids = np.arange(rows, dtype=np.int64)
    return polars.DataFrame(
        {
            "sample_id": ids,
            "time": ids * 0.5e-3,
            "jet_energy": 550 + 1890 * ((ids * 0.6180339887) % 1) ** 2,
            "label": ids % 3,
            "kind": [("top", "qcd", None)[i % 3] for i in range(rows)],
            "gap": [math.nan if i % 4 == 0 else float(i) for i in range(rows)],
            "is_top": ids % 2 == 0,
        }
    )


def shuffled(index: polars.DataFrame, seed: int = 7) -> polars.DataFrame:
    return index[np.random.default_rng(seed).permutation(index.height)]


def ids_of(sampler: Sampler, index: polars.DataFrame) -> list[int]:
    rows = sampler.select(index)
    assert rows.dtype == np.int64
    return index["sample_id"].to_numpy()[rows].tolist()


def reference_key(sample_id: int, seed: int, stream: int = 0) -> int:
    """SplitMix64 in Python's unbounded integers."""

    def mix(state: int) -> int:
        z = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    return mix((sample_id % 2**64) ^ mix((mix(seed) + stream) % 2**64))


def test_the_paper_has_fifteen_windows() -> None:
    assert len(PAPER_WINDOWS) == 15


@pytest.mark.parametrize("rows", [9633, 100000])
@pytest.mark.parametrize(("start", "size"), PAPER_WINDOWS)
def test_window_bounds_are_the_exact_fractions_rounded_down(
    rows: int, start: str, size: str
) -> None:
    selected = Window(float(start), float(size), limit=0.9).select(make_index(rows))
    first, end = Fraction(start), Fraction(start) + Fraction(size)
    assert selected.tolist() == list(range(math.floor(first * rows), math.floor(end * rows)))
    assert len(selected) == math.floor(float(end) * rows + 1e-9) - selected[0]


def test_tail_of_rmd17_begins_at_row_8669() -> None:
    selected = Tail(0.1).select(make_index(9633))
    assert (selected[0], selected[-1], len(selected)) == (8669, 9632, 964)


@given(start=st.floats(0, 0.85), rows=st.integers(0, 300))
@settings(deadline=None)
def test_a_window_up_to_the_limit_ends_where_the_tail_begins(start: float, rows: int) -> None:
    index = make_index(rows)
    window, tail = ids_of(Window(start, limit=0.9), index), ids_of(Tail(0.1), index)
    assert window + tail == list(range(math.floor(start * rows + 1e-9), rows))


@given(
    start=st.floats(0, 0.5),
    sizes=st.tuples(st.floats(1e-3, 0.5), st.floats(1e-3, 0.5)),
    rows=st.integers(1, 300),
)
@settings(deadline=None)
def test_a_wider_window_contains_a_narrower(
    start: float, sizes: tuple[float, float], rows: int
) -> None:
    index = make_index(rows)
    narrow, wide = (ids_of(Window(start, size), index) for size in sorted(sizes))
    assert wide[: len(narrow)] == narrow


def test_ties_in_time_are_broken_by_sample_id() -> None:
    index = polars.DataFrame({"sample_id": [5, 1, 9, 3], "time": [1.0, 1.0, 0.0, 1.0]})
    assert ids_of(Window(0), index) == [9, 1, 3, 5]


def test_window_reaching_into_the_test_is_refused() -> None:
    with pytest.raises(UserError, match=r"window\.start=0\.3 .*window\.size=0\.7 .* 0\.9.* 0\.6\."):
        Window(start=0.3, size=0.7, limit=0.9)


def test_window_that_passes_the_limit_by_rounding_alone_ends_at_it() -> None:
    assert 0.1 + 0.2 > 0.3
    assert Window(start=0.1, size=0.2, limit=0.3).end == 0.3


def test_order_by_a_feature_with_missing_values_is_refused() -> None:
    with pytest.raises(UserError, match=r"window\.by='gap' .* 3 samples"):
        Window(0, by="gap").select(make_index(10))


def test_keys_are_splitmix64() -> None:
    # https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64, seed 1234567
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    states = [(1234567 + i * 0x9E3779B97F4A7C15) % 2**64 for i in range(3)]
    assert splitmix64(np.array(states, dtype=np.uint64)).tolist() == published


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(0, 2**64 - 1), st.integers(0, 3))
def test_keys_equal_integer_arithmetic(ids: list[int], seed: int, stream: int) -> None:
    keys = sample_keys(np.array(ids, dtype=np.int64), seed, stream)
    assert keys.tolist() == [reference_key(i, seed, stream) for i in ids]


def test_a_draw_is_the_same_on_every_machine() -> None:
    assert ids_of(Subset(count=5, seed=0), make_index(20)) == [15, 0, 11, 9, 1]
    assert ids_of(Subset(count=5, seed=1), make_index(20)) == [2, 5, 15, 8, 18]


@given(
    counts=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    seed=st.integers(0, 1000),
    shuffle=st.integers(0, 1000),
)
@settings(deadline=None)
def test_a_larger_draw_contains_a_smaller_whatever_the_order_of_the_index(
    counts: tuple[int, int], seed: int, shuffle: int
) -> None:
    index = make_index(400)
    small, large = sorted(counts)
    drawn = ids_of(Subset(count=small, seed=seed), shuffled(index, shuffle))
    assert drawn == ids_of(Subset(count=large, seed=seed), index)[:small]
    assert drawn == sorted(range(400), key=lambda i: reference_key(i, seed))[:small]


def test_seeds_draw_differently() -> None:
    index = make_index(1000)
    shared = set(ids_of(Subset(100, seed=0), index)) & set(ids_of(Subset(100, seed=1), index))
    assert len(shared) < 30  # 10 expected, standard deviation 3


def test_subset_without_count_and_fraction_keeps_all() -> None:
    assert sorted(ids_of(Subset(), make_index(9))) == list(range(9))


def test_fraction_rounds_down() -> None:
    assert len(ids_of(Subset(fraction=0.29), make_index(100))) == 29
    assert len(ids_of(Subset(fraction=0.5), make_index(9))) == 4


def test_count_beyond_the_data_is_refused() -> None:
    with pytest.raises(InsufficientData, match=r"subset\.count=50000 .*9633"):
        Subset(count=50000).select(make_index(9633))


def test_fraction_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"subset\.fraction=0\.05 of 9 samples"):
        Subset(fraction=0.05).select(make_index(9))


def test_bins_are_half_open() -> None:
    index = polars.DataFrame({"sample_id": range(6), "x": [-1.0, 0.0, 1.0, 1.5, 3.0, math.nan]})
    for bins in (Bins("x", edges=[0, 1, 3]), Bins("x", edges=[0, 1, 2, 3])):
        assert bins.assign(index)[:4].tolist() == [OUTSIDE, 0, 1, 1]
        assert bins.assign(index)[4:].tolist() == [OUTSIDE, OUTSIDE]


def test_bins_by_count_alone_hold_both_extremes() -> None:
    index = polars.DataFrame({"sample_id": range(5), "x": [0.1, 0.2, 0.3, 0.6, 0.7]})
    assert Bins("x", count=3).assign(index).tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("largest", [1.05, 0.43])
def test_rounding_leaves_no_extreme_outside(largest: float) -> None:
    index = polars.DataFrame({"sample_id": range(2), "x": [0.1, largest]})
    assert 0.1 + 7 * ((largest - 0.1) / 7) != largest
    assert Bins("x", count=7).assign(index).tolist() == [0, 6]


def test_equal_bins_have_decimal_edges() -> None:
    index = polars.DataFrame({"sample_id": [0], "x": [0.3]})  # while 3 * 0.1 > 0.3
    assert Bins("x", start=0, width=0.1, count=5).assign(index).tolist() == [3]


def test_energy_bins_of_the_paper() -> None:
    bins = Bins("jet_energy", start=550, width=236.25, count=8)
    index = make_index(2000)
    edges = bins.edges_of(index)
    assert edges[0] == 550 and edges[-1] == 2440 and len(edges) == 9
    expected, _ = np.histogram(index["jet_energy"], bins=edges)
    counts = bins.counts(index)
    assert [counts[i] for i in range(8)] == expected.tolist()


@given(
    values=st.lists(st.floats(-100, 100) | st.just(math.nan), min_size=1, max_size=60),
    edges=st.lists(st.integers(-90, 90), min_size=2, max_size=8, unique=True).map(sorted),
)
@settings(deadline=None)
def test_every_sample_is_in_one_bin_or_counted_outside(
    values: list[float], edges: list[int]
) -> None:
    index = polars.DataFrame({"sample_id": range(len(values)), "x": values})
    bins = Bins("x", edges=edges)
    for value, bin_number in zip(values, bins.assign(index).tolist(), strict=True):
        inside = [i for i in range(len(edges) - 1) if edges[i] <= value < edges[i + 1]]
        assert [bin_number] == (inside or [OUTSIDE])
    assert sum(bins.counts(index).values()) == len(values)


def test_kept_bins_hold_their_samples_in_order_of_bin_and_id() -> None:
    index = polars.DataFrame({"sample_id": range(6), "x": [2.5, 0.5, 2.1, 0.1, 1.5, 9.0]})
    assert ids_of(Bins("x", edges=[0, 1, 2, 3], keep=[2, 0]), shuffled(index)) == [1, 3, 0, 2]


def test_equal_count_draws_as_many_from_each_as_the_smallest_holds() -> None:
    index = make_index(1000)
    bins = Bins("jet_energy", start=550, width=236.25, count=8, keep=[0, 1, 5], equal_count=True)
    smallest = min(bins.counts(index)[i] for i in (0, 1, 5))
    selected = bins.select(index)
    assert np.bincount(bins.assign(index)[selected]).tolist() == [smallest] * 2 + [0] * 3 + [
        smallest
    ]
    assert ids_of(bins, index) == ids_of(bins, shuffled(index))


def test_a_draw_after_equal_bins_takes_evenly_from_them() -> None:
    index = polars.DataFrame(
        {"sample_id": range(11000), "x": [float(i >= 10000) for i in range(11000)]}
    )
    equal = Bins("x", edges=[0, 1, 2], equal_count=True)
    few = sum(i >= 10000 for i in ids_of(equal | Subset(count=400), index))
    assert 160 < few < 240  # 200 expected, standard deviation 9


def energy_range(last: int, seed: int = 0) -> Bins:
    """Training range `last` of the paper's figure 10b."""
    grid = {"start": 550, "width": 236.25, "count": 8}
    return Bins("jet_energy", **grid, keep=range(last + 1), size_of=0, seed=seed)


@given(rows=st.integers(30, 400), last=st.integers(0, 7), seed=st.integers(0, 2**63))
@settings(deadline=None)
def test_every_range_of_bins_is_as_large_as_its_first_bin(rows: int, last: int, seed: int) -> None:
    index = make_index(rows)
    bins = energy_range(last, seed)
    selected = bins.select(index)
    counts = bins.counts(index)
    assert len(selected) == len(set(selected.tolist())) == counts[0]
    assert set(bins.assign(index)[selected].tolist()) <= set(range(last + 1))
    assert ids_of(bins, index) == ids_of(bins, shuffled(index))
    if last == 0:
        assert selected.tolist() == np.flatnonzero(bins.assign(index) == 0).tolist()


def test_one_probability_draws_from_all_bins_of_a_range() -> None:
    index = make_index(40_000)
    bins = energy_range(7)
    counts = np.array([bins.counts(index)[i] for i in range(8)])
    drawn = np.bincount(bins.assign(index)[bins.select(index)], minlength=8)
    probability = counts[0] / counts.sum()
    deviation = np.sqrt(counts * probability * (1 - probability))
    assert (np.abs(drawn - counts * probability) < 4 * deviation).all()
    assert (drawn > 0).all() and drawn[0] > 2 * drawn[7]


def test_empty_bin_makes_a_point_inapplicable() -> None:
    index = polars.DataFrame({"sample_id": [0, 1], "jet_energy": [600.0, 1100.0]})
    with pytest.raises(InsufficientData, match=r"bin 1 of 'jet_energy', from 786\.25"):
        energy_range(2).select(index)
    assert ids_of(energy_range(0), index) == [0]


@pytest.mark.parametrize("count", [1, 10, 99, 300])
def test_stratified_draws_hold_every_label_in_its_share(count: int) -> None:
    label = np.random.default_rng(0).permutation(np.repeat(["top", "qcd", "other"], [200, 90, 10]))
    index = polars.DataFrame({"sample_id": np.arange(300), "label": label})
    draw = Subset(count=count, stratify="label", seed=4)
    drawn = index[draw.select(index)]["label"].to_numpy()
    for name, held in (("top", 200), ("qcd", 90), ("other", 10)):
        assert abs((drawn == name).sum() - count * held / 300) <= 1
    assert set(ids_of(draw, index)) <= set(ids_of(Subset(stratify="label", seed=4), index)[:count])
    assert ids_of(draw, index) == ids_of(draw, shuffled(index))


def test_another_seed_draws_others_of_a_label() -> None:
    index = make_index(300)
    one, other = (set(ids_of(Subset(count=60, stratify="label", seed=s), index)) for s in (0, 1))
    assert 0 < len(one & other) < 40
    assert one != set(ids_of(Subset(count=60), index))


def test_empty_bin_is_refused_by_number() -> None:
    index = polars.DataFrame({"sample_id": [0, 1], "x": [0.5, 2.5]})
    with pytest.raises(UserError, match=r"bin 1 of 'x', from 1 to 2, .* keep=\[0, 2\]"):
        Bins("x", edges=[0, 1, 2, 3]).select(index)
    assert ids_of(Bins("x", edges=[0, 1, 2, 3], keep=[0, 2]), index) == [0, 1]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where("label", equals=1), [1, 4, 7]),
        (Where("label", equals=1.0), [1, 4, 7]),
        (Where("label", one_of=[2, 0]), [0, 2, 3, 5, 6, 8]),
        (Where("kind", equals="top"), [0, 3, 6]),
        (Where("kind", one_of=["top", "qcd"]), [0, 1, 3, 4, 6, 7]),
        (Where("is_top", equals=True), [0, 2, 4, 6, 8]),
        (Where("gap", at_least=5), [5, 6, 7]),
        (Where("gap", below=5), [1, 2, 3]),
        (Where("gap", at_least=2, below=6), [2, 3, 5]),
        (Where("label", at_least=0.5), [1, 2, 4, 5, 7, 8]),
    ],
)
def test_where_keeps_what_meets_the_conditions_and_never_nan(
    where: Where, expected: list[int]
) -> None:
    assert ids_of(where, shuffled(make_index(9))) == expected


def test_where_refuses_a_value_of_another_kind() -> None:
    with pytest.raises(UserError, match=r"where\.equals='top' .*'label'.* numbers"):
        Where("label", equals="top").select(make_index(9))


def test_a_chain_selects_among_what_was_kept_and_returns_original_positions() -> None:
    index = shuffled(make_index(100))
    window, where = Window(0.2, 0.5), Where("label", equals=0)
    assert ids_of(window | where, index) == [i for i in range(20, 70) if i % 3 == 0]
    late_half_of_label_0 = [i for i in range(100) if i % 3 == 0][17:]
    assert ids_of(where | Tail(0.5), index) == late_half_of_label_0


def test_composition_is_associative() -> None:
    a, b, c = Window(0, 0.5), Where("label", equals=0), Subset(5)
    assert (a | b) | c == a | (b | c) == Chain([a, b, c])
    assert ((a | b) | c).hash() == (a | (b | c)).hash()


DESCRIBED = [
    (Window(0.15, 0.3, limit=0.9), "samples from 15 % to 45 % in order of time"),
    (Window(0.3, limit=0.9), "samples from 30 % to 90 % in order of time"),
    (Tail(), "the last 10 % of the samples in order of time"),
    (Subset(count=1000, seed=3), "1000 samples drawn with seed 3"),
    (Subset(fraction=0.05), "5 % of the samples drawn with seed 0"),
    (Subset(), "all samples"),
    (
        Bins("jet_energy", start=550, width=236.25, count=8, keep=[1, 0], equal_count=True),
        "samples in bins 0, 1 of the 8 bins of jet_energy of width 236.25 from 550, equally many "
        "per bin, seed 0",
    ),
    (
        Bins("x", count=4, keep=[0, 1], size_of=0),
        "samples in bins 0, 1 of the 4 bins of x of equal width, in total as many as in bin 0, "
        "seed 0",
    ),
    (Bins("x", edges=[0, 1, 2.5]), "samples in any of the 2 bins of x with edges 0, 1, 2.5"),
    (Bins("x", count=4), "samples in any of the 4 bins of x of equal width"),
    (Where("label", one_of=[2, 0]), "samples whose label is one of 0, 2"),
    (Where("x", at_least=1, below=2), "samples whose x is at least 1 and is below 2"),
    (
        Tail(0.2) | Where("kind", equals="top"),
        "the last 20 % of the samples in order of time, then samples whose kind is top",
    ),
]


@pytest.mark.parametrize(("sampler", "clause"), DESCRIBED)
def test_samplers_describe_themselves_in_a_clause(sampler: Sampler, clause: str) -> None:
    assert sampler.describe() == clause


HASHED = [  # SHA-256 of the JSON texts written by hand, such as ["Tail",{"by":"time","size":0.1}]
    (Window(0, 0.3, limit=0.9), "ad1ad42e2a96"),
    (Tail(), "ddb4bc913e1e"),
    (Subset(1000), "3cb0020f7b50"),
    (Bins("jet_energy", start=550, width=236.25, count=8, keep=[1, 0]), "7441ee718980"),
    (Where("label", equals=1), "b3b895257da7"),
    (Tail() | Subset(1000), "a8c8a47d9965"),
]


@pytest.mark.parametrize(("sampler", "digits"), HASHED)
def test_hashes_stay(sampler: Sampler, digits: str) -> None:
    assert sampler.hash() == digits


def test_a_draw_that_differs_has_another_hash() -> None:
    alike = [energy_range(3), energy_range(2), Bins("x", count=2), Bins("x", count=2, size_of=1)]
    alike += [Subset(9), Subset(9, stratify="label"), Subset(9, stratify="kind")]
    assert len({sampler.hash() for sampler in alike}) == len(alike)


def test_hash_is_the_same_in_another_process() -> None:
    program = (
        "from saibench.datamodules.samplers import *; print((Window(0, 0.3) | Subset(9)).hash())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == (Window(0, 0.3) | Subset(9)).hash()


@pytest.mark.parametrize(
    ("sampler", "changes"),
    [
        (Window(0, 0.3), {"start": 0.1, "size": 0.4, "by": "x", "limit": 0.9}),
        (Tail(), {"size": 0.2, "by": "x"}),
        (Subset(5), {"count": 6, "seed": 1}),
        (Subset(fraction=0.5), {"fraction": 0.6}),
        (Bins("x", edges=[0, 1, 2]), {"by": "y", "edges": [0, 1, 3], "keep": [1], "seed": 1}),
        (Bins("x", start=0, width=1, count=2), {"start": 1, "width": 2, "count": 3}),
        (Bins("x", count=2), {"equal_count": True}),
        (Where("x", equals=1), {"by": "y", "equals": 2, "at_least": 0, "below": 2, "one_of": [1]}),
        (Chain((Tail(),)), {"samplers": [Tail(0.2)]}),
    ],
)
def test_every_field_changes_the_hash(sampler: Sampler, changes: dict) -> None:
    variants = [dataclasses.replace(sampler, **{name: new}) for name, new in changes.items()]
    assert len({variant.hash() for variant in [sampler, *variants]}) == len(changes) + 1


def test_one_meaning_has_one_hash() -> None:
    assert Window(0, 0.3).hash() == Window(-0.0, np.float64(0.3)).hash()
    assert Subset(1e3).hash() == Subset(1000).hash()
    assert Where("label", one_of=[1, 0.0]).hash() == Where("label", one_of=[0, 1]).hash()


YAML = """
_target_: saibench.datamodules.samplers.Chain
samplers:
  - {_target_: saibench.datamodules.samplers.Window, start: 0, size: null, limit: 0.9}
  - _target_: saibench.datamodules.samplers.Chain
    samplers:
      - {_target_: saibench.datamodules.samplers.Tail, size: 0.5}
  - _target_: saibench.datamodules.samplers.Bins
    by: jet_energy
    edges: [550, 1000, 2440]
    keep: [0]
  - {_target_: saibench.datamodules.samplers.Where, by: label, one_of: [0, 1]}
  - {_target_: saibench.datamodules.samplers.Subset, count: 10}
"""


@pytest.mark.parametrize("convert", ["none", "partial", "object", "all"])
def test_samplers_are_instantiated_from_yaml(convert: str) -> None:
    chain = instantiate(OmegaConf.create(YAML), _convert_=convert)
    assert chain == (
        Window(0, limit=0.9)
        | Tail(0.5)
        | Bins("jet_energy", edges=(550, 1000, 2440), keep=(0,))
        | Where("label", one_of=(0, 1))
        | Subset(10)
    )
    assert isinstance(chain.samplers[2].edges, tuple)
    assert len(chain.select(make_index(1000))) == 10


def test_a_mistake_in_yaml_is_the_cause_that_hydra_reports() -> None:
    config = {"_target_": "saibench.datamodules.samplers.Window", "start": 2}
    with pytest.raises(InstantiationException) as error:
        instantiate(config)
    assert isinstance(error.value.__cause__, UserError)


@pytest.mark.parametrize(
    ("sampler", "fields", "message"),
    [
        (Window, {"start": "early"}, "window.start=early"),
        (Window, {"start": True}, "window.start=true"),
        (Window, {"start": None}, "window.start=null"),
        (Window, {"start": math.nan}, "window.start=nan"),
        (Window, {"start": -0.1}, "window.start=-0.1"),
        (Window, {"start": 0.9, "limit": 0.9}, "window.limit=0.9"),
        (Window, {"start": 0, "size": 0}, "window.size=0"),
        (Window, {"start": 0, "by": 3}, "window.by=3"),
        (Window, {"start": 0, "limit": 1.5}, "window.limit=1.5"),
        (Tail, {"size": 0}, "tail.size=0"),
        (Subset, {"count": 0}, "subset.count=0"),
        (Subset, {"count": 2.5}, "subset.count=2.5"),
        (Subset, {"fraction": 1.5}, "subset.fraction=1.5"),
        (Subset, {"count": 5, "fraction": 2}, "subset.fraction=2"),
        (Subset, {"fraction": 0}, "subset.fraction=0"),
        (Subset, {"count": 5, "fraction": 0.5}, "subset.count=5 and subset.fraction=0.5"),
        (Subset, {"seed": -1}, "subset.seed=-1"),
        (Bins, {"by": "x"}, "bins of 'x' are defined by nothing"),
        (Bins, {"by": "x", "edges": [0, 1], "count": 2}, "training.count=null"),
        (Bins, {"by": "x", "edges": [0, 0]}, "bins.edges=[0, 0]"),
        (Bins, {"by": "x", "edges": [0]}, "bins.edges=[0]"),
        (Bins, {"by": "x", "edges": "0,1"}, "bins.edges=0,1"),
        (Bins, {"by": "x", "edges": [0, "b"]}, "bins.edges[1]=b"),
        (Bins, {"by": "x", "count": 2, "keep": [2]}, "bins.keep=[2]"),
        (Bins, {"by": "x", "count": 2, "keep": []}, "bins.keep=[]"),
        (Bins, {"by": "x", "count": 2, "equal_count": 1}, "bins.equal_count=1"),
        (Bins, {"by": "x", "count": 2, "size_of": 2}, "bins.size_of=2 is not a kept bin"),
        (
            Bins,
            {"by": "x", "count": 2, "size_of": 0, "equal_count": True},
            "bins.size_of=0 excludes bins.equal_count=true",
        ),
        (Subset, {"stratify": 3}, "subset.stratify=3"),
        (Bins, {"by": "x", "start": 0, "width": -1, "count": 2}, "bins.width=-1"),
        (Where, {"by": "x"}, "where.by='x'"),
        (Where, {"by": "x", "at_least": 2, "below": 2}, "where.at_least=2"),
        (Where, {"by": "x", "one_of": [1, "a"]}, "where.one_of=[1, 'a']"),
        (Chain, {"samplers": []}, "chain.samplers=[]"),
        (Chain, {"samplers": ["tail"]}, "chain.samplers[0]='tail'"),
        (Chain, {"samplers": [partial(Tail, size=1)]}, "_partial_"),
    ],
)
def test_impossible_fields_are_refused_by_name(
    sampler: type[Sampler], fields: dict, message: str
) -> None:
    with pytest.raises(UserError) as error:
        sampler(**fields)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("tme", "'time'"), ("zzz", "gap, is_top,")],
)
@pytest.mark.parametrize(
    "make", [lambda by: Tail(by=by), lambda by: Bins(by, count=2), lambda by: Where(by, equals=1)]
)
def test_unknown_feature_is_refused_with_the_closest_and_all_names(make, name, hint) -> None:
    with pytest.raises(UserError, match=rf"='{name}' .*{hint}.* sample_id, time\.$"):
        make(name).select(make_index(9))
