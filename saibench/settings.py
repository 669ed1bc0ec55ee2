"""Schemas of the settings of runs and evaluations."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from saibench.errors import UserError, closest
from saibench.options import value_refused


class _Strict(BaseModel):
    """No other keys, and no conversion between texts and numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Open(BaseModel):
    """Further keys are read by interpolations, or by the class of a `_target_`."""

    model_config = ConfigDict(extra="ignore", strict=True)


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"'{name}' has other characters than letters, digits, '.', '_' and '-'")
    return name


def _partition_name(name: str) -> str:
    if name in ("train", "validation"):
        raise ValueError(f"'{name}' is the name of a partition of every run. Use another name")
    return _plain_name(name)


def _duration(text: str) -> str:
    if not re.fullmatch(r"\d+:\d\d:\d\d:\d\d", text):
        raise ValueError("is not DD:HH:MM:SS. Use 00:01:30:00 for one and a half hours")
    if not int(text.replace(":", "")):
        raise ValueError("is no time. Use 00:01:30:00 for one and a half hours")
    return text


Partitions = dict[Annotated[str, AfterValidator(_partition_name)], dict[str, Any]]


class Devices(_Strict):
    """Devices of a training or an evaluation.

    Args:
        accelerator: type of device; `auto` uses a GPU if there is one.
        devices: number of devices of a machine, each with its own process.
        num_nodes: number of machines with so many devices each.
        threads: threads of a process on a CPU; null for PyTorch's default.
        progress: whether to print a progress bar.
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda"]
    devices: int = Field(ge=1)
    num_nodes: int = Field(default=1, ge=1)
    threads: int | None = Field(ge=1, le=1024)
    progress: bool


class TrainerSettings(Devices):
    """`conf/trainer/`: budget and devices of a run."""

    max_steps: int | None = Field(ge=0)
    max_time: Annotated[str, AfterValidator(_duration)] | None
    val_every: int = Field(ge=1)
    gradient_clip: float | None = Field(gt=0)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool
    callbacks: dict[str, dict[str, Any]]


class MetricSettings(BaseModel):
    """A metric of torchmetrics or of the user; further keys are its options."""

    model_config = ConfigDict(extra="allow", strict=True)

    target: str = Field(alias="_target_", min_length=1)
    unit: str | None = None
    per: str | None = None
    of: str | None = None


def _metric_name(name: str) -> str:
    if name == "_target_":
        raise ValueError("a metric needs a name. Use metrics={mine: {_target_: my.Metric}}")
    return _plain_name(name)


Metrics = dict[Annotated[str, AfterValidator(_metric_name)], MetricSettings]


class MetricsSettings(_Strict):
    """`conf/metrics/`: metrics of each test partition in addition to the model's."""

    metrics: Metrics


class ScheduleSettings(_Strict):
    """`conf/lr_schedule/`: a scheduler, and when Lightning steps it.

    Args:
        scheduler: a `_target_` and its arguments without the optimizer.
        interval: unit of `frequency`.
        frequency: steps or epochs between two steps of the scheduler.
        monitor: validation metric for the scheduler, null for none.
        strict: whether training fails if that metric is missing.
    """

    scheduler: dict[str, Any]
    interval: Literal["step", "epoch"]
    frequency: int = Field(ge=1)
    monitor: str | None
    strict: bool = True


class TrustSettings(_Strict):
    """Defaults of a workload's trusted ranges.

    Args:
        feature: one or several data features that predict the error.
        statistic: the error to bound.
        tolerance: the largest acceptable error, in the statistic's unit.
        coverage: share of new samples within the bound.
        ideal: the statistic's value without error.
        mean_of: number of similar samples in a mean error.
        partitions: those that it is fitted to, where all runs are tested on them; else the
            held-out one.
        regions: features along which regions are tested separately; the first that varies is used.
    """

    feature: str | list[str]
    statistic: str = Field(min_length=1)
    tolerance: float | None = Field(default=None, gt=0)
    coverage: float = Field(default=0.9, gt=0, lt=1)
    ideal: float = 0.0
    mean_of: int = Field(default=1, ge=1)
    partitions: list[str] = []
    regions: list[str] = []


class LearningCurveSettings(_Strict):
    """Defaults of a workload's learning curves.

    Args:
        statistic: the error as a function of the size of the training set.
        ideal: the statistic's value without error.
        target: target of the statistic, in its unit.
    """

    statistic: str = Field(min_length=1)
    ideal: float = 0.0
    target: float | None = None


class TraceSettings(_Strict):
    """Defaults of a workload's error tracing.

    Args:
        response: one or several statistics to trace.
        otherwise: the statistic of data that have none of them, such as a system without a grid.
        ideal: by statistic: its value without error (default 0); infinite for one that is no error,
            such as the time for which a forecast is valid.
        bias: a signed error to search for biased stretches, a statistic or a difference.
        along: the feature along which to search.
        bins: by feature: edges of its bins.
        parts: by statistic: its summands, statistics by name.
        across: two settings whose effects on the error to separate.
    """

    response: str | list[str]
    otherwise: str | None = None
    ideal: dict[str, float] = {}
    bias: str | None = None
    along: str | None = None
    bins: dict[str, list[float]] = {}
    parts: dict[str, dict[str, str]] = {}
    across: list[str] = Field(default=[], max_length=2)


