"""Samples of other data that are in the training of a run, also rotated, are found by the audit."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from command_line import QUIET, TINY, evaluate, no_page, only_point, saibench, train

from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.evidence.run_record import read_record, update_record
from saibench.identity import TRAINED
from saibench.imports.targets import build
from saibench.runs.point import load_point

LEAKED = (3, 40, 77, 101, 149)
"""Places among the 150 training frames; the last is rotated."""
OTHERS = 20


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    small = [word for word in TINY if not word.startswith("data.stride")]
    with no_page():
        ended = train(folder, *small, "data.stride=3", "subset.count=150")
    assert ended.status == 0, ended.err
    return only_point(folder)


def image(trajectory: Trajectory, row: int, rotated: bool = False) -> Atoms:
    atoms = Atoms(trajectory.symbols, trajectory.positions[row])
    forces = Atoms(trajectory.symbols, trajectory.forces[row])
    if rotated:
        for vectors in (atoms, forces):
            vectors.rotate(70, (1, 2, 3))
    energy = float(trajectory.energies[row])
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces.positions)
    return atoms


def test_training_frames_in_another_file_are_reported(trained: Path, tmp_path: Path) -> None:
    node = load_point(trained).settings["datamodule"]
    data = build(node, "datamodule")
    hot = {**node["source"], "seed": 7, "temperature": 2000.0, "frames": OTHERS, "stride": 20}
    others: Trajectory = build({**node, "source": hot}, "datamodule").trajectory
    rows = data.split[0].rows[list(LEAKED)]
    images = [image(others, row) for row in range(OTHERS)]
    leaked = {}
    for place, row in enumerate(rows):
        leaked[4 * place] = int(data.split[0].sample_ids[LEAKED[place]])
        images.insert(4 * place, image(data.trajectory, row, rotated=place == 4))
    ase.io.write(tmp_path / "other.xyz", images)
    file = ("data=extxyz", f"data.files=[{tmp_path / 'other.xyz'}]", "data.independent=true")
    with no_page():
        ended = evaluate(tmp_path, f"run={trained}", *file, "test=[whole_trajectory]", *QUIET)
    assert ended.status == 0, ended.err
    (other,) = trained.parent.parent.glob(f"{trained.parent.name}-on-*/*/run.json")

    ended = saibench(tmp_path, "audit", str(other.parent), "--pairs", "5")
    assert ended.status == 0, ended.err
    audit = json.loads(other.read_text())["audit"]["whole_trajectory"]
    assert audit["test"] == OTHERS + len(LEAKED)
    assert audit["training"] == len(data.seen_rows)
    assert audit["score"]["estimate"] * audit["test"] == pytest.approx(len(LEAKED))
    assert audit["near"]["estimate"] == audit["score"]["estimate"]
    found = {pair["test"]: pair["training"] for pair in audit["pairs"][: len(LEAKED)]}
    assert found == leaked
    assert max(pair["distance"] for pair in audit["pairs"][: len(LEAKED)]) < 1e-3
    assert audit["along"] is None and all(pair["gap"] is None for pair in audit["pairs"])
    assert all(str(one) in ended.out for one in leaked.values())

    ended = saibench(tmp_path, "audit", str(other.parent), "--seen", "ids.txt")
    assert ended.status == 2 and "--seen" in ended.err
    record = read_record(other.parent)[TRAINED]
    changed = {**record["partitions"], "train": {"hash": "0" * 12}}
    update_record(other.parent, **{TRAINED: {**record, "partitions": changed}})
    ended = saibench(tmp_path, "audit", str(other.parent))
    assert ended.status == 2 and "0" * 12 in ended.err
