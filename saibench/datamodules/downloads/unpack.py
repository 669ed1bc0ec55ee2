"""Named files out of a tar archive that is trusted in nothing else."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from saibench.datamodules.downloads.part import sole_writer
from saibench.errors import UserError

DAMAGE = (tarfile.ReadError, EOFError, zlib.error, LZMAError)


@contextmanager
def unpacked(archive: Path, wanted: Collection[str]) -> Iterator[dict[str, Path]]:
    """Member name → file, for those of `wanted` that the archive holds.

    The files lie in a folder beside the archive, `<archive>.unpacked`, on the same file system as
    what the caller will rename them to; the folder goes at the end of the block. Members that are
    not wanted stay packed. The archive is read once: the whole of it is checked before the block
    begins, so that a bad member at its very end leaves nothing behind either.

    Raises UserError: a link, a device, an absolute name, a name with "..", a wanted name twice;
    a damaged archive; no room.
    """
    folder = archive.with_name(f"{archive.name}.unpacked")
    with sole_writer(folder):
        if folder.exists():  # left by a run that was killed
            shutil.rmtree(folder)
        folder.mkdir()
        try:
            yield _take_out(archive, wanted, folder)
        finally:
            shutil.rmtree(folder)


def _take_out(archive: Path, wanted: Collection[str], folder: Path) -> dict[str, Path]:
    taken: dict[str, Path] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _check(member, folder, archive)
                name = str(PurePosixPath(member.name))  # without a leading "./"
                if member.isdir() or name not in wanted:
                    continue
                if name in taken:
                    raise UserError(f"{archive} holds {name} twice: nothing was unpacked.")
                _check_room(member, folder)
                tar.extract(member, folder, filter="data")
                taken[name] = folder / name
            _read_to_its_end(tar)
    except DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        # Only a decompressor raises OSError without a number; the system's own errors have one.
        if error.errno is None:
            raise _damaged(archive, error) from error
        raise
    return taken


def _read_to_its_end(tar: tarfile.TarFile) -> None:
    """A compressed block is checked against its sum only once the whole of it was read."""
    if tar.fileobj is not None:
        while tar.fileobj.read(1 << 20):
            pass


def _check(member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        fault = "leads out of the folder"
    elif not (member.isfile() or member.isdir()):
        fault = "is neither a file nor a folder"
    else:
        try:
            tarfile.data_filter(member, str(folder))
            return
        except tarfile.FilterError as error:
            fault = f"is refused ({error})"
    raise UserError(f"{archive} is not to be trusted: {member.name} {fault}; nothing was unpacked.")


def _check_room(member: tarfile.TarInfo, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if member.size > free:
        raise UserError(
            f"{member.name} needs {member.size:,} bytes, but {folder.parent} has only {free:,} "
            f"free: make room, or choose another folder."
        )


def _damaged(archive: Path, error: BaseException) -> UserError:
    return UserError(f"{archive} is damaged ({error}): delete it, and download it again.")
