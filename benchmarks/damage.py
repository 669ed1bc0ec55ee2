"""Robustness of saibench against damaged files: each kind of file, damaged at random positions.

    python -m benchmarks.damage
    python -m benchmarks.damage --count 1000 --kinds h5 png

In turn, a bit is flipped, the file is truncated, 64 bytes are zeroed, or 64 bytes are overwritten;
half of the positions are in the first 2 KB, which have headers. Each file is read in a process of
its own, since a damaged HDF5 file can end it. Only `h5` needs SAIBENCH_DATA_DIR.

    equal      the content is read correctly (unused bytes, a bit of a checksum's own field)
    refused    a message of one line (`UserError`)
    silent     other values without an error: only for files without a checksum
    traceback  any other exception
    died       the process ended, or took more than 30 seconds
"""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.damaged_files import KINDS, made_files, read
from benchmarks.measurement import argument_parser

ENDINGS = ("equal", "refused", "silent", "traceback", "died")
HEAD, BLOCK = 2048, 64
SECONDS = 30
MEMORY = 24 * 2**30
"""Bytes of address space of a reading process."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="saibench-") as name:
        files = made_files(Path(name), options.kinds)
        print(row("file", ENDINGS))
        raised = 0
        for kind, path in files.items():
            found, examples = campaign(kind, path, options.count, options.seed)
            raised += found["traceback"] + found["died"]
            print(row(kind, [str(found[ending]) for ending in ENDINGS]), flush=True)
            for example in examples:
                print(f"    {example}", flush=True)
    return int(raised > 0)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.damage", __doc__)
    parser.add_argument("--count", type=int, default=200, help="damaged copies of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the random positions")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    return parser.parse_args(arguments)


def campaign(kind: str, path: Path, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The count of each outcome, and up to five different tracebacks."""
    draw = random.Random(f"{kind} {seed}")
    whole = path.read_bytes()
    found: Counter[str] = Counter()
    examples: dict[str, None] = {}
    reader = Reader(kind, path)
    expected = reader.read()
    if expected[0] != "value":
        raise RuntimeError(f"{kind} cannot be read undamaged: {expected[1]}")
    for number in range(count):
        replace(path, damaged(whole, number, draw))
        ending, content = reader.read()
        if ending == "value":
            ending = "equal" if content == expected[1] else "silent"
        elif ending == "traceback":
            examples.setdefault(content[:100])
        found[ending] += 1
    replace(path, whole)
    reader.close()
    return found, list(examples)[:5]


def damaged(whole: bytes, number: int, draw: random.Random) -> bytes:
    """A copy of a file with the `number`-th damage."""
    content = bytearray(whole)
    place = draw.randrange(min(HEAD, len(whole)) if number // 4 % 2 else len(whole))
    match number % 4:
        case 0:
            content[place] ^= 1 << draw.randrange(8)
        case 1:
            del content[place:]
        case 2:
            block = content[place : place + BLOCK]
            content[place : place + BLOCK] = bytes(len(block))
        case 3:
            block = content[place : place + BLOCK]
            content[place : place + BLOCK] = draw.randbytes(len(block))
    return bytes(content)


def replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    aside.write_bytes(content)
    aside.replace(path)


class Reader:
    """A process that reads one file on request, and is restarted when it ends."""

    def __init__(self, kind: str, path: Path) -> None:
        self._arguments = (kind, path)
        self._start()

    def read(self) -> tuple[str, Any]:
        """`value` with the pickled content, or the outcome with its message."""
        self._pipe.send(True)
        if self._pipe.poll(SECONDS * (4 if self._is_fresh else 1)):
            self._is_fresh = False
            try:
                return self._pipe.recv()
            except EOFError:
                pass  # it died
        self.close()
        self._start()
        return "died", ""

    def close(self) -> None:
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=serve, args=(child, *self._arguments), daemon=True)
        self._process.start()
        child.close()
        self._is_fresh = True  # imports take longer


def serve(pipe: Connection, kind: str, path: Path) -> None:
    import resource

    from saibench.errors import UserError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        pipe.recv()
        try:
            answer = ("value", pickle.dumps(read(kind, path)))
        except UserError as error:
            answer = ("traceback", "several lines") if "\n" in str(error) else ("refused", "")
        except BaseException as error:  # a panic of polars is not an Exception
            answer = ("traceback", f"{type(error).__name__}: {error}".replace("\n", " "))
        pipe.send(answer)


def row(title: str, cells: Sequence[str]) -> str:
    return f"{title:<24}" + "".join(f"{cell:>11}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
