"""Evaluation of a trained run on more partitions."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import polars.testing
import pytest
from command_line import QUIET, Ended, evaluate

from saibench.analysis.exchangeability import Reference, Series
from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics, read_record, update_record
from saibench.evidence.schema import read_fields
from saibench.files.locks import take_lock

pytestmark = pytest.mark.usefixtures("without_page")

Copied = Callable[[Path], Path]
WINDOW = "{_target_: saibench.datamodules.samplers.Window, start: 0.8, size: 0.1}"
LATE = "+partitions.late={samplers: [" + WINDOW + "]}"


def evaluated(*arguments: str, folder: Path) -> Ended:
    return evaluate(folder, *arguments, *QUIET)


def samples_of(point: Path, partition: str) -> polars.DataFrame:
    samples = polars.read_parquet(point / "samples.parquet")
    return samples.filter(partition=partition).sort("sample_id")


@pytest.fixture
def not_complete(trained: Path, copied: Copied) -> Path:
    point = copied(trained)
    update_record(point, state="failed")
    return point


def refused(ended: Ended, part: str, folder: Path, before: set[Path]) -> None:
    assert part in ended.err
    assert ended.err.count("\n") == 1
    assert (ended.status, ended.out) == (2, "")
    assert set(folder.rglob("*")) == before, "nothing is written"


@pytest.mark.parametrize(("arguments", "part"), [([], "run="), (["run=nowhere"], "nowhere")])
def test_missing_folder_is_refused(arguments: list[str], part: str, tmp_path: Path) -> None:
    refused(evaluated(*arguments, folder=tmp_path), part, tmp_path, set())


def test_run_that_is_not_complete_is_refused(not_complete: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    ended = evaluated(f"run={not_complete}", folder=tmp_path)
    refused(ended, "failed", tmp_path, before)


MISTAKES = {
    "an unknown partition": (
        ["test=[whole]"],
        "last_tenth, last_tenth_rotated, whole_trajectory",
    ),
    "an unknown setting": (["window.start=0.3"], "'window'"),
    "an unknown sampler": (
        ["+partitions.late={samplers: [{_target_: saibench.datamodules.samplers.Windw}]}"],
        "Windw",
    ),
    "an empty partition": (
        [LATE.replace("0.8", "0.999").replace("0.1}", "0.0001}")],
        "'late'",
    ),
    "an option of no sampler": ([LATE.replace("start", "begin")], "start"),
    "another held-out partition": (
        [LATE.replace("late", "last_tenth"), "test=[last_tenth]"],
        "partitions.last_tenth",
    ),
    "no device": (["trainer.devices=0"], "trainer.devices"),
    "a report that is no switch": (["report=perhaps"], "report"),
    "an unknown accelerator": (["trainer.accelerator=tpu"], "trainer.accelerator=tpu"),
}


@pytest.mark.parametrize(("arguments", "part"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_is_refused_in_one_line(
    arguments: list[str], part: str, trained: Path, tmp_path: Path
) -> None:
    ended = evaluate(tmp_path, f"run={trained}", "logger=none", *arguments)
    refused(ended, part, tmp_path, set())


def test_new_partition_is_added_to_the_evidence_of_run_and_study(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    ended = evaluated(f"run={point.relative_to(tmp_path)}", LATE, folder=tmp_path)
    assert ended.status == 0, ended.err
    late = samples_of(point, "late")
    assert late["sample_id"].to_list() == list(range(240, 270))
    assert read_metrics(point)["late"]["force_mae"]["value"] == pytest.approx(
        late["force_mae"].mean(), rel=1e-6
    )
    polars.testing.assert_frame_equal(
        samples_of(point, "last_tenth"), samples_of(trained, "last_tenth")
    )
    joined = polars.read_parquet(point.parent / "evidence" / "samples.parquet")
    assert set(joined["partition"]) == {"last_tenth", "late"}


def test_evidence_of_the_study_is_not_joined_without_a_report(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    ended = evaluated(f"run={point}", LATE, "report=false", folder=tmp_path)
    assert ended.status == 0, ended.err
    assert samples_of(point, "late").height == 30
    assert not (point.parent / "evidence").exists()
    assert f"saibench report {point.parent}" in ended.out


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_run_is_readable_after_a_kill_while_files_are_moved(
    moved: int,
    trained: Path,
    copied: Copied,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the files listed in the record, and without, as by saibench 0.1."""
    point, replace, done = copied(trained), Path.replace, []
    if moved == 0:
        update_record(point, files=None)

    def killed(path: Path, target: Path) -> None:
        if len(done) == moved:
            raise RuntimeError("killed")
        done.append(target)
        replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        ended = evaluated(f"run={point}", LATE, folder=tmp_path)
    assert "killed" in ended.err and len(done) == moved
    assert StudyEvidence.load(point.parent).samples.filter(partition="last_tenth").height == 30

    assert evaluated(f"run={point}", LATE, folder=tmp_path).status == 0
    record = read_record(point)
    assert {"last_tenth", "late"} <= set(record["partitions"]), "all are recorded"
    assert "pending" not in record
    for path in point.glob("*.parquet"):
        assert record["files"][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert samples_of(point, "late").height == 30
    polars.testing.assert_frame_equal(
        samples_of(point, "last_tenth"), samples_of(trained, "last_tenth")
    )


def test_metrics_are_printed_with_unit_and_count(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    ended = evaluated(f"run={copied(trained)}", "test=[last_tenth]", folder=tmp_path)
    value = read_metrics(trained)["last_tenth"]["energy_mae"]["value"]
    assert f"energy_mae = {value:.4g} meV, per frame (n = 30)" in ended.out


@pytest.fixture
def of_similarity(tmp_path: Path) -> Path:
    """A saved range that trusts similarities above 0.99."""
    similarity = np.linspace(0.99, 1, 400)
    random = np.random.default_rng(0)
    fitted = TrustedRange.fit(
        similarity,
        2000 * (1.0001 - similarity) * random.uniform(0.8, 1.2, 400),
        np.arange(400) // 4,
        names=["soap_similarity"],
        statistic=Quantity("force_mae", "meV/Å"),
    )
    ids = tuple(range(100))
    reference = Reference(
        series=(Series("soap_similarity", tuple(1.0 - 1e-9 * i for i in ids), ids, 1e-6),),
        error=Series("error", tuple(1e6 + i for i in ids), ids, 1e-6),
        kind="time",
        unit="ps",
    )
    return replace(fitted, reference=reference).save(tmp_path / "range.json")


def test_trusted_samples_are_reported_and_saved(
    trained: Path, copied: Copied, tmp_path: Path, of_similarity: Path
) -> None:
    point = copied(trained)
    ended = evaluated(
        f"run={point}", f"trust={of_similarity}", "test=[last_tenth]", folder=tmp_path
    )
    assert ended.status == 0, ended.err
    assert re.search(r"of 30 .*\(soap_similarity\)", ended.out)
    assert re.search(r"soap_similarity .*ps.*; force_mae .*ps.*30 independent", ended.out)
    saved = polars.read_parquet(point / "trusted.parquet").sort("sample_id")
    samples = samples_of(point, "last_tenth").sort("sample_id")
    assert saved["error"].to_list() == samples["force_mae"].to_list()
    assert saved["trusted"].to_list() == (samples["soap_similarity"] >= 0.99).to_list()
    units = {field.name: field.unit for field in read_fields(point / "trusted.parquet")}
    assert units["error"] == units["bound"] == "meV/Å"


@pytest.mark.parametrize(
    ("feature", "statistic", "named"),
    [
        ("tme", "force_mae", "'tme'"),
        ("time", "force_mea", "'force_mea'"),
    ],
)
def test_range_of_other_quantities_is_refused_before_anything_runs(
    feature: str, statistic: str, named: str, trained: Path, tmp_path: Path
) -> None:
    file = TrustedRange.fit(
        np.linspace(0, 1, 100),
        np.linspace(1, 2, 100),
        np.arange(100) // 2,
        names=[feature],
        statistic=Quantity(statistic),
    ).save(tmp_path / "range.json")
    before = set(trained.rglob("*"))
    ended = evaluated(f"run={trained}", f"trust={file}", folder=tmp_path)
    assert ended.status == 2
    assert named in ended.err
    assert "did you mean" in ended.err
    assert set(trained.rglob("*")) == before


def test_range_may_use_a_setting_of_the_run(trained: Path, copied: Copied, tmp_path: Path) -> None:
    file = TrustedRange.fit(
        np.linspace(0, 1, 100),
        np.linspace(1, 2, 100),
        np.arange(100) // 2,
        names=["window_end"],
        statistic=Quantity("force_mae", "meV/Å"),
    ).save(tmp_path / "range.json")
    ended = evaluated(
        f"run={copied(trained)}", f"trust={file}", "test=[last_tenth]", folder=tmp_path
    )
    assert ended.status == 0, ended.err
    assert "(window_end)" in ended.out


@pytest.mark.parametrize("part", ["a half", "another"])
def test_config_of_another_run_is_refused(
    part: str, trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    lines = (point / "config.yaml").read_text().splitlines(keepends=True)
    text = "".join(lines)
    changed = "".join(lines[:20]) if part == "a half" else text.replace("count: 20", "count: 21")
    assert changed != text
    (point / "config.yaml").write_text(changed)
    update_record(point, "config.yaml")
    before = set(tmp_path.rglob("*"))
    ended = evaluated(f"run={point}", folder=tmp_path)
    refused(ended, "config.yaml does not hold", tmp_path, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [("\npartitions:", "\npartition:"), ("\ntest:", "\ntests:"), ("\nmodel:", "\nmodel: 3\nx:")],
)
def test_config_without_a_part_is_refused_for_an_old_record(
    before: str, after: str, trained: Path, copied: Copied, tmp_path: Path
) -> None:
    """Such a record has no checksums and no `identity`."""
    point = copied(trained)
    text = (point / "config.yaml").read_text()
    assert before in text
    (point / "config.yaml").write_text(text.replace(before, after))
    record = json.loads((point / "run.json").read_text())
    old = {k: v for k, v in record.items() if k not in ("files", "digest", "identity", "point")}
    (point / "run.json").write_text(json.dumps({**old, "point": point.name[-12:]}))
    files = set(tmp_path.rglob("*"))
    refused(evaluated(f"run={point}", folder=tmp_path), "config.yaml", tmp_path, files)


@pytest.mark.parametrize("content", ["[]", "null", '{"state": "complete"}'])
def test_invalid_record_is_refused(
    content: str, trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    (point / "run.json").write_text(content)
    before = set(tmp_path.rglob("*"))
    ended = evaluated(f"run={point}", folder=tmp_path)
    refused(ended, "run.json is damaged", tmp_path, before)


def test_evaluation_gives_the_metrics_of_the_training(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    again = "+partitions.again={samplers: [{_target_: saibench.datamodules.samplers.Tail}]}"
    assert evaluated(f"run={point}", again, "test=[again]", folder=tmp_path).status == 0
    own, found = read_metrics(point)["last_tenth"], read_metrics(point)["again"]
    assert own.keys() == found.keys()
    for name in own:
        assert found[name]["value"] == pytest.approx(own[name]["value"], rel=1e-6), name


def test_several_runs_are_evaluated_in_one_command(trained: Path, tmp_path: Path) -> None:
    points = []
    for name in ("one", "two"):
        points.append(Path(shutil.copytree(trained, tmp_path / name / "point")))
    ended = evaluated("-m", "run=one/point,two/point", LATE, "test=[late]", folder=tmp_path)
    assert ended.status == 0, ended.err
    assert ended.out.count("late:\n") == 2
    assert read_metrics(points[0])["late"] == read_metrics(points[1])["late"]
    assert not (tmp_path / "multirun.yaml").exists()


def test_failed_evaluation_prints_one_line_and_keeps_the_evidence(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    before = {path.name: path.read_bytes() for path in point.iterdir()}

    def broken(*_: object) -> None:
        raise RuntimeError("a deliberate failure")

    monkeypatch.setattr("saibench.models.force_field.module.ForceFieldModule.test_step", broken)
    ended = evaluated(f"run={point}", LATE, folder=tmp_path)
    assert ended.status == 1
    assert ended.err.startswith(
        f"{point}: RuntimeError: a deliberate failure (test_evaluate.py, line"
    )
    assert ended.err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in point.iterdir()} == before


def test_evaluation_of_a_locked_run_is_refused(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    with take_lock(point / ".lock"):
        ended = evaluated(f"run={point}", LATE, folder=tmp_path)
    assert ended.status == 2
    assert ended.err.startswith(f"{point} is in use") and ended.err.count("\n") == 1


def test_evaluation_on_other_data_is_refused(trained: Path, copied: Copied, tmp_path: Path) -> None:
    point = copied(trained)
    update_record(point, data={"hash": "0" * 64})
    ended = evaluated(f"run={point}", LATE, folder=tmp_path)
    assert ended.status == 2
    assert ended.err.startswith("the data have changed")


def test_rotated_molecules_reveal_which_net_is_equivariant(
    trained: Path, trained_nequip: Path, copied: Copied, tmp_path: Path
) -> None:
    found = {}
    for name, point in (("cartesian", trained), ("nequip", trained_nequip)):
        point = copied(point)
        ended = evaluated(f"run={point}", "test=[last_tenth_rotated]", folder=tmp_path)
        assert ended.status == 0, ended.err
        rotated = samples_of(point, "last_tenth_rotated")
        assert rotated["sample_id"].to_list() == list(range(270, 300))
        assert rotated["equivariance_error"].null_count() == 0
        assert samples_of(point, "last_tenth")["equivariance_error"].null_count() == 30
        found[name] = read_metrics(point)["last_tenth_rotated"]["equivariance_error"]["value"]
    assert found["nequip"] < 1e-2, "rounding only"
    assert found["cartesian"] > 0.1, "even a tiny net after four steps"


def test_equivariant_net_has_equal_errors_on_rotated_molecules(
    trained_nequip: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained_nequip)
    assert evaluated(f"run={point}", "test=[last_tenth_rotated]", folder=tmp_path).status == 0
    energies = [
        samples_of(point, partition)["energy_error"].to_numpy()
        for partition in ("last_tenth", "last_tenth_rotated")
    ]
    assert energies[0] == pytest.approx(energies[1], abs=0.1)  # meV; float32 of eV
