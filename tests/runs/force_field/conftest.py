from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import TINY, no_page, only_point, train

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.runs.force_field import TrainedForceField


@pytest.fixture(scope="session")
def point(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run of simulated ethanol, from the first third of its trajectory."""
    folder = tmp_path_factory.mktemp("guarded")
    with no_page():
        assert train(folder, *TINY, "window.size=0.3").status == 0
    return only_point(folder)


@pytest.fixture(scope="session")
def force_field(point: Path) -> TrainedForceField:
    return TrainedForceField.load(point)


@pytest.fixture(scope="session")
def trusted(force_field: TrainedForceField) -> TrustedRange:
    """A range fitted to an error that decreases with similarity, over the whole trajectory."""
    features = force_field.data.features(np.arange(force_field.data.index.height))
    similarity = features["soap_similarity"].to_numpy()
    random = np.random.default_rng(0)
    error = 1000 * (1.0005 - similarity) * random.uniform(0.5, 1.5, len(similarity))
    return TrustedRange.fit(
        similarity,
        error,
        np.arange(len(error)) // 6,
        names=["soap_similarity"],
        statistic=Quantity("force_mae", "meV/Å", "component"),
        source=Source(
            workload="force_field",
            data=force_field.data.trajectory.data_hash,
            points=(force_field.model.run,),
            system="C2H6O",
        ),
    )
