"""A run that a second study tests on more partitions."""

from __future__ import annotations

from pathlib import Path

import polars
import pytest
from command_line import QUIET, only_point, train
from jet_files import random_jets, write_pytables

NET = (
    *("model=particle_transformer_small", "model.net.num_layers=1", "model.net.num_heads=2"),
    *("model.net.embed_dims=[8,8]", "datamodule.batch_size=8", "trainer.max_steps=1"),
)
ROTATED = ("test=[held_out,rotated]", "partitions.rotated.transform.count=3")


@pytest.mark.usefixtures("without_page")
def test_partition_of_a_transform_adds_its_own_statistics(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "jets").mkdir()
    for seed, name in enumerate(("train", "val", "test")):
        write_pytables(tmp_path / "jets" / f"{name}.h5", *random_jets(70, seed))
    given = ["workload=jet_tagging", "data=top_landscape", f"data.root={tmp_path / 'jets'}", *NET]
    assert train(tmp_path, *given, *QUIET).status == 0
    point = only_point(tmp_path)
    before = polars.read_parquet(point / "samples.parquet")
    assert "score_range" not in before.columns

    added = train(tmp_path, *given, *ROTATED, *QUIET)

    assert added.status == 0, added.err
    after = polars.read_parquet(point / "samples.parquet")
    assert after.filter(partition="held_out").select(before.columns).equals(before)
    assert after.filter(partition="held_out")["score_range"].is_null().all()
    assert after.filter(partition="rotated")["score_range"].is_not_null().all()
    assert train(tmp_path, *given, *QUIET).status == 0, "with fewer partitions again"
