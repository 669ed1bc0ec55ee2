"""The fused sums against loops over pixels, and every backend against every other."""

from __future__ import annotations

import importlib
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imported_anew import imported_anew
from numba import njit
from numba.core import caching
from rain_by_loops import frames, rain
from torch import Tensor

from saibench.metrics.nowcasting.functional.rain import RainFrameSums, rain_frame_sums
from saibench.metrics.nowcasting.functional.rain_numba import kernel
from saibench.metrics.nowcasting.functional.rain_plain import frame_totals_plain

THRESHOLDS = (16.0, 32.0, 64.0)
BACKENDS = ("numba", "plain")


def assert_same_sums(first: RainFrameSums, second: RainFrameSums) -> None:
    for field in fields(RainFrameSums):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, Tensor):
            torch.testing.assert_close(
                one, other, rtol=1e-12, atol=1e-12, equal_nan=True, msg=f"{field.name}: {{}}".format
            )
        else:
            assert one == other


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("masked", [False, True])
def test_sums_are_those_of_a_loop_over_pixels(backend, masked):
    preds, target, mask = rain(3, 2, seed=0)
    mask = mask if masked else None
    sums = rain_frame_sums(preds, target, mask, THRESHOLDS, active_threshold=5.0, backend=backend)
    for event, of_event in enumerate(frames(preds, target, mask)):
        for lead, frame in enumerate(of_event):
            at = event, lead
            pixels = list(frame.pixels())
            expected = {
                "pixels": len(pixels),
                "absolute_error": sum(abs(p - t) for _, _, p, t in pixels),
                "pred_rain": sum(p for _, _, p, _ in pixels),
                "target_rain": sum(t for *_, t in pixels),
                "pred_x": sum(x * p for _, x, p, _ in pixels),
                "pred_y": sum(y * p for y, _, p, _ in pixels),
                "target_x": sum(x * t for _, x, _, t in pixels),
                "target_y": sum(y * t for y, _, _, t in pixels),
                "active": sum(t >= 5 for *_, t in pixels),
                "active_error": sum(abs(p - t) for _, _, p, t in pixels if t >= 5),
                "union": sum(t >= 5 or p >= 5 for _, _, p, t in pixels),
                "union_error": sum(abs(p - t) for _, _, p, t in pixels if t >= 5 or p >= 5),
            }
            found = {name: getattr(sums, name)[at].item() for name in expected}
            assert found == pytest.approx(expected, rel=1e-13)
            for k, threshold in enumerate(THRESHOLDS):
                found_here = (sums.hits[at][k], sums.misses[at][k], sums.false_alarms[at][k])
                assert found_here == frame.categories(threshold)


RATES = st.one_of(
    st.sampled_from([0.0, 5.0, 15.9375, 16.0, 32.0, 64.0, 128.0, 200.0, -3.0]),
    st.floats(-10.0, 300.0, width=32),
)
NOT_FINITE = st.sampled_from([float("nan"), float("inf"), float("-inf")])


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor | None]:
    """Small batches of any float dtype, some non-contiguous, masked or not finite."""
    shape = draw(st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(1, 5)] * 2))
    size = torch.Size(shape).numel()

    def field(elements: st.SearchStrategy) -> Tensor:
        values = draw(st.lists(elements, min_size=size, max_size=size))
        values = torch.tensor(values, dtype=torch.float64).reshape(shape)
        if draw(st.booleans()):
            values = values.mT.contiguous().mT
        return values

    rates = draw(st.sampled_from([RATES, st.one_of(RATES, RATES, RATES, NOT_FINITE)]))
    dtypes = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])
    mask = field(st.sampled_from([0.0, 1.0])) > 0 if draw(st.booleans()) else None
    return field(rates).to(draw(dtypes)), field(rates).to(draw(dtypes)), mask


@settings(max_examples=150, deadline=None)
@given(
    batches(),
    st.lists(st.floats(0.5, 128.0), max_size=3),
    st.sampled_from([0.7, 5.0, 16.0, 128.0]),
)
def test_backends_agree(batch, thresholds, active_threshold):
    plain, numba = (
        rain_frame_sums(*batch, thresholds, active_threshold, backend) for backend in BACKENDS[::-1]
    )
    assert_same_sums(plain, numba)


