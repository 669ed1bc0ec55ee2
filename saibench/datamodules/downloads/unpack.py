"""Extraction of named files from an untrusted tar archive."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from saibench.datamodules.downloads.disk import check_room
from saibench.datamodules.downloads.part import sole_writer
from saibench.errors import UserError

DAMAGE = (tarfile.ReadError, EOFError, zlib.error, LZMAError)


@contextmanager
def unpacked(archive: Path, names: Collection[str]) -> Iterator[dict[str, Path]]:
    """Member name → file, for those of `names` that the archive contains.

    The files are extracted to `<archive>.unpacked`, in the folder of the archive, which is removed
    at the end of the block. The whole archive is checked before the block begins.

    Raises UserError: a link, a device, an absolute name, a name with "..", a repeated name; a
    damaged archive; a full disk.
    """
    folder = archive.with_name(f"{archive.name}.unpacked")
    with sole_writer(folder):
        if folder.exists():  # left by a killed process
            shutil.rmtree(folder)
        folder.mkdir()
        try:
            yield _extract(archive, names, folder)
        finally:
            shutil.rmtree(folder)


def _extract(archive: Path, names: Collection[str], folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check(member, folder, archive)
                name = str(PurePosixPath(member.name))  # without a leading "./"
                if member.isdir() or name not in names:
                    continue
                if name in found:
                    raise UserError(f"{archive} contains {name} twice. Nothing was unpacked.")
                check_room(member.name, member.size, folder.parent)
                tar.extract(member, folder, filter="data")
                found[name] = folder / name
            # a compressed block's checksum is verified only when the block is read to its end
            while tar.fileobj is not None and tar.fileobj.read(1 << 20):
                pass
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # not of the decompressor
            raise
        raise UserError(
            f"{archive} is damaged ({error}). Delete it and download it again."
        ) from error
    return found


def _check(member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        fault = "is outside the folder"
    elif not (member.isfile() or member.isdir()):
        fault = "is neither a file nor a folder"
    else:
        try:
            tarfile.data_filter(member, str(folder))
            return
        except tarfile.FilterError as error:
            fault = f"is refused ({error})"
    raise UserError(f"{archive} is not safe: {member.name} {fault}. Nothing was unpacked.")