class WindowNames(_Strict):
    """Names of the settings of a training window, in fractions of the ordered samples.

    Args:
        start: setting of its start.
        size: setting of its length; null means up to `limit`.
        limit: setting of the end of a window without a size.
    """

    start: str
    size: str
    limit: str


class TrainingNames(_Strict):
    """Names of a workload's settings of the training partition.

    Args:
        sizes: settings of the number or fraction of training samples.
        window: settings of a window in the order of the samples.
    """

    sizes: list[str] = []
    window: WindowNames | None = None


class Characterization(_Strict):
    """A workload's row of the paper's table 1."""

    input_space: str = Field(min_length=1)
    quantitative: bool
    qualitative: bool
    time_series: bool


class ImportSettings(_Strict):
    """How `saibench import` reads whole samples of a workload with predictions.

    Args:
        module: see `saibench.runs.imported_samples.Importer`.
        endings: of files that are of this workload.
        shared_endings: of files that may be tables instead: the module says by their columns which
            (`saibench.runs.imported_samples.ListImporter`).
    """

    module: str = Field(min_length=1)
    endings: list[str] = []
    shared_endings: list[str] = []


class WorkloadSettings(_Open):
    """`workload` of `conf/workload/`: names of its runs, and their report.

    Args:
        name: name of the workload and of its subpackages.
        net_module: LightningModule that tests nets from elsewhere.
        imports: how whole samples with predictions are imported.
        characterization: its row of the paper's table 1.
        label: the settings that name a run, in this order.
        training_settings: those that do not apply to a model that is not trained.
        libraries: packages whose version a record keeps, in addition to saibench's dependencies.
        headline: metrics of the table of runs, which is sorted by the first.
        findings: modules with a `findings` function: the paper's claims.
        figures: modules of figures, in the order of the report.
        explorers: modules that display single samples.
        metric_intervals: modules with a `metric_interval` function, for metrics that are no means.
        abbreviations: parts of metric names in capitals.
        not_exported: tables of evidence that `export` omits unless they are named.
        trust: defaults of trusted ranges.
        trace: defaults of error tracing.
        learning_curve: defaults of learning curves.
        training: names of the settings of the training partition.
        reference: name of the model that others are compared with.
        toolbox: file of the techniques of the paper's table 3.
    """

    name: str = Field(min_length=1)
    net_module: str | None = None
    imports: ImportSettings | None = None
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
"""Bytes of a folder's name on Linux, macOS and Windows."""


def _below_outputs(study: str) -> str:
    """Check that a study is the relative name of a folder below `outputs/`."""
    parts = study.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in study:
        raise ValueError(
            "not the name of a folder below outputs/. Use hydra.run.dir (hydra.sweep.dir with -m) "
            "for a folder elsewhere"
        )
    longest = max(len(os.fsencode(part)) for part in parts)
    if longest > MAX_NAME:
        raise ValueError(
            f"a folder's name of {longest} bytes is too long. Use {MAX_NAME} bytes at most"
        )
    return study


Study = Annotated[str, AfterValidator(_below_outputs)]


class PointSettings(_Open):
    """`conf/train.yaml`: the keys of a run."""

    study: Study
    seed: int = Field(ge=0, lt=2**32)
    on_failure: Literal["continue", "stop"]
    test: list[str]
    held_out: str
    partitions: Partitions
    save_samples: list[int] | None = None
    seen: str | list[int] | None = None
    report: bool = True
    workload: WorkloadSettings
    datamodule: dict[str, Any]
    model: dict[str, Any]
    trainer: TrainerSettings
    lr_schedule: ScheduleSettings
    metrics: Metrics = {}
    logger: dict[str, Any] | None


class FrozenSettings(_Open):
    """The keys of a frozen config, also of saibench 0.1, that are needed to rebuild its run."""

    study: str
    seed: int
    test: list[str]
    held_out: str
    partitions: dict[str, dict[str, Any]]
    workload: dict[str, Any]
    datamodule: dict[str, Any]
    model: dict[str, Any]
    trainer: dict[str, Any]


class EvaluationSettings(_Strict):
    """`conf/evaluate.yaml`."""

    run: str
    data: dict[str, Any]
    test: list[str] | None
    partitions: Partitions
    save_samples: list[int] | None
    trust: str | None
    report: bool = True
    metrics: Metrics = {}
    trainer: Devices
    logger: dict[str, Any] | None


Settings = TypeVar("Settings", bound=BaseModel)


def validated(model: type[Settings], settings: dict[str, Any]) -> Settings:
    """Return the settings as an instance of `model`.

    Raises:
        UserError: a missing or unknown key, or an invalid value.
    """
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise UserError(_message(error, model)) from error


def _message(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    # a path contains the member of a union, and '[key]' for a key
    parts = [part for part in first["loc"] if isinstance(part, str)]
    parts = [part for part in parts if re.fullmatch(r"[\w.-]+", part)]
    path = ".".join(part for part in parts if not part.startswith("function-"))
    if first["type"] == "missing":
        return f"'{path}' is missing from the settings. Set it."
    if first["type"] == "extra_forbidden":
        of_path = {"": model.model_fields, "trainer": TrainerSettings.model_fields}
        known = of_path.get(path.rpartition(".")[0], {})
        return f"'{path}' is an unknown key: {closest(parts[-1], known)}"
    return str(value_refused(path, error))
