"""Reader of one extended XYZ file, which names every fault by file, frame and line.

It reads what `ase.io.extxyz` reads, several times as fast: the lines of the atoms are converted at
once, and ASE's parser, character by character, gets only unusual comment lines.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from ase.io.extxyz import key_val_str_to_dict

from saibench.datamodules.force_field.frames import Frame, is_number, is_tensor
from saibench.errors import UserError, first_line

PLAIN = "species:S:1:pos:R:3"
"""Columns of a file without `Properties`."""
PAIR = re.compile(r'([^\s="]+)=(?:"([^"]*)"|([^\s"]+))(?:\s+|$)')
"""`key=value` or `key="value"` of a usual comment line."""
UNUSUAL = re.compile(r"[\\'{}\[\],]")
"""Quotes, brackets and lists that only ASE's parser understands."""
BOOLS = {"T": True, "F": False}
MAX_TENSOR_SPACES = 40
"""Spaces in the text of nine numbers, at most."""


def isolated_atoms(path: Path) -> list[bool]:
    """Whether each frame is an isolated atom, without reading frames of several atoms.

    Raises:
        UserError: the file is not in this layout, with the frame and the line.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        return [
            len(block) == 2 and _read(path, row, block).is_isolated_atom
            for row, block in _blocks(path, lines)
        ]


def extxyz_frames(path: Path) -> Iterator[Frame]:
    """The frames of a file.

    Raises:
        UserError: a frame cannot be read, with its number.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        for row, block in _blocks(path, lines):
            yield _read(path, row, block)


def _read(path: Path, row: int, block: Sequence[str]) -> Frame:
    """One frame, from its comment line and the lines of its atoms."""
    try:
        return _frame(block[0], block[1:])
    except Exception as error:  # ASE's parser of comments raises almost anything
        raise UserError(
            f"{path}, frame {row} cannot be read as extended XYZ ({first_line(error)})."
        ) from error


def _blocks(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Each frame's number, and its lines: a comment, then one per atom."""
    row = line = 0
    for head in lines:
        line += 1
        if not head.strip():
            continue
        size = int(head) if head.strip().isdecimal() else 0
        if size < 1:
            raise UserError(
                f"{path}, frame {row}: line {line} is '{head.strip()[:40]}' instead of the number "
                "of atoms. Use an extended XYZ file."
            )
        block = list(islice(lines, size + 1))
        if len(block) <= size:
            raise UserError(
                f"{path}, frame {row} has {max(0, len(block) - 1)} of its {size} atoms: the file "
                "is truncated. Copy it again."
            )
        if not block[-1].endswith("\n"):
            _refuse_cut_number(path, row, block[1:])
        yield row, block
        line, row = line + size + 1, row + 1
    if not row:
        raise UserError(f"{path} has no frame. Use a file with frames.")


def _refuse_cut_number(path: Path, row: int, lines: Sequence[str]) -> None:
    """Refuse a file without an end of line whose last number lacks decimals.

    Numbers of one format differ little in their decimals, at most by zeros that were left out. So
    the last one is taken for cut if it has fewer than all others in its column by more than these
    differ among themselves.

    Raises:
        UserError: names the number.
    """
    *others, last = [line.split()[-1] if line.strip() else "" for line in lines]
    decimals = [len(number.partition(".")[2]) for number in others]
    if decimals and min(decimals) - len(last.partition(".")[2]) > max(decimals) - min(decimals):
        raise UserError(
            f"{path}, frame {row}: the file ends within the number '{last}', without an end of "
            "line. Copy it again; or, if the number is complete, add an end of line."
        )


def _frame(comment: str, lines: Sequence[str]) -> Frame:
    info = _info(comment)
    pbc = info.pop("pbc", "Lattice" in info)  # as ASE: a cell is periodic unless stated
    columns = _columns(info.pop("Properties", PLAIN), [line.split() for line in lines])
    positions = columns.pop("pos")
    numbers = columns.pop("Z")[:, 0] if "Z" in columns else columns.pop("species")
    return Frame(
        np.array(numbers, dtype=np.int64),
        positions,
        tuple(bool(one) for one in (pbc if np.ndim(pbc) else [pbc] * 3)),
        {name: float(value) for name, value in info.items() if is_number(value)},
        {name: values for name, values in columns.items() if np.shape(values) == (len(lines), 3)},
        info.pop("Lattice", np.zeros((3, 3))),
        {name: np.asarray(values) for name, values in info.items() if is_tensor(values)},
    )


def _info(comment: str) -> dict[str, Any]:
    """Key → value of a comment line: numbers, `Properties` and `pbc` as ASE reads them."""
    if not comment.strip():
        return {}
    pairs = PAIR.findall(comment.strip())
    texts = {key: quoted or plain for key, quoted, plain in pairs}
    pbc = texts.get("pbc", "").split()
    usual = not UNUSUAL.search(comment) and not PAIR.sub("", comment.strip())
    if not usual or not BOOLS.keys() >= set(pbc) or len(pbc) not in (0, 1, 3):
        found = dict(key_val_str_to_dict(comment))
        if "Lattice" in found:
            found["Lattice"] = np.transpose(found["Lattice"])  # ASE's parser has columns
        return found
    found = {"pbc": [BOOLS[one] for one in pbc * (3 // len(pbc))]} if pbc else {}
    for key, text in texts.items():
        if key == "Properties":
            found[key] = text
        elif key == "Lattice":
            found[key] = np.array(text.split(), dtype=np.float64).reshape(3, 3)
        elif key.lower() != "uid":  # text to ASE
            with contextlib.suppress(ValueError):
                found[key] = _numbers(text)
    return found


def _numbers(text: str) -> float | np.ndarray:
    """A number, or the six or nine numbers of a tensor. Raises ValueError: neither."""
    if (parts := text.count(" ")) < 5:
        return float(text)
    if parts > MAX_TENSOR_SPACES:
        raise ValueError("a longer text")
    return np.array(text.split(), dtype=np.float64)


def _columns(properties: str, rows: list[list[str]]) -> dict[str, Any]:
    """Name of a property → its values `(A, columns)`; `species` as atomic numbers.

    Raises:
        ValueError: a line has too few columns, text instead of a number, or an unknown element.
    """
    triples = list(zip(*[iter(properties.split(":"))] * 3, strict=True))
    count = sum(int(size) for _, _, size in triples)
    short = [atom for atom, row in enumerate(rows) if len(row) < count]
    if short:
        raise ValueError(
            f"atom {short[0]} has {len(rows[short[0]])} columns, but Properties has {count}"
        )
    found: dict[str, Any] = {}
    start = 0
    for name, kind, size in triples:
        own = slice(start, start + int(size))
        start = own.stop
        if name == "species":
            found[name] = [_atomic_number(row[own.start]) for row in rows]
        elif kind in "RI":
            values = map(float, chain.from_iterable(row[own] for row in rows))
            found[name] = np.fromiter(values, np.float64).reshape(len(rows), -1)
    return found


def _atomic_number(symbol: str) -> int:
    number = atomic_numbers.get(symbol.capitalize())
    if number is None:
        raise ValueError(f"'{symbol}' is not an element")
    return number
