"""The settings that every point and every evaluation has, with the values that they may take."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from saibench.errors import UserError, closest
from saibench.options import value_refused


class _Strict(BaseModel):
    """No key beside these, and no text for a number or number for a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Open(BaseModel):
    """Further keys are read elsewhere: by interpolations, or by what a `_target_` names."""

    model_config = ConfigDict(extra="ignore", strict=True)


def _partition_name(name: str) -> str:
    if name in ("train", "validation"):
        raise ValueError(f"'{name}' names a partition that every point has; another name would do")
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"'{name}' has more than letters, digits, '.', '_' and '-'")
    return name


def _duration(text: str) -> str:
    if not re.fullmatch(r"\d+:\d\d:\d\d:\d\d", text):
        raise ValueError("is not DD:HH:MM:SS; 00:01:30:00 would be an hour and a half")
    if not int(text.replace(":", "")):
        raise ValueError("leaves no time to train; 00:01:30:00 would be an hour and a half")
    return text


Partitions = dict[Annotated[str, AfterValidator(_partition_name)], dict[str, Any]]


class Devices(_Strict):
    """What a training or an evaluation runs on.

    Args:
        accelerator: the kind of device; `auto` takes a GPU where there is one.
        devices: how many, each with a process of its own.
        threads: of a process on a CPU; null for PyTorch's choice.
        progress: whether a progress bar is shown.
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda"]
    devices: int = Field(ge=1)
    threads: int | None = Field(ge=1, le=1024)
    progress: bool


class TrainerSettings(Devices):
    """`conf/trainer/`: the budget of a point and what it runs on."""

    max_steps: int | None = Field(ge=0)
    max_time: Annotated[str, AfterValidator(_duration)] | None
    val_every: int = Field(ge=1)
    gradient_clip: float | None = Field(gt=0)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool
    callbacks: dict[str, dict[str, Any]]


class MetricSettings(BaseModel):
    """A metric of torchmetrics' or of the user's own; what else is given are its options."""

    model_config = ConfigDict(extra="allow", strict=True)

    target: str = Field(alias="_target_", min_length=1)
    unit: str | None = None
    per: str | None = None
    of: str | None = None


def _metric_name(name: str) -> str:
    if name == "_target_":
        raise ValueError("a metric has a name, as in metrics={mine: {_target_: my.Metric}}")
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"'{name}' has more than letters, digits, '.', '_' and '-'")
    return name


Metrics = dict[Annotated[str, AfterValidator(_metric_name)], MetricSettings]


class MetricsSettings(_Strict):
    """`conf/metrics/`: metrics of each test partition beside the model's own."""

    metrics: Metrics


class ScheduleSettings(_Strict):
    """`conf/lr_schedule/`: a scheduler, and when Lightning moves it.

    Args:
        scheduler: a `_target_`, and its arguments beside the optimizer.
        interval: what `frequency` counts.
        frequency: steps or epochs from one move to the next.
        monitor: the validation metric that the scheduler reads, null for none.
        strict: whether training ends where that metric is not known.
    """

    scheduler: dict[str, Any]
    interval: Literal["step", "epoch"]
    frequency: int = Field(ge=1)
    monitor: str | None
    strict: bool = True


class TrustSettings(_Strict):
    """What a workload's trusted ranges are of, where nothing else is requested.

    Args:
        feature: what the error is a function of, one data feature or several.
        statistic: the error that is bounded.
        tolerance: the largest acceptable error, in the statistic's unit.
        coverage: share of new samples that the bound shall hold for.
        ideal: the statistic's value without error.
        mean_of: how many similar samples an error is the mean of.
    """

    feature: str | list[str]
    statistic: str = Field(min_length=1)
    tolerance: float | None = Field(default=None, gt=0)
    coverage: float = Field(default=0.9, gt=0, lt=1)
    ideal: float = 0.0
    mean_of: int = Field(default=1, ge=1)


class LearningCurveSettings(_Strict):
    """What a workload's learning curves are of, and the value that is to be reached.

    Args:
        statistic: the error that falls with the training set.
        ideal: the statistic's value without error.
        target: the value that is to be reached, in the statistic's unit.
    """

    statistic: str = Field(min_length=1)
    ideal: float = 0.0
    target: float | None = None


class TraceSettings(_Strict):
    """What a workload's errors are traced to, where nothing else is requested.

    Args:
        response: the statistics that are traced, one or several.
        ideal: by statistic: its value without error, 0 where it is not given.
        bias: the signed error whose biased stretches are looked for, a statistic or a difference.
        along: the feature along which they are looked for.
        bins: by feature: edges of the bins that it is divided into.
        parts: by statistic: the statistics that it is the sum of, by their names.
        across: two settings along which the change of the error is divided.
    """

    response: str | list[str]
    ideal: dict[str, float] = {}
    bias: str | None = None
    along: str | None = None
    bins: dict[str, list[float]] = {}
    parts: dict[str, dict[str, str]] = {}
    across: list[str] = Field(default=[], max_length=2)


class WindowNames(_Strict):
    """The settings of a window of ordered data that is trained on, as fractions of all samples.

    Args:
        start: setting of where it begins.
        size: setting of its length; without one it ends at `limit`.
        limit: setting of where a window without a size ends.
    """

    start: str
    size: str
    limit: str


