"""Make the committed results again: `make results`, or `python docs/results/run.py <study> …`.

Runs are trained below `outputs/results/`, one after another (with joblib: `--jobs 2`), skipped when
they are complete and resumed when they were stopped, so that hours can be cut into pieces.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
RUNS = Path("outputs") / "results"

ASPIRIN = ["data=rmd17", "data.molecule=aspirin", "logger=none"]
NET = [
    *("model=nequip_medium", "model.optimizer.lr=0.04", "model.optimizer.amsgrad=false"),
    *("model.loss_of=absolute", "model.loss.energy=0.1", "model.loss.forces=10"),
    *("datamodule.batch_size=2", "trainer.val_every=1000"),
]
"""NequIP that a core can train on aspirin in minutes, and that learns from more data.

Small batches, a high learning rate and absolute errors bring it furthest in that time: on 1,000
frames 3,000 such steps reached 43 meV/Å, of squared errors 46, at a learning rate of 0.02 48, at
the published 0.01 with AMSGrad 55. From 200 to 1,000 frames the error falls by 15 % in 8,000
steps (38.0 to 32.2 meV/Å) and by 20 % in 12,000 (35.7 to 28.7)."""
SHORT, LONG = "trainer.max_steps=3000", "trainer.max_steps=16000"
NARROW = ",".join(f"{{start: {start}, size: 0.3}}" for start in (0, 0.15, 0.3, 0.45, 0.6))

MRMS = ["workload=nowcasting", "data=mrms", "test=[all_events]", "logger=none"]
RAIN = ["logger=none"]
TWO_STAGES = ["model.evolution_steps=4000", "trainer.max_steps=5200"]
"""After 600 steps the evolution network has not yet learned to move rain, and what the generator
makes of it errs more than persistence does."""
EXCERPT = ["data=top_landscape", "logger=none"]
SIMULATED = ["data.top_jets=25000", "data.qcd_jets=25000", "trainer.max_steps=600", "logger=none"]
ROTATED = (
    "partitions.rotated.samplers=[${partitions.held_out.samplers.0},"
    "{_target_: saibench.datamodules.samplers.Subset, count: 2000, seed: 0}]"
)
"""2,000 of the 10,000 simulated test jets are rotated: each angle takes four predictions a jet."""


BETWEEN = (
    "+partitions.interleaved={samplers: ["
    "{_target_: saibench.datamodules.samplers.Window, by: time, start: 0, size: 0.9}, "
    "{_target_: saibench.datamodules.samplers.Subset, count: 8619, seed: 0}, "
    "{_target_: saibench.datamodules.samplers.Without, samplers: "
    "[{_target_: saibench.datamodules.samplers.Subset, count: 1000, seed: 0}]}, "
    "{_target_: saibench.datamodules.samplers.Subset, count: 964, seed: 5}]}"
)
"""Frames between the 1,000 that a net was trained on, the first of the draw, without the 50 that it
was validated on, the last of the 8,669."""


def between_frames() -> list[list[str]]:
    """The net of sample efficiency that was trained on 1,000 frames, between and after them."""
    (trained,) = (RUNS / "force_field" / "sample_efficiency").glob("*count1000*")
    place = RUNS / "force_field" / "between_frames" / trained.name
    shutil.copytree(trained, place, dirs_exist_ok=True)
    return [
        [
            "+sweeps=force_field/sample_efficiency",
            "subset.count=1000",
            "lr_schedule=linear",
            "trainer.max_time=null",
            *ASPIRIN,
            *NET,
            LONG,
            "test=[last_tenth,interleaved]",
            BETWEEN,
        ],
    ]


def radar() -> list[list[str]]:
    """Baselines on radar, and the net that the study of simulated rain has trained."""
    (weights,) = (RUNS / "nowcasting" / "lead_time").glob("*nowcastnet_narrow*/best.ckpt")
    return [
        [*MRMS, "model=persistence,extrapolation,steps"],
        [*MRMS, "model=nowcastnet_narrow", "trainer=none", f"model.checkpoint='{weights}'"],
    ]


def of_inputs(data: list[str], *rotated: str) -> list[list[str]]:
    """Sample efficiency, physical prior and rotation, whose points are each other's."""
    return [
        ["+sweeps=jet_tagging/sample_efficiency_mini", *data],
        ["+sweeps=jet_tagging/rotation_mini", *data, *rotated],
    ]


def common_task(study: str, *settings: str, models: str = "") -> list[list[str]]:
    """Trained models of the twelve scores, and baselines on all nine pairs at once."""
    command = [f"+sweeps=field_dynamics/{study}", "logger=none", *settings]
    untrained = "model=field_persistence,field_mean,field_zeros"
    return [[*command, *([models] if models else [])], [*command, untrained, "task=${all_pairs}"]]


