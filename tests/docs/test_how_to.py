"""The code of the how-to pages, written where its reader would write it, and run."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import ase.io
import numpy as np
import polars
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from command_line import (
    QUIET,
    TINY,
    TRAJECTORY,
    Ended,
    evaluate,
    no_page,
    only_point,
    saibench,
    train,
)
from docs_pages import DOCS, files_of_my_project, write_my_project

HOW_TO = DOCS / "how-to"
MODULES = (
    *("ase_file", "pair_net", "atom_net", "deep_set", "fading", "worst_atom", "every"),
    *("error_histogram", "springs", "multiplicity", "climatology", "forest"),
)


@pytest.fixture(autouse=True)
def imports_of_its_own() -> Iterator[None]:
    path, inherited = list(sys.path), os.environ.get("PYTHONPATH", "")
    yield
    sys.path[:] = path
    os.environ["PYTHONPATH"] = inherited
    for module in MODULES:
        sys.modules.pop(module, None)


def trained(page: str, folder: Path, *arguments: str) -> Path:
    """The run of a command, with the page's files as `my_project`."""
    project = write_my_project(HOW_TO / page, folder)
    own_net = any(word.startswith("model.net._target_") for word in arguments)
    sizes = [word for word in TINY if not (own_net and word.startswith("model.net."))]
    with no_page():
        ended = train(folder, f"--config-dir={project}", *sizes, *arguments)
    assert ended.status == 0, ended.err
    return only_point(folder)


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def test_data_set(tmp_path: Path) -> None:
    """Hydrogen molecules that vibrate: a spring of 30 eV/Å², whose forces are known."""
    rng = np.random.default_rng(0)
    images = []
    for stretch in 0.05 * rng.standard_normal(300):
        atoms = Atoms("H2", [(0, 0, 0), (0, 0, 0.74 + stretch)])
        force = 30 * stretch
        atoms.calc = SinglePointCalculator(
            atoms, energy=15 * stretch**2, forces=[(0, 0, force), (0, 0, -force)]
        )
        images.append(atoms)
    ase.io.write(tmp_path / "frames.xyz", images)

    project = write_my_project(HOW_TO / "data-set.md", tmp_path)
    data = ("data=ase_file", f"data.root={tmp_path}", "data.file=frames.xyz")
    small = [word for word in TINY if not word.startswith(("data.", "data="))]
    with no_page():
        ended = train(tmp_path, f"--config-dir={project}", *small, *data)
    assert ended.status == 0, ended.err
    run = only_point(tmp_path)
    assert metrics(run)["last_tenth"]["force_mae"]["count"] == 30
    assert polars.read_parquet(run / "samples.parquet")["time"].max() == pytest.approx(0.1495)


def test_net(tmp_path: Path) -> None:
    run = trained("model.md", tmp_path, "model.net._target_=pair_net.PairNet")
    assert metrics(run)["last_tenth"]["force_mae"]["count"] == 30


def test_net_with_latent_layers(tmp_path: Path) -> None:
    run = trained("model.md", tmp_path, "model.net._target_=atom_net.AtomNet")
    samples = polars.read_parquet(run / "samples.parquet")
    for name in ("latent_distance", "latent_mahalanobis", "llpr_std", "committee_std"):
        assert samples[name].is_finite().all(), name


JETS = ("workload=jet_tagging", "data.top_jets=120", "data.qcd_jets=120", "workload.figures=[]")
RAIN = ("workload=nowcasting", "data.events=20", "workload.figures=[]")


def test_net_of_jets_without_features(tmp_path: Path) -> None:
    small = ("trainer.max_steps=2", "trainer.val_every=2", "model.net._target_=deep_set.DeepSet")
    run = of_page("model.md", tmp_path, train, *JETS, *small)
    assert metrics(run)["held_out"]["auc"]["count"] > 0


def test_net_of_rain(tmp_path: Path) -> None:
    net = ("model=persistence", "model.name=fading", "model.net._target_=fading.Fading")
    run = of_page("model.md", tmp_path, train, *RAIN, *net)
    assert metrics(run)["held_out"]["mae_60"]["count"] == 4