class TrainingNames(_Strict):
    """Which settings of a workload say how many samples are trained on, and from what window.

    Args:
        sizes: settings that say how many samples are trained on, or which share.
        window: settings of a training window in the order of the samples.
    """

    sizes: list[str] = []
    window: WindowNames | None = None


class Characterization(_Strict):
    """A workload's row of the paper's table 1."""

    input_space: str = Field(min_length=1)
    quantitative: bool
    qualitative: bool
    time_series: bool


class WorkloadSettings(_Open):
    """What a workload says of its points: their names and their report.

    Args:
        name: of the workload, and of its rooms.
        characterization: its row of the paper's table 1.
        label: the settings that name a run, in this order.
        training_settings: those of them that mean nothing for a model that is not trained.
        libraries: packages whose version a record keeps, beside saibench's own dependencies.
        headline: the metrics of the table of runs, the first of which is sorted by.
        findings: modules with a `findings` function: the paper's claims.
        figures: modules of figures, in the order of the report.
        explorers: modules that show single samples.
        metric_intervals: modules with a `metric_interval` function, for metrics that are no means.
        abbreviations: words of metrics' names that are written in capitals.
        not_exported: tables of evidence that `export` leaves out unless they are named.
        trust: what a trusted range is fitted to.
        trace: what errors are traced to.
        learning_curve: what learning curves are of.
        training: which settings say what was trained on.
        reference: the model that others are compared with, by its name.
        toolbox: file of the techniques of the paper's table 3, beside the workload's studies.
    """

    name: str = Field(min_length=1)
    characterization: Characterization | None = None
    label: list[str] = []
    training_settings: list[str] | None = None
    libraries: list[str] | None = None
    headline: list[str] | None = None
    findings: list[str] | None = None
    figures: list[str] | None = None
    explorers: list[str] | None = None
    metric_intervals: list[str] | None = None
    abbreviations: list[str] | None = None
    not_exported: list[str] | None = None
    trust: TrustSettings | None = None
    trace: TraceSettings | None = None
    learning_curve: LearningCurveSettings | None = None
    training: TrainingNames | None = None
    reference: str | None = None
    toolbox: str | None = None


MAX_NAME = 255
"""Bytes of a folder's name that Linux, macOS and Windows take."""


def _below_outputs(study: str) -> str:
    """Folders of a relative name: it stands below `outputs/`, and is a name in a logger."""
    parts = study.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in study:
        raise ValueError(
            "a study is a name, or names with / between them, of a folder below outputs/. Use "
            "hydra.run.dir (hydra.sweep.dir with -m) for a folder elsewhere"
        )
    longest = max(len(os.fsencode(part)) for part in parts)
    if longest > MAX_NAME:
        raise ValueError(f"a folder's name takes {MAX_NAME} bytes at most, and one here {longest}")
    return study


Study = Annotated[str, AfterValidator(_below_outputs)]


class PointSettings(_Open):
    """`conf/train.yaml`: the keys that the life of a point itself reads."""

    study: Study
    seed: int = Field(ge=0, lt=2**32)
    on_failure: Literal["continue", "stop"]
    test: list[str]
    held_out: str
    partitions: Partitions
    save_samples: list[int] | None = None
    seen: str | list[int] | None = None
    workload: WorkloadSettings
    datamodule: dict[str, Any]
    model: dict[str, Any]
    trainer: TrainerSettings
    lr_schedule: ScheduleSettings
    metrics: Metrics = {}
    logger: dict[str, Any] | None


class FrozenSettings(_Open):
    """What is needed of a frozen config to build its point again, of saibench 0.1 too."""

    study: str
    seed: int
    test: list[str]
    held_out: str
    partitions: dict[str, dict[str, Any]]
    workload: dict[str, Any]
    datamodule: dict[str, Any]
    model: dict[str, Any]
    trainer: dict[str, Any]


class MovedData(_Strict):
    """Where the data of a trained point are now."""

    root: str | None


class EvaluationSettings(_Strict):
    """`conf/evaluate.yaml`."""

    run: str
    data: MovedData
    test: list[str] | None
    partitions: Partitions
    save_samples: list[int] | None
    trust: str | None
    metrics: Metrics = {}
    trainer: Devices
    logger: dict[str, Any] | None


Settings = TypeVar("Settings", bound=BaseModel)


def validated(model: type[Settings], settings: dict[str, Any]) -> Settings:
    """The settings as an instance of `model`.

    Raises:
        UserError: a missing or unknown key, or a value that it may not take.
    """
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise UserError(_sentence(error, model)) from error


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    # a union has the name of its chosen member in the path, a key '[key]'
    parts = [part for part in first["loc"] if isinstance(part, str)]
    parts = [part for part in parts if re.fullmatch(r"[\w.-]+", part)]
    path = ".".join(part for part in parts if not part.startswith("function-"))
    if first["type"] == "missing":
        return f"'{path}' is missing from the settings."
    if first["type"] == "extra_forbidden":
        of_path = {"": model.model_fields, "trainer": TrainerSettings.model_fields}
        known = of_path.get(path.rpartition(".")[0], {})
        return f"'{path}' is an unknown key: {closest(parts[-1], known)}"
    return str(value_refused(path, error))
