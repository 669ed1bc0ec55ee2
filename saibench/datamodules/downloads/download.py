"""One file from a URL, whole and verified, or not at all."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from saibench.datamodules.downloads.part import Part, sole_writer
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.downloads.request import Interrupted, NotServed, request
from saibench.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """When to give up on a server.

    attempts: requests in a row that bring no new byte
    wait: seconds before asking again, doubled with each of those requests
    timeout: seconds without a byte after which a connection counts as dropped
    """

    attempts: int = 5
    wait: float = 1.0
    timeout: float = 60.0


PATIENCE = Patience()


def download(remote: RemoteFile, target: Path, patience: Patience = PATIENCE) -> Path:
    """Bring `remote` to `target`, which then has the published checksum.

    A target that has it already is left alone, without a request. What an interrupted download
    has brought stays beside the target as `<target>.part`, and the next one goes on from there
    if the server still has the same version.

    Raises UserError: a wrong checksum (the part is deleted), a target that is another file
    (it is never overwritten), no room, no permission, another process at it; NotServed if neither
    the URL nor its mirrors give the file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with sole_writer(target):
            if not _already_there(remote, target):
                part = Part(target)
                _fetch_from_any(remote, part, patience)
                _verify(remote, part)
                os.replace(part.path, target)
                part.discard()
    except OSError as error:
        raise UserError(f"{target} can't be written: {error.strerror or error}.") from error
    return target


def _already_there(remote: RemoteFile, target: Path) -> bool:
    if not target.exists():
        return False
    found = Checksum.of(target, remote.checksum.algorithm)
    if found == remote.checksum:
        return True
    raise UserError(
        f"{target} is there already and is not the file at {remote.url} (expected "
        f"{remote.checksum}, got {found}): move it away, or choose another folder."
    )


def _verify(remote: RemoteFile, part: Part) -> None:
    found = Checksum.of(part.path, remote.checksum.algorithm)
    if found != remote.checksum:
        origin = part.origin()
        part.discard()
        raise UserError(
            f"{origin.url if origin else remote.url} gave other bytes than the published ones "
            f"(expected {remote.checksum}, got {found}): they were deleted."
        )


def _fetch_from_any(remote: RemoteFile, part: Part, patience: Patience) -> None:
    refusals = []
    for url in remote.urls:
        try:
            return _fetch(url, part, patience)
        except NotServed as refusal:
            refusals.append(str(refusal))
    raise NotServed(
        f"{part.target.name} could not be fetched ({'; '.join(refusals)}): try later, or bring it "
        f"by other means to {part.target}, where its checksum will be verified."
    )


def _fetch(url: str, part: Part, patience: Patience) -> None:
    """Make `part` the whole file at `url`, through as many requests as bring new bytes."""
    log.info("fetching %s from %s", part.target.name, url)
    furthest, fruitless = 0, 0
    while True:
        try:
            return request(url, part, patience.timeout)
        except Interrupted as interruption:
            # A server that ignores ranges starts over each time: bytes are new only beyond the
            # furthest point that any request reached.
            fruitless = 0 if part.size > furthest else fruitless + 1
            furthest = max(furthest, part.size)
            if fruitless >= patience.attempts:
                raise NotServed(f"{url}: {interruption}") from interruption
            log.info("%s: %s; asking again", url, interruption)
            time.sleep(patience.wait * 2 ** max(fruitless - 1, 0))
