"""The rules that every metric of saibench follows, one function each."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_max, dim_zero_min, dim_zero_sum

from saibench.metrics.conformance.case import MetricCase, cast_floats, convert, flatten, take


def constants_are_declared(case: MetricCase) -> None:
    """full_state_update is False; higher_is_better and is_differentiable are True or False."""
    metric = case.make_metric()
    assert metric.full_state_update is False
    assert metric.higher_is_better is not None
    assert metric.is_differentiable is not None


def equals_the_reference(case: MetricCase) -> None:
    """One update with all data equals the reference, and update does not change its inputs."""
    whole = case.whole
    case.assert_agrees(case.updated([whole]).compute(), case.whole)
    for value, untouched in zip(whole, case.whole, strict=True):
        assert not isinstance(value, Tensor) or torch.equal(value, untouched), "an input changed"


def states_are_sums_of_fixed_shape(case: MetricCase) -> None:
    """States are float64 or int64 tensors of fixed shape, merged by sum, min or max."""
    fresh, updated = case.make_metric(), case.updated(case.batches)
    assert fresh.metric_state, "the metric has no state"
    for name, state in fresh.metric_state.items():
        assert isinstance(state, Tensor), f"state '{name}' is a list"
        assert state.dtype in (torch.float64, torch.int64), f"state '{name}' is {state.dtype}"
        after = updated.metric_state[name]
        assert isinstance(after, Tensor)
        assert (after.shape, after.dtype) == (state.shape, state.dtype), f"state '{name}' changes"
        assert fresh._reductions[name] in (dim_zero_sum, dim_zero_min, dim_zero_max), (
            f"state '{name}' is not merged by sum, min or max"
        )


def splits_of_the_data_do_not_matter(case: MetricCase) -> None:
    """One big batch equals uneven batches, a single sample and an empty batch among them."""
    case.assert_agrees(case.updated(case.batches).compute(), case.whole)
    case.assert_agrees(case.updated(case.pieces).compute(), case.whole)


def order_of_batches_does_not_matter(case: MetricCase) -> None:
    """Batches in reverse order give the same value."""
    case.assert_agrees(case.updated(case.batches[::-1]).compute(), case.whole)


def forward_scores_the_batch_and_accumulates(case: MetricCase) -> None:
    """forward returns the value of its batch; compute afterwards returns the value of all data."""
    metric = case.make_metric()
    for batch in case.batches:
        case.assert_agrees(metric(*batch), batch)
    case.assert_agrees(metric.compute(), case.whole)


def halves_merge_to_the_whole(case: MetricCase) -> None:
    """merge_state of two metrics and a new one equals one metric on all data."""
    first, second = case.updated(case.batches[:1]), case.updated(case.batches[1:])
    first.compute()  # this value must not stay cached after the merge
    first.merge_state(second)
    first.merge_state(case.make_metric())
    case.assert_agrees(first.compute(), case.whole)


def reset_forgets(case: MetricCase) -> None:
    """After reset, the states equal those of a new metric, and updates add to them."""
    metric = case.updated(case.batches)
    metric.reset()
    for name, state in case.make_metric().metric_state.items():
        torch.testing.assert_close(metric.metric_state[name], state, rtol=0, atol=0)
    metric.update(*case.batches[0])
    case.assert_agrees(metric.compute(), case.batches[0])


def copies_are_independent(case: MetricCase) -> None:
    """clone and pickle keep the states, and updates of the copy do not change the original."""
    metric = case.updated(case.batches[:1])
    for copy in (metric.clone(), pickle.loads(pickle.dumps(metric))):  # noqa: S301
        for batch in case.batches[1:]:
            copy.update(*batch)
        case.assert_agrees(copy.compute(), case.whole)
    case.assert_agrees(metric.compute(), case.batches[0])


def state_dict_is_empty_unless_persistent(case: MetricCase) -> None:
    """Checkpoints hold no metric states, except after persistent(True): then all of them."""
    metric, restored = case.updated(case.batches), case.make_metric()
    assert not metric.state_dict()
    metric.persistent(True)
    restored.persistent(True)
    restored.load_state_dict(metric.state_dict())
    restored.update(*take(case.whole, 0, 0))
    case.assert_agrees(restored.compute(), case.whole)


def a_model_in_half_precision_does_not_round_it(case: MetricCase) -> None:
    """Sums stay float64 when a module that contains the metric is cast."""
    metric = case.updated(case.batches[:1])
    torch.nn.ModuleList([metric]).to(torch.bfloat16).half()
    for batch in case.batches[1:]:
        metric.update(*batch)
    case.assert_agrees(metric.compute(), case.whole)


def set_dtype_leaves_counts_alone(case: MetricCase) -> None:
    """set_dtype(float32) casts floating-point sums to float32; counts stay int64."""
    metric = case.updated(case.batches[:1]).set_dtype(torch.float32)
    for batch in case.batches[1:]:
        metric.update(*batch)
    case.assert_agrees(metric.compute(), case.whole, rtol=1e-5)
    for name, state in case.make_metric().metric_state.items():
        expected = torch.float32 if state.is_floating_point() else torch.int64  # type: ignore[union-attr]
        assert metric.metric_state[name].dtype == expected, f"state '{name}'"  # type: ignore[union-attr]


def low_precision_inputs_are_summed_in_float64(case: MetricCase) -> None:
    """float32 and bfloat16 inputs give the reference of the rounded values in float64."""
    for dtype in (torch.float32, torch.bfloat16):
        rounded = cast_floats(case.whole, dtype)
        value = case.updated([rounded]).compute()
        case.assert_agrees(value, cast_floats(rounded, torch.float64))


def gradients_flow_if_promised(case: MetricCase) -> None:
    """forward's value has a gradient if is_differentiable; states never have one."""
    metric = case.make_metric()
    preds, *others = case.whole
    if not preds.is_floating_point():
        return
    values = flatten(metric(preds.clone().requires_grad_(), *others))
    assert any(value.requires_grad for value in values.values()) == metric.is_differentiable
    assert not any(state.requires_grad for state in metric.metric_state.values())  # type: ignore[union-attr]


