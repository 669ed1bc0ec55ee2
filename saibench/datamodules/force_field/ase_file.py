"""Reader of one file in any format of ASE with the positions of atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import ase.db
import ase.io
from ase import Atoms
from ase.io.formats import UnknownFileTypeError, filetype, get_compression, ioformats

from saibench.datamodules.force_field.extxyz_file import extxyz_frames, isolated_atoms
from saibench.datamodules.force_field.frames import Frame
from saibench.datamodules.force_field.labels import has_forces
from saibench.errors import UserError, first_line

EXTXYZ = "extxyz"
PLAIN_ENDINGS = ("", ".dat", ".txt")
"""Endings of any text, which is extended XYZ if its first line is a number."""
DATABASES = ("db", "json")
REFUSED = {
    "py": "is a program",
    "mysql": "is a server",
    "postgresql": "is a server",
    "gpw": "needs GPAW",
}
"""Formats of ASE that are no data file, with the reason."""


@dataclass(frozen=True)
class ScannedFile:
    """What is known of a file's frames before they are loaded, each found once.

    Args:
        path: of the file.
        forces_key: name of the forces; None for any usual one.

    Raises UserError when read: as `frames_of_file`.
    """

    path: Path
    forces_key: str | None

    @cached_property
    def is_isolated(self) -> list[bool]:
        """Whether each frame is an isolated atom."""
        if is_plain_extxyz(self.path):
            return isolated_atoms(self.path)
        return [frame.is_isolated_atom for frame in frames_of_file(self.path)]

    @property
    def count(self) -> int:
        """Number of frames without isolated atoms."""
        return len(self.is_isolated) - sum(self.is_isolated)

    @cached_property
    def first(self) -> Frame | None:
        """The first frame that is no isolated atom."""
        return next(self._systems(), None)

    @cached_property
    def first_with_forces(self) -> Frame | None:
        """The first such frame with forces."""
        if self.first is None or has_forces(self.first, self.forces_key):
            return self.first
        found = (frame for frame in self._systems() if has_forces(frame, self.forces_key))
        return next(found, None)

    def _systems(self) -> Iterator[Frame]:
        return (frame for frame in frames_of_file(self.path) if not frame.is_isolated_atom)


def file_format(path: Path) -> str:
    """ASE's name of the file's format; `extxyz` for all XYZ files.

    Raises:
        UserError: the file is empty, or ASE does not know or should not read its format.
    """
    if not path.stat().st_size:
        raise UserError(f"{path} is empty. Use a file with frames.")
    if path.suffix.lower() in PLAIN_ENDINGS and _begins_with_number(path):
        return EXTXYZ
    try:
        found = str(filetype(str(path)))
    except UnknownFileTypeError:
        found = ""
    if found not in ioformats:  # ASE takes any ending for a format
        raise UserError(
            f"{path} has no format that ASE knows. Use a format of ase.io, such as extended XYZ "
            "(.xyz), .traj or .db."
        )
    if found in REFUSED:
        raise UserError(
            f"{path}: a file of the format '{found}' {REFUSED[found]}. Convert the frames to "
            "extended XYZ."
        )
    return EXTXYZ if found == "xyz" else found


def is_plain_extxyz(path: Path) -> bool:
    """Whether it is extended XYZ, not compressed, whose frames are counted without reading them."""
    return file_format(path) == EXTXYZ and get_compression(str(path))[1] is None


def frames_of_file(path: Path) -> Iterator[Frame]:
    """The frames of a file.

    Raises:
        UserError: a frame cannot be read, with its number, or there is none.
    """
    if is_plain_extxyz(path):
        yield from extxyz_frames(path)
        return
    kind, row = file_format(path), 0
    images = _database_rows(path) if kind in DATABASES else _images(path, kind)
    while True:
        try:
            atoms = next(images)
        except StopIteration:
            break
        except Exception as error:  # ASE's readers raise almost anything
            raise UserError(
                f"{path}, frame {row} cannot be read as '{kind}' ({first_line(error)})."
            ) from error
        yield Frame.of(atoms)
        row += 1
    if not row:
        raise UserError(f"{path} has no frame. Use a file with frames.")


def _images(path: Path, kind: str) -> Iterator[Atoms]:
    yield from ase.io.iread(str(path), ":", format=kind, do_not_split_by_at_sign=True)


def _database_rows(path: Path) -> Iterator[Atoms]:
    """The rows with their key-value pairs and data, which `ase.io` ignores."""
    with ase.db.connect(path, serial=True) as database:
        for row in database.select():
            yield row.toatoms(add_additional_information=True)


def _begins_with_number(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return next((line.strip() for line in lines if line.strip()), "").isdecimal()
