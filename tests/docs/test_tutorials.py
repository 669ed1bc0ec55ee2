"""Every command and every line of Python of a tutorial, in the tutorial's order, at tiny sizes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from command_line import QUIET, Ended, evaluate, one_error_model, saibench, train
from docs_pages import DOCS, Block, blocks

from saibench.analysis.trusted_range import TrustedRange

TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
FEW_STEPS = ("trainer.max_steps=3", "trainer.val_every=3")
SIZES = {
    "force_field": (
        *("data.frames=1600", "data.stride=1", "data.timestep=1.5", "subset.count=200"),
        *(*FEW_STEPS, "model.net.num_layers=1", "model.net.num_features=4"),
        "workload.trust.feature=[soap_distance_atom,committee_std]",
    ),
    "jet_tagging": ("data.top_jets=120", "data.qcd_jets=120", *FEW_STEPS),
    "nowcasting": ("data.events=100", "subset.count=9", *FEW_STEPS),
    "field_dynamics": ("data.transient=20", "data.points=96", *FEW_STEPS),
}
"""What makes a tutorial's trainings short; what a command sets itself stays."""
REAL_DATA = "## Real data"
"""The last section of a tutorial, whose data a test does not have."""


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(tutorial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if tutorial.stem == "field_dynamics":
        pytest.importorskip("neuralop")
    if tutorial.stem == "nowcasting":  # 50 validation events take longer than the training
        monkeypatch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
    page = tmp_path / tutorial.name
    page.write_text(tutorial.read_text().partition(REAL_DATA)[0])
    run = 0
    for block in blocks(page):
        if block.language == "python":
            with contextlib.chdir(tmp_path):
                exec(compile(block.text, str(tutorial), "exec"), {})
            run += 1
        for words in block.commands if block.language == "bash" else ():
            with one_error_model():
                ended = called(words, tutorial.stem, tmp_path)
            assert ended.status == 0, (words, ended.err)
            run += 1
    assert run >= 4
    assert (tmp_path / "outputs" / tutorial.stem / "report.html").is_file()
    if tutorial.stem == "force_field":
        assert TrustedRange.load(tmp_path / "range.json").counts.samples == 1600 - 200 - 50


def called(words: list[str], workload: str, folder: Path) -> Ended:
    """How a command of a page ends, with a run's folder in the place of `<run>`."""
    words = [filled(word, folder) for word in words]
    if words[:2] == ["python", "train.py"]:
        own = {word.partition("=")[0] for word in words}
        sizes = [size for size in SIZES[workload] if size.partition("=")[0] not in own]
        if {"model=persistence,extrapolation", "model=field_persistence,field_zeros"} & {
            *words
        }:  # which have no trainer to shorten
            sizes = [size for size in sizes if not size.startswith("trainer.")]
        return train(folder, *words[2:], *QUIET, *sizes)
    if words[:2] == ["python", "evaluate.py"]:
        return evaluate(folder, *words[2:], *QUIET)
    assert words[:3] == ["python", "-m", "saibench"]
    return saibench(folder, *words[3:])


def filled(word: str, folder: Path) -> str:
    if "<run>" not in word:
        return word
    key, _, path = word.rpartition("=")
    run = sorted(folder.glob(f"{path.replace('<run>', '*')}/run.json"))[0].parent
    return f"{key}={run}" if key else str(run)


def test_every_tutorial_shows_where_its_real_data_come_from() -> None:
    assert {page.stem for page in TUTORIALS} == {*SIZES}
    for page in TUTORIALS:
        assert page.read_text().count(REAL_DATA) == 1


def test_a_block_holds_commands_over_several_lines() -> None:
    block = Block("bash", "python train.py a=1 \\\n  b=2   # why\n\nmake demo\n")
    assert block.commands == [["python", "train.py", "a=1", "b=2"], ["make", "demo"]]
