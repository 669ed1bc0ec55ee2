"""The leak audit of rMD17's own five random splits, 1,000 training and 1,000 test frames each.

    python -m benchmarks.rmd17_published_splits [--molecules aspirin ethanol]

Reads the excerpt of rMD17 in SAIBENCH_DATA_DIR, which includes the rows of the splits that
Christensen and von Lilienfeld publish with the data (10.6084/m9.figshare.12672038). Needs no model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from saibench.analysis.leak_audit.audit import Split, find_leaks, share
from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.force_field.rmd17 import RMD17
from saibench.datamodules.force_field.similarity import frame_similarity
from saibench.datamodules.force_field.soap import soap_unit_vectors
from saibench.formatting import percent

TARGET = Path(__file__).parents[1] / "docs" / "results" / "force_field" / "published_splits.md"
HEAD = """\
# rMD17's own random splits

`python -m benchmarks.rmd17_published_splits`: the leak audit of the five splits published with
rMD17, with 1,000 training and 1,000 test frames each; 95 % intervals from resampling 20 stretches
of the test's time. The score is the fraction of test frames within one correlation time of a
training frame, or with a near-duplicate in the training set (1 % is expected by chance). The
correlation time is that of SOAP descriptors, until 1/e. A test on the last tenth of aspirin's
trajectory has a score of 2 %.

| molecule | split | score | within a correlation time | near-duplicates | correlation time [fs] |
|---|---|---:|---:|---:|---:|
"""
UNRESOLVED = """
≤: the time between frames of the excerpt exceeds their correlation time, of which it is an upper
bound.
"""


def rows_of(molecule: str) -> Iterator[str]:
    """Lines of the table."""
    source = RMD17(molecule=molecule)
    file = np.load(source.path())
    if "split_rows" not in file:
        raise SystemExit(f"{source.path()} has no rows of the published splits: the excerpt would.")
    trajectory = source.load(cache_root())
    similarity = frame_similarity(trajectory, soap_unit_vectors(trajectory, cache_root()))
    place = np.searchsorted(trajectory.sample_id, file["old_indices"])  # a row's place in time
    by_name = dict(zip(map(str, file["split_names"]), file["split_rows"], strict=True))
    for train in sorted(name for name in by_name if "train" in name):
        test = train.replace("train", "test")
        split = Split(
            np.sort(place[by_name[test]]),
            np.sort(place[by_name[train]]),
            trajectory.sample_id,
            trajectory.time,
            similarity.vectors,
            similarity.contents,
        )
        leaks = find_leaks(split)
        assert leaks.interleaved is not None and leaks.near is not None
        assert leaks.correlation_time is not None
        shares = [percent(share(f, split)) for f in (leaks.any, leaks.interleaved, leaks.near)]
        bound = "" if leaks.correlation_time.is_resolved else "≤ "
        cells = [molecule, train[-2:], *shares, f"{bound}{1000 * leaks.correlation_time.value:.0f}"]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", nargs="+", default=["aspirin", "ethanol"])
    lines = []
    for line in chain.from_iterable(map(rows_of, parser.parse_args().molecules)):
        print(line, flush=True)
        lines.append(line)
    end = UNRESOLVED if any("≤" in line for line in lines) else ""
    TARGET.write_text(HEAD + "\n".join(lines) + "\n" + end, encoding="utf-8")


if __name__ == "__main__":
    main()