def of_energy(data: list[str]) -> list[list[str]]:
    return [
        ["+sweeps=jet_tagging/energy_extrapolation_mini", *data],
        ["+sweeps=jet_tagging/error_tracing_mini", *data],
    ]


STUDIES: dict[str, Callable[[], list[list[str]]]] = {
    "force_field/time_extrapolation": lambda: [
        ["+sweeps=force_field/time_extrapolation", "subset.count=1000", *ASPIRIN, *NET, SHORT],
        [
            "+sweeps=force_field/time_extrapolation",
            f"window={NARROW}",
            "seed=1,2",
            "subset.count=1000",
            *ASPIRIN,
            *NET,
            SHORT,
        ],
    ],
    "force_field/sample_efficiency": lambda: [
        [
            "+sweeps=force_field/sample_efficiency",
            "subset.count=200,1000,8000,4000,2000,400,600,800",
            "lr_schedule=linear",
            "trainer.max_time=null",
            *ASPIRIN,
            *NET,
            LONG,
        ],
    ],
    "force_field/between_frames": between_frames,
    "force_field/random_split": lambda: [
        [
            "+sweeps=force_field/random_split",
            "lr_schedule=linear",
            "trainer.max_time=null",
            *ASPIRIN,
            *NET,
            SHORT,
        ],
    ],
    "force_field/random_split_mini": lambda: [["+sweeps=force_field/random_split_mini", *ASPIRIN]],
    "jet_tagging/excerpt_inputs": lambda: of_inputs(EXCERPT),
    "jet_tagging/excerpt_energy": lambda: of_energy(EXCERPT),
    "jet_tagging/simulated_inputs": lambda: of_inputs(SIMULATED, ROTATED),
    "jet_tagging/simulated_energy": lambda: of_energy(SIMULATED),
    "jet_tagging/data_sources": lambda: [["+sweeps=jet_tagging/data_sources", "logger=none"]],
    "nowcasting/lead_time": lambda: [
        ["+sweeps=nowcasting/lead_time_mini", "model=persistence,extrapolation,steps", *RAIN],
        ["+sweeps=nowcasting/lead_time_mini", "model=nowcastnet_narrow", *RAIN, *TWO_STAGES],
    ],
    "nowcasting/radar": radar,
    "field_dynamics/models_mini": lambda: [
        ["+sweeps=field_dynamics/models_mini", "seed=0,1,2", "logger=none"],
    ],
    "field_dynamics/parameter_extrapolation_mini": lambda: [
        ["+sweeps=field_dynamics/parameter_extrapolation_mini", "seed=0,1,2", "logger=none"],
    ],
    "field_dynamics/lorenz_mini": lambda: [
        ["+sweeps=field_dynamics/lorenz_mini", "seed=0,1,2", "logger=none"],
    ],
    "field_dynamics/viscosity_extrapolation_mini": lambda: [
        ["+sweeps=field_dynamics/viscosity_extrapolation_mini", "seed=0,1,2", "logger=none"],
    ],
    "field_dynamics/common_task_ks": lambda: common_task(
        "common_task_ks",
        *("trainer.max_steps=300", "trainer.val_every=100", "datamodule.batch_size=16"),
        models="model=field_linear,echo_state,fno_task_small",
    ),
    "field_dynamics/common_task_ks_mini": lambda: common_task("common_task_ks_mini"),
    "field_dynamics/common_task_lorenz_mini": lambda: common_task("common_task_lorenz_mini"),
}
"""Study under `docs/results/` → the commands whose points it joins."""

AUDITED = ("force_field/", "jet_tagging/", "nowcasting/lead_time")
"""Studies, by the beginning of their names, whose splits are audited for leaks: nothing that radar
was tested with had been trained on radar."""

READ = ("nowcasting/lead_time",)
"""Studies whose evidence is kept, for a page shows a command that reads it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=[], choices=[*STUDIES, []], help="all")
    parser.add_argument("--jobs", type=int, default=1, help="points at a time")
    options = parser.parse_args()
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={options.jobs}"]
    for study in options.studies or STUDIES:
        folder = RUNS / study
        place = [f"study={folder.name}", f"hydra.sweep.dir={folder}"]
        for overrides in STUDIES[study]():
            chosen = launcher if options.jobs > 1 else []
            _run("train.py", "-m", *overrides, *place, *chosen)
        if study.startswith(AUDITED):
            _run("-m", "saibench", "audit", str(folder))
        export(folder, RESULTS / study, ["--evidence"] if study in READ else [])
    return 0


def export(folder: Path, target: Path, options: list[str]) -> None:
    """The study's page, figures and tables, in place of earlier ones."""
    for name in ("figures", "tables", "evidence"):
        shutil.rmtree(target / name, ignore_errors=True)
    _run("-m", "saibench", "export", str(folder), str(target), *options)


def _run(*arguments: str) -> None:
    """A command of saibench, as a user would give it; its failure ends this one."""
    finished = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


if __name__ == "__main__":
    sys.exit(main())
