"""Parts that several simulations share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def ar1(rng: np.random.Generator, count: int, memory: float) -> NDArray[np.float64]:
    """An AR(1) series of unit variance with coefficient `memory`."""
    found = rng.standard_normal(count)
    for at in range(1, count):
        found[at] = memory * found[at - 1] + math.sqrt(1 - memory**2) * found[at]
    return found


def markdown_table(
    header: Sequence[str], alignment: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, alignment, *rows))


def table_cells(page: str) -> list[list[str]]:
    """The cells of each line of a page's tables, in the order of the page."""
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]


def page_command(
    page: Callable[[int], str], target: Path, simulations: int, doc: str | None, of: str = "series"
) -> None:
    """Run a simulation from the command line, and write or print its page.

    Args:
        page: number of simulations per row → page.
        target: its file.
        simulations: default number.
        doc: of the command.
        of: what is simulated.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--simulations", type=int, default=simulations, help=f"{of} per row")
    parser.add_argument("--print", action="store_true", help="print the page instead of writing it")
    arguments = parser.parse_args()
    text = page(arguments.simulations)
    if arguments.print:
        print(text)
    else:
        target.write_text(text, encoding="utf-8")