def a_nan_prediction_is_refused(case: MetricCase) -> None:
    """compute raises ValueError after a NaN prediction, even if the error of update was caught."""
    preds, *others = case.whole
    if not preds.is_floating_point():
        return
    preds = preds.clone()
    preds[(0,) * preds.ndim] = torch.nan
    metric = case.make_metric()
    with suppress(ValueError):
        metric.update(preds, *others)
    try:
        value = metric.compute()
    except ValueError:
        return
    raise AssertionError(f"the metric returned {value}")


def a_refusal_in_forward_ends_at_reset(case: MetricCase) -> None:
    """After a caught refusal in forward and reset, compute sums over all ranks again."""
    preds, *others = case.batches[0]
    if not preds.is_floating_point():
        return
    metric, gathered = case.make_metric(), []

    def gather(state: torch.Tensor, group: object = None) -> list[torch.Tensor]:
        gathered.append(state)
        return [state]

    with suppress(ValueError):
        metric(torch.full_like(preds, torch.nan), *others)
    metric.reset()
    metric.dist_sync_fn, metric.distributed_available_fn = gather, lambda: True
    metric.update(*case.batches[0])
    case.assert_agrees(metric.compute(), case.batches[0])
    assert gathered, "compute returned the value of one rank"


def update_reads_nothing_from_an_accelerator(case: MetricCase) -> None:
    """update works on meta tensors, so it never synchronises with an accelerator."""
    metric = case.make_metric().to("meta")
    metric.update(*convert(case.whole, lambda value: value.to("meta")))


RULES: tuple[Callable[[MetricCase], None], ...] = (
    constants_are_declared,
    equals_the_reference,
    states_are_sums_of_fixed_shape,
    splits_of_the_data_do_not_matter,
    order_of_batches_does_not_matter,
    forward_scores_the_batch_and_accumulates,
    halves_merge_to_the_whole,
    reset_forgets,
    copies_are_independent,
    state_dict_is_empty_unless_persistent,
    a_model_in_half_precision_does_not_round_it,
    set_dtype_leaves_counts_alone,
    low_precision_inputs_are_summed_in_float64,
    gradients_flow_if_promised,
    a_nan_prediction_is_refused,
    a_refusal_in_forward_ends_at_reset,
    update_reads_nothing_from_an_accelerator,
)
