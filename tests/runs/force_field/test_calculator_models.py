"""ASE calculators that are tested as they are, compared with ASE itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from command_line import QUIET, evaluate, only_point
from molecule_files import spring_frames, write_frames

from saibench.errors import UserError
from saibench.models.force_field.calculators import CalculatorModel

pytestmark = pytest.mark.usefixtures("without_page")
COUNTED = """
from pathlib import Path

from ase.calculators.emt import EMT


class Counted(EMT):
    def __init__(self, log, last=10**6):
        super().__init__()
        self.log, self.last = Path(log), last

    def calculate(self, *given, **named):
        calls = len(self.log.read_text()) if self.log.exists() else 0
        if calls == self.last:
            raise KeyboardInterrupt
        self.log.write_text("x" * (calls + 1))
        super().calculate(*given, **named)
"""


def frames(folder: Path, names: tuple[str, ...] = ("CH4",)) -> list[Atoms]:
    images = spring_frames(60, names)
    write_frames(folder / "frames.xyz", images)
    return images


def settings(folder: Path, *arguments: str) -> tuple[str, ...]:
    data = ("data=ase", f"data.files=[{folder / 'frames.xyz'}]", "test=[last_tenth]")
    return ("model=ase_calculator", *data, *arguments, *QUIET)


@pytest.mark.parametrize("names", [("CH4",), ("H2O", "CH4", "CH3OH")])
def test_errors_are_those_of_ase(tmp_path: Path, names: tuple[str, ...]) -> None:
    images = frames(tmp_path, names)
    ended = evaluate(tmp_path, *settings(tmp_path, "model.calculator=emt"))
    assert ended.status == 0, ended.err
    run = only_point(tmp_path)
    samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")

    errors, differences = [], []
    for image in images:
        atoms = Atoms(image.numbers, image.positions, calculator=EMT())
        errors.append(1000 * np.abs(atoms.get_forces() - image.calc.results["forces"]).mean())
        differences.append(atoms.get_potential_energy() - image.calc.results["energy"])
    assert samples["force_mae"].to_numpy() == pytest.approx(errors[54:], rel=1e-4)

    # up to constants that are fitted to 50 of the 54 frames that are not held out
    fitted = np.linspace(0, 53, 50).round().astype(int)
    symbols = sorted({symbol for image in images for symbol in image.get_chemical_symbols()})
    counts = np.array(
        [[image.get_chemical_symbols().count(one) for one in symbols] for image in images]
    )
    kinds = np.ones((60, 1)) if len(names) == 1 else counts
    constants = np.linalg.lstsq(kinds[fitted], np.array(differences)[fitted], rcond=None)[0]
    expected = 1000 * (np.array(differences) - kinds @ constants)[54:]
    assert samples["energy_error"].to_numpy() == pytest.approx(expected, abs=0.01)
    assert not samples["seen_in_training"].any()

    record = json.loads((run / "run.json").read_text())
    assert record["model"] == "emt" and record["partitions"]["train"]["count"] == 0


def test_total_energies_are_compared_on_request(tmp_path: Path) -> None:
    images = frames(tmp_path)
    alone = ("model.calculator=emt", "model.align_energies=false")
    ended = evaluate(tmp_path, *settings(tmp_path, *alone), "report=false")
    assert ended.status == 0, ended
    assert "saibench report" in ended.out and not list(tmp_path.glob("outputs/*/report.html"))
    samples = polars.read_parquet(only_point(tmp_path) / "samples.parquet").sort("sample_id")
    atoms = Atoms(images[59].numbers, images[59].positions, calculator=EMT())
    expected = 1000 * (atoms.get_potential_energy() - images[59].calc.results["energy"])
    assert samples["energy_error"][-1] == pytest.approx(expected, abs=0.01)


def test_evaluation_that_stopped_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames(tmp_path)
    project, log = tmp_path / "project", tmp_path / "log"
    project.mkdir()
    (project / "counted_emt.py").write_text(COUNTED)
    monkeypatch.setattr("saibench.models.force_field.kept_predictions.SECONDS_BETWEEN_FILES", 0.0)
    given = settings(
        tmp_path,
        *("model.calculator._target_=counted_emt.Counted", f"+model.calculator.log={log}"),
        f"--config-dir={project}",
    )
    assert evaluate(tmp_path, *given, "+model.calculator.last=52").status == 130
    assert len(log.read_text()) == 52
    monkeypatch.setattr("counted_emt.Counted.calculate", _uninterrupted(log))
    assert evaluate(tmp_path, *given, "+model.calculator.last=52").status == 0
    assert len(log.read_text()) == 50 + 6, "of the frames for the zero of energy and of the test"


def _uninterrupted(log: Path) -> Callable[..., None]:
    def calculate(self: EMT, *given: object, **named: object) -> None:
        log.write_text(log.read_text() + "x")
        EMT.calculate(self, *given, **named)

    return calculate


def test_periodic_frames_have_the_stress_of_ase(tmp_path: Path) -> None:
    model = CalculatorModel("emt")
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.1, seed=0)
    molecule = Atoms("Cu4", crystal.positions)
    batch = {
        "positions": torch.tensor(np.stack([crystal.positions, molecule.positions])),
        "numbers": torch.full((2, 4), 29),
        "cell": torch.tensor(np.stack([crystal.cell.array, np.zeros((3, 3))])),
    }
    model.keep(tmp_path)
    first = model.predict(batch)
    model.keep(tmp_path)
    for found in (first, model.predict(batch)):
        for frame, atoms in enumerate((crystal, molecule)):
            atoms.calc = EMT()
            assert found["energy"][frame] == pytest.approx(atoms.get_potential_energy())
            assert found["forces"][frame] == pytest.approx(atoms.get_forces())
        assert found["stress"][0] == pytest.approx(crystal.get_stress(voigt=False))
        assert not found["stress"][1].any()
    with pytest.raises(UserError, match=r"model\.box"):
        CalculatorModel("emt", box=30).predict(batch)


def test_a_frame_that_fails_is_named(tmp_path: Path) -> None:
    images = spring_frames(60, ("CH4",))
    for image in images:
        image.numbers[1:] = 9  # EMT has no parameters of fluorine
    write_frames(tmp_path / "frames.xyz", images)
    ended = evaluate(tmp_path, *settings(tmp_path, "model.calculator=emt"))
    assert ended.status == 2 and "frame 0" in ended.err and "F" in ended.err
    assert not (tmp_path / "outputs").exists(), "nothing was predicted"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("model.calculator=gfn3_xtb",), "gfn3_xtb"),
        (("model.calculator=emt", "model.box=2"), "model.box"),
        (("model.calculator._target_=ase.calculators.emt.parameters",), "model.calculator"),
        ((), "model.calculator"),
        (("model.calculator=emt", "workload=jet_tagging"), "workload"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    frames(tmp_path)
    given = settings(tmp_path, *arguments)
    if "workload=jet_tagging" in arguments:
        given = ("model=ase_calculator", *arguments, *QUIET)
    ended = evaluate(tmp_path, *given)
    assert ended.status == 2 and named in ended.err, ended
