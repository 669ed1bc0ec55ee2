"""A run on one device ignores the variables of batch systems."""

from __future__ import annotations

from pathlib import Path

import polars
from command_line import TINY, only_point, run

from saibench.evidence.run_record import read_record

BATCH_JOB = {
    **{"SLURM_JOB_ID": "11", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "1"},
    **{"SLURM_LOCALID": "1", "SLURM_NODEID": "1", "SLURM_NODELIST": "node[1-2]"},
    **{"LSB_JOBID": "3", "JSM_NAMESPACE_RANK": "1", "JSM_NAMESPACE_SIZE": "2"},
    **{"RANK": "1", "LOCAL_RANK": "1", "GROUP_RANK": "1", "NODE_RANK": "1", "WORLD_SIZE": "2"},
    **{"MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "x"},
    **{"OMPI_COMM_WORLD_RANK": "1", "PMI_RANK": "1", "KUBERNETES_PORT": "tcp://10.0.0.1:443"},
}


def test_variables_of_batch_systems_change_nothing(tmp_path: Path) -> None:
    """With rank 1 from these variables it would write no log. The last round is a short one."""
    tiny = [word for word in TINY if word not in ("logger=none", "trainer.max_steps=4")]
    settings = (*tiny, "logger=csv", "trainer.max_steps=3")  # validated every 2
    ended = run("train.py", tmp_path, *settings, **BATCH_JOB)
    assert ended.status == 0, ended
    point = only_point(tmp_path)
    assert read_record(point)["steps"] == 3
    (logged,) = point.glob("logs/train/*/metrics.csv")
    losses = polars.read_csv(logged).filter(polars.col("val/loss").is_not_null())
    assert losses.height == 2
