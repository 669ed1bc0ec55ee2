"""Damaged files of every kind, each read in a process of its own.

In turn, a bit is flipped, the file is truncated, 64 bytes are zeroed, or 64 bytes are overwritten;
half of the positions are in the first 2 KB, which have headers.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.fault_parts.cases import Case, Outcome
from benchmarks.fault_parts.kinds import KINDS
from benchmarks.fault_parts.run_files import files_of_a_run

HEAD, BLOCK = 2048, 64
MEMORY = 24 * 2**30
"""Bytes of address space of a reading process."""


def damaged_files(
    folder: Path, names: Sequence[str], count: int, seed: int, seconds: float
) -> Iterator[Case]:
    """Cases of each kind.

    Args:
        folder: an empty one.
        names: of the kinds.
        count: damaged copies of each file.
        seed: of the random positions.
        seconds: after which a reader hangs.
    """
    of_a_run = {}
    if any(KINDS[name].make is None for name in names):
        of_a_run = files_of_a_run(folder)
    reader = Reader(seconds)
    for name in names:
        make = KINDS[name].make
        if make is None:
            path = of_a_run[name]
        else:
            (folder / name).mkdir()
            path = make(folder / name)
        yield from _damaged_copies(reader, name, path, count, seed)
    reader.close()


def _damaged_copies(reader: Reader, name: str, path: Path, count: int, seed: int) -> Iterator[Case]:
    draw = random.Random(f"{name} {seed}")
    whole = path.read_bytes()
    outcome, expected = reader.read(name, path)
    if outcome != Outcome.EQUAL:
        raise RuntimeError(f"{name} cannot be read undamaged: {expected}")
    for number in range(count):
        replace(path, damaged(whole, number, draw))
        outcome, content = reader.read(name, path)
        example = f"damage {number}"
        if outcome == Outcome.TRACEBACK:
            example = f"{example}: {content}"
        elif outcome == Outcome.EQUAL and content != expected:
            outcome = Outcome.SILENT if KINDS[name].has_checksum else Outcome.UNCHECKED
        yield Case(name, outcome, example)
    replace(path, whole)


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
    """A process that reads a file on request, and is restarted when it ends."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._start()

    def read(self, name: str, path: Path) -> tuple[Outcome, Any]:
        """`EQUAL` with the pickled content, or the outcome with its message."""
        self._pipe.send((name, path))
        outcome = Outcome.HANG
        if self._pipe.poll(self._seconds):
            try:
                return self._pipe.recv()
            except EOFError:
                outcome = Outcome.DIED
        self.close()
        self._start()
        return outcome, ""

    def close(self) -> None:
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=serve, args=(child,), daemon=True)
        self._process.start()
        child.close()


def serve(pipe: Connection) -> None:
    import resource

    from saibench.errors import UserError
    from saibench.printable import printable

    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # progress bars
        os.dup2(null, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            name, path = pipe.recv()
        except EOFError:
            return
        try:
            answer = (Outcome.EQUAL, pickle.dumps(KINDS[name].read(path)))
        except UserError as error:
            is_line = "\n" not in str(error)
            message = printable(str(error)).encode()  # as the command prints it
            answer = (Outcome.REFUSED if is_line else Outcome.TRACEBACK, message)
        except BaseException as error:  # a panic of polars is not an Exception
            text = "".join(traceback.format_exception(error)[-3:])
            answer = (Outcome.TRACEBACK, f"{type(error).__name__}: {error}: {text}".encode())
        pipe.send(answer)