@pytest.mark.parametrize(
    ("function", "settings", "partition", "metric"),
    [
        ("springs.predict", TRAJECTORY, "last_tenth", "force_mae"),
        (
            "multiplicity.Multiplicity",
            (*JETS, "+model.net.function.middle=50"),
            "held_out",
            "accuracy",
        ),
        ("climatology.predict", RAIN, "held_out", "mae_60"),
    ],
)
def test_function_as_a_model(
    tmp_path: Path, function: str, settings: tuple[str, ...], partition: str, metric: str
) -> None:
    given = ("model=function", f"model.net.function._target_={function}", f"test=[{partition}]")
    run = of_page("models-as-they-are.md", tmp_path, evaluate, *given, *settings)
    assert metrics(run)[partition][metric]["count"] > 0
    record = json.loads((run / "run.json").read_text())
    assert record["partitions"]["train"]["count"] == 0
    assert record["model"] == function.rpartition(".")[2]


def test_estimator_on_features(tmp_path: Path) -> None:
    """The scores are those of the estimator on the jets' mass and number of constituents."""
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    known = rng.uniform((0, 1), (300, 100), (200, 2))
    forest = RandomForestClassifier(n_estimators=9, random_state=0)
    forest.fit(known, known[:, 0] + known[:, 1] > rng.uniform(100, 300, 200))
    file = tmp_path / "forest.skops"
    skops.io.dump(forest, file)
    given = ("model=function", "model.net.function._target_=forest.Forest")
    run = of_page(
        "models-as-they-are.md", tmp_path, evaluate, *given, f"+model.net.function.file={file}",
        *JETS, "test=[held_out]",
    )  # fmt: skip
    samples = polars.read_parquet(run / "samples.parquet")
    features = samples.select("jet_mass", "num_constituents").to_numpy()
    expected = forest.predict_proba(features)[:, 1]
    agree = np.isclose(samples["score"].to_numpy(), expected, atol=1e-12)
    assert agree.mean() > 0.95  # a mass in single precision may fall on the other side of a cut
    assert expected.std() > 0


def of_page(page: str, folder: Path, command: Callable[..., Ended], *arguments: str) -> Path:
    """The run of a command, with the page's files as `my_project`."""
    project = write_my_project(HOW_TO / page, folder)
    with no_page():
        ended = command(folder, f"--config-dir={project}", *arguments, *QUIET)
    assert ended.status == 0, ended.err
    return only_point(folder)


def test_metric(tmp_path: Path) -> None:
    run = trained("metric.md", tmp_path, "model._target_=worst_atom.WithWorstAtom")
    by_atom = polars.read_parquet(run / "by_atom.parquet")
    worst = by_atom.group_by("sample_id").agg(polars.col("force_error_norm").max())
    found = metrics(run)["last_tenth"]["worst_atom"]
    assert found["value"] == pytest.approx(worst["force_error_norm"].mean(), rel=1e-6)
    assert (found["unit"], found["per"], found["count"]) == ("meV/Å", "frame", 30)


def test_sampler(tmp_path: Path) -> None:
    sparse = (
        "+partitions.sparse={samplers: [{_target_: saibench.datamodules.samplers.Tail}, "
        "{_target_: every.EveryNth, step: 10}]}"
    )
    assert sparse in (HOW_TO / "sampler.md").read_text()
    run = trained("sampler.md", tmp_path, "test=[last_tenth, sparse]", sparse)
    samples = polars.read_parquet(run / "samples.parquet").filter(partition="sparse")
    assert samples["sample_id"].sort().to_list() == [270, 280, 290]


def test_import_predictions(tmp_path: Path) -> None:
    project = write_my_project(HOW_TO / "import-predictions.md", tmp_path)
    with contextlib.chdir(tmp_path):
        runpy.run_path(str(project / "diabetes.py"))
    ended = saibench(tmp_path, "trust", "outputs/diabetes")
    assert ended.status == 0, ended.err
    (run,) = (tmp_path / "outputs" / "diabetes").iterdir()
    assert metrics(run)["test"]["mae"]["count"] == 242


def test_figure(tmp_path: Path) -> None:
    run = trained("figure.md", tmp_path)
    options = ("--config-dir", str(tmp_path / "my_project"), "--figures", "error_histogram")
    ended = saibench(tmp_path, "report", str(run.parent), *options)
    assert ended.status == 0, ended.err
    page = (run.parent / "report.html").read_text()
    assert "Histogram of force errors" in page and "one histogram a run" in page


def test_every_page_with_files_of_a_reader_is_tested() -> None:
    pages = {page.stem for page in HOW_TO.glob("*.md") if files_of_my_project(page)}
    here = {"data-set", "model", "metric", "sampler", "figure", "import-predictions"}
    here |= {"models-as-they-are"}
    elsewhere = {"lightning-module", "workload"}  # in tests/extension
    assert here <= pages <= here | elsewhere
