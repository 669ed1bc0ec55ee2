"""Readers of files that are measured in turn, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path


def in_turn(
    command: Sequence[str], readers: Iterable[str], folder: Path, repeats: int
) -> dict[str, list[dict[str, float]]]:
    """Measurements of each reader, with a new cache in each repeat.

    Args:
        command: prints its measurements as JSON in its last line; `--reader` and `--folder` are
            added.
        readers: their names, in the order of measuring.
        folder: of the files and caches.
        repeats: measurements of each.
    """
    runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in readers}
    for repeat in range(repeats):
        cache = str(folder / f"cache{repeat}")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SAIBENCH_CACHE_DIR": cache}
        for reader, own in runs.items():
            done = subprocess.run(
                [*command, "--reader", reader, "--folder", str(folder)],
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            own.append(json.loads(done.stdout.splitlines()[-1]))
    return runs
