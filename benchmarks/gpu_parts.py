"""Parts of `benchmarks.gpu`: a benchmark with its sizes, time limit and results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """One result.

    Args:
        name: of what was measured.
        value: measured, with its unit; empty where there is none.
        relative: to another row, which it names.
        note: a remark, such as the cause of a failure.
        failed: whether there is no result.
    """

    name: str
    value: str = ""
    relative: str = ""
    note: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Part:
    """One benchmark.

    Args:
        title: for the table.
        module: `benchmarks.<module>`.
        options: of its command line.
        large, small: sizes for a GPU, and for a try on a CPU.
        share: seconds that are kept for it; what it leaves goes to later parts.
        rows: results from what its `--json` has.
        extras: of saibench that it needs; None if PyTorch and its own imports are enough.
    """

    title: str
    module: str
    options: tuple[str, ...]
    large: tuple[str, ...]
    small: tuple[str, ...]
    share: float
    rows: Callable[[Any], list[Row]]
    extras: tuple[str, ...] | None = ()


def of_trainings(written: Any) -> list[Row]:
    """Rates of contestants, relative to the bare loop or to the first."""
    found = written["measurements"] if isinstance(written, dict) else written
    failed = [
        Row(one["contestant"], note=one["failed"], failed=True) for one in found if "failed" in one
    ]
    rates: dict[str, list[float]] = {}
    unit = ""
    for one in found:
        if "failed" not in one:
            key = next(key for key in one if key.endswith("_per_second"))
            unit = key.removesuffix("_per_second") + "/s"
            rates.setdefault(one["contestant"], []).append(one[key])
    return [*relative_rows({name: median(own) for name, own in rates.items()}, unit), *failed]


def relative_rows(rates: dict[str, float], unit: str) -> list[Row]:
    """Rates, each relative to the bare loop, or to the first without one."""
    if not rates:
        return []
    base = "bare" if "bare" in rates else next(iter(rates))
    return [
        Row(name, f"{rate:,.4g} {unit}", f"{rate / rates[base]:.2f} × {base}")
        for name, rate in rates.items()
    ]


def of_fields(written: Any) -> list[Row]:
    return relative_rows(written["steps_per_second"], "steps/s")


def of_inference(written: Any) -> list[Row]:
    rows = []
    for draws in dict.fromkeys(one["task"]["draws"] for one in written):
        runs = [one for one in written if one["task"]["draws"] == draws]
        rates = {
            one["task"]["contestant"]: one["task"]["events"] / one["result"]["seconds"]
            for one in runs
        }
        peaks = {
            one["task"]["contestant"]: one["result"]["peak_megabytes"] for one in reversed(runs)
        }
        rows += [
            Row(f"{row.name}, draws per event: {draws}", row.value, row.relative, f"{peak:.0f} MB")
            for row, peak in zip(
                relative_rows(rates, "events/s"), (peaks[name] for name in rates), strict=True
            )
        ]
    return rows


def of_metrics(written: Any) -> list[Row]:
    """Times, and the rate at which both inputs are read relative to that of a copy."""
    best = {name: min(timing["clock"]) for name, timing in written["seconds"].items()}
    copy = best["copy"]
    gigabytes = written["input_bytes"] / 1e9
    return [
        Row(
            name,
            f"{1e3 * seconds:.2f} ms",
            f"{copy / seconds:.0%} of the copy's rate",
            f"{gigabytes / seconds:,.0f} GB/s",
        )
        for name, seconds in best.items()
    ]


def of_end_to_end(written: Any) -> list[Row]:
    rows = []
    for one in written:
        if "failed" in one:
            rows.append(Row(one["workload"], note=one["failed"], failed=True))
            continue
        agreeing = f"{one['compared'] - one['disagreeing']} of {one['compared']}"
        rows.append(
            Row(
                one["workload"],
                f"{one['train_seconds']:.1f} s",
                f"{agreeing} metrics within 1e-4 of the CPU's",
                f"at most {one['largest']:.1e} ({one['metric']})",
                failed=bool(one["disagreeing"]),
            )
        )
    return rows


def force_field(title: str, *options: str, share: float) -> Part:
    return Part(
        f"NequIP, aspirin, {title}",
        "force_field_training",
        ("--molecules", "aspirin", "--repeats", "1", "--only-steps", *options),
        ("--batch", "50", "--steps", "100"),
        ("--batch", "5", "--steps", "2"),
        share,
        of_trainings,
    )


OWN_AND_BARE = ("--which", "saibench", "bare")
"""Where little time is left; the first one counts more."""

PARTS: dict[str, Part] = {
    "metrics": Part(
        "Rain metrics, (events, 20, 512, 512)",
        "nowcasting_metrics",
        ("--rounds", "5"),
        ("--events", "32"),
        ("--events", "1"),
        50,
        of_metrics,
        extras=None,
    ),
    "inference": Part(
        "NowcastNet, predictions",
        "nowcasting_inference",
        ("--repeats", "1", "--memory-events", "1"),
        ("--widths", "32", "--size", "512", "--draws", "1", "10"),
        ("--widths", "8", "--size", "64", "--draws", "1", "--events", "1"),
        50,
        of_inference,
        extras=None,
    ),
    "force_field": force_field("float32", "--which", "bare", "saibench", "nequip_lmdb", share=60),
    "end_to_end": Part(
        "Train, test and report, all workloads at once; metrics against those on the CPU",
        "end_to_end",
        (),
        ("--steps", "200", "--jobs", "4"),
        ("--steps", "4"),
        100,
        of_end_to_end,
        extras=("jets", "fields"),
    ),
    "jets": Part(
        "Particle Transformer",
        "jet_training",
        (
            *("--repeats", "1", "--only-steps", "--which", "bare", "saibench"),
            *("saibench_bucketed", "weaver", "saibench_compiled"),
        ),
        ("--size", "published", "--batch", "128", "--mixed", "--limit", "40"),
        ("--size", "small", "--batch", "8", "--steps", "2", "--warm-up", "1"),
        60,
        of_trainings,
        extras=("jets",),
    ),
    "nowcasting": Part(
        "NowcastNet, training",
        "nowcasting_training",
        ("--only-steps",),
        ("--width", "32", "--size", "64", "--batch", "16", "--limit", "60"),
        ("--width", "8", "--size", "64", "--batch", "2", "--steps", "2", "--warm-up", "1"),
        50,
        of_trainings,
    ),
    "fields": Part(
        "FNO, training",
        "field_dynamics",
        ("--parts", "training"),
        ("--steps", "100"),
        ("--steps", "3"),
        25,
        of_fields,
        extras=("fields",),
    ),
    "force_field_float64": force_field("float64", "--dtype", "float64", *OWN_AND_BARE, share=30),
    "force_field_bfloat16": force_field("bfloat16", "--dtype", "bfloat16", *OWN_AND_BARE, share=20),
    "force_field_compiled": force_field("float32, compiled", "--compiled", *OWN_AND_BARE, share=20),
}
"""By name. Compiling comes last: it takes longest, and has all that the others leave."""
