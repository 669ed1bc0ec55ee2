"""A table of predictions from scikit-learn, on summary features of TopLandscape's jets.

    python -m benchmarks.imported_jets jets.parquet
    python -m saibench import jets.parquet -o outputs/jets
    python -m saibench report outputs/jets

Logistic regression and random forests (three seeds) are trained on the jets of train.h5 and predict
those of val.h5 and test.h5: one row per jet and run, with the features and the distance to the
nearest training jets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.top_landscape import TopLandscape

NEIGHBOURS = 5
TRAIN = "train"


def summary_features(jets: Jets) -> polars.DataFrame:
    """Kinematics, and the momentum-weighted width and the leading share of a jet."""
    momenta = np.asarray(jets.momenta, dtype=np.float64)
    pt = np.hypot(momenta[:, 1], momenta[:, 2])
    eta = np.arcsinh(momenta[:, 3] / pt)
    phi = np.arctan2(momenta[:, 2], momenta[:, 1])
    jet = np.repeat(np.arange(len(jets)), np.diff(jets.end, prepend=0))
    starts = np.concatenate([[0], jets.end[:-1]])
    total = np.add.reduceat(pt, starts)
    axis = np.add.reduceat(pt * eta, starts) / total
    leading = np.maximum.reduceat(pt, starts)
    turn = phi - phi[starts][jet]
    from_axis = np.hypot(eta - axis[jet], np.arctan2(np.sin(turn), np.cos(turn)))
    return polars.DataFrame(
        {
            "jet_energy [GeV]": jets.jet_energy,
            "jet_pt [GeV]": jets.jet_pt,
            "jet_eta": jets.jet_eta,
            "jet_mass [GeV]": jets.jet_mass,
            "num_constituents": jets.num_constituents,
            "width": np.add.reduceat(pt * from_axis, starts) / total,
            "leading_share": leading / total,
        }
    )


def predictions(jets: Jets) -> polars.DataFrame:
    """One row per jet and run."""
    index = jets.index()
    features = summary_features(jets)
    x, label = features.to_numpy(), index["label"].to_numpy()
    train = (index["split"] == TRAIN).to_numpy()
    models = {
        ("logistic regression", 0): make_pipeline(StandardScaler(), LogisticRegression()),
        **{
            ("random forest", seed): RandomForestClassifier(
                n_estimators=200, min_samples_leaf=5, random_state=seed
            )
            for seed in range(3)
        },
    }
    shared = features.with_columns(
        index["sample_id"],
        index["label"],
        split=polars.Series(np.where(train, TRAIN, "test")),
        distance_to_training=_distance(x, train),
    )
    return polars.concat(
        [
            shared.with_columns(
                score_top=model.fit(x[train], label[train]).predict_proba(x)[:, 1],
                model=polars.lit(name),
                seed=seed,
            )
            for (name, seed), model in models.items()
        ]
    )


def _distance(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest training jets other than itself, of standardized features."""
    scaled = StandardScaler().fit(x[train]).transform(x)
    nearest = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(scaled[train])
    distance, _ = nearest.kneighbors(scaled)
    return np.where(train, distance[:, 1:].mean(axis=1), distance[:, :-1].mean(axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="table to write, Parquet")
    parser.add_argument("--root", help="folder of TopLandscape (default: SAIBENCH_DATA_DIR)")
    args = parser.parse_args()
    table = predictions(TopLandscape(args.root).load(cache_root()))
    table.write_parquet(args.file)
    print(f"{table.height:,} rows in {args.file}")


if __name__ == "__main__":
    main()