def test_the_compiler_sees_one_graph_of_the_same_numbers():
    preds, target, mask = (value.float() for value in rain(2, 2, seed=1))
    levels = torch.tensor([16.0, 5.0])
    traced = torch.compile(frame_totals_plain, fullgraph=True, backend="eager")
    for found, expected in zip(
        traced(preds, target, mask > 0, levels),
        frame_totals_plain(preds, target, mask > 0, levels),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_rate_equal_to_the_threshold_reaches_it(backend, dtype):
    threshold = 0.75 if dtype is torch.bfloat16 else 0.7  # 0.7 is no float: 0.69999999 in 32 bits
    tie = torch.full((1, 1, 2, 2), threshold, dtype=dtype)
    sums = rain_frame_sums(tie, tie, None, [threshold], threshold, backend)
    assert sums.hits.item() == sums.active.item() == 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_observations_are_clipped_at_128_and_everything_at_0(backend):
    target = torch.tensor([200.0, -3.0]).reshape(1, 1, 1, 2)
    preds = torch.tensor([300.0, -7.0]).reshape(1, 1, 1, 2)
    sums = rain_frame_sums(preds, target, backend=backend)
    assert (sums.target_rain.item(), sums.pred_rain.item()) == (128.0, 300.0)
    assert sums.absolute_error.item() == 300.0 - 128.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_frame_that_is_not_finite_has_no_sums_and_its_neighbours_do(backend, value):
    preds, target, _ = rain(2, 2, seed=3)
    expected = rain_frame_sums(preds, target, backend=backend)
    preds[0, 1, 2, 3] = preds[0, 1, 6, 8] = target[1, 0, 4, 4] = value
    sums = rain_frame_sums(preds, target, backend=backend)
    assert sums.pred_not_finite.tolist() == [[0, 2], [0, 0]]
    assert sums.target_not_finite.tolist() == [[0, 0], [1, 0]]
    assert sums.refused.tolist() == [2, 1]
    assert sums.absolute_error.isnan().tolist() == [[False, True], [True, False]]
    assert sums.hits[0, 1].tolist() == sums.hits[1, 0].tolist() == [0, 0, 0]
    for untouched in [(0, 0), (1, 1)]:
        assert sums.absolute_error[untouched] == expected.absolute_error[untouched]
        assert sums.hits[untouched].tolist() == expected.hits[untouched].tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_an_invalid_pixel_holds_does_not_matter(backend):
    preds, target, mask = rain(2, 3, seed=4)
    expected = rain_frame_sums(preds, target, mask, backend=backend)
    for nothing in [torch.nan, torch.inf, 77.0]:
        found = rain_frame_sums(
            preds.where(mask, nothing), target.where(mask, nothing), mask, backend=backend
        )
        assert_same_sums(found, expected)


def test_rates_too_large_to_add_up_in_float32_are_still_finite():
    preds = torch.full((1, 1, 1, 4), 3e38)
    sums = rain_frame_sums(preds, torch.zeros_like(preds), backend="numba")
    assert sums.pred_not_finite.item() == 0
    assert sums.pred_rain.item() == pytest.approx(4 * 3e38, rel=1e-7)


def test_a_frame_has_the_same_sums_in_any_batch_on_any_number_of_threads():
    preds, target, mask = rain(2, 3, 256, 1024, seed=5)  # enough to share among threads
    whole = rain_frame_sums(preds, target, mask)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert_same_sums(rain_frame_sums(preds, target, mask), whole)
    finally:
        torch.set_num_threads(threads)
    for event in range(2):
        alone = rain_frame_sums(*(value[event : event + 1] for value in (preds, target, mask)))
        torch.testing.assert_close(alone.absolute_error[0], whole.absolute_error[event])
        torch.testing.assert_close(alone.pred_y[0], whole.pred_y[event])


def test_sums_have_no_gradient_and_a_batch_may_be_empty():
    preds, target, mask = rain(0, 4, seed=6)
    for backend in BACKENDS:
        sums = rain_frame_sums(preds.requires_grad_(), target, mask, backend=backend)
        assert sums.hits.shape == (0, 4, 3)
        assert not sums.absolute_error.requires_grad


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preds": torch.zeros(1, 2, 3)}, r"\(B, L, H, W\)"),
        ({"preds": torch.zeros(1, 2, 3, 4).long()}, r"not torch\.int64"),
        ({"mask": torch.ones(1, 2, 3, 4)}, r"mask .*torch\.float32"),
        ({"mask": torch.ones(2, 3, 4) > 0}, r"mask .*\(1, 2, 3, 4\)"),
        ({"thresholds": [0.0]}, r"threshold=0\.0"),
        ({"active_threshold": 130.0}, r"threshold=130\.0 .*128"),
        ({"thresholds": [float("nan")]}, "threshold=nan"),
        ({"backend": "numbra"}, r"backend=numbra .*'numba'"),
    ],
)
def test_invalid_frames_and_settings_are_refused(change, message):
    arguments = {"preds": torch.zeros(1, 2, 3, 4), "target": torch.zeros(1, 2, 3, 4)} | change
    with pytest.raises(ValueError, match=message):
        rain_frame_sums(**arguments)


def test_numba_is_refused_where_there_is_no_cpu():
    nowhere = torch.zeros(1, 1, 2, 2, device="meta")
    with pytest.raises(ValueError, match=r"backend=numba .*meta"):
        rain_frame_sums(nowhere, nowhere, backend="numba")
    assert rain_frame_sums(nowhere, nowhere).hits.shape == (1, 1, 3)


def test_a_kernel_works_where_no_cache_can_be_written(monkeypatch):
    def add(first, second):
        return first + second

    for locator in caching.CompileResultCacheImpl._locator_classes:
        monkeypatch.setattr(locator, "from_function", classmethod(lambda *_: None))
    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(add)
    assert kernel()(add)(2, 3) == 5


def test_metrics_are_imported_without_numba():
    with imported_anew(without="numba"):
        rain = importlib.import_module("saibench.metrics.nowcasting.functional.rain")
    assert rain.rain_frame_sums is not rain_frame_sums, "it was not imported again"
