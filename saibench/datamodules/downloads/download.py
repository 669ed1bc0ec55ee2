"""Download of one file: complete and verified, or nothing."""

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
class RetryPolicy:
    """When to give up on a server.

    attempts: consecutive requests without a new byte
    wait: seconds before a retry, doubled with each of those requests
    timeout: seconds without a byte after which a connection counts as dropped
    """

    attempts: int = 5
    wait: float = 1.0
    timeout: float = 60.0


RETRY = RetryPolicy()


def download(remote: RemoteFile, target: Path, retry: RetryPolicy = RETRY) -> Path:
    """Download `remote` to `target` and verify the published checksum.

    A target with that checksum is not requested again. An interrupted download leaves
    `<target>.part`, from which the next one resumes if the server still has the same version.

    Raises UserError: a wrong checksum (the part is deleted), another file at the target (never
    overwritten), a full disk, no permission, another process downloading; NotServed if neither
    the URL nor its mirrors serve the file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with sole_writer(target):
            if not _is_complete(remote, target):
                part = Part(target)
                _fetch_from_any(remote, part, retry)
                _verify(remote, part)
                os.replace(part.path, target)
                part.discard()
    except OSError as error:
        raise UserError(f"{target} is not writable: {error.strerror or error}.") from error
    return target


def _is_complete(remote: RemoteFile, target: Path) -> bool:
    if not target.exists():
        return False
    found = Checksum.of(target, remote.checksum.algorithm)
    if found == remote.checksum:
        return True
    raise UserError(
        f"{target} exists and is not the file at {remote.url} (expected {remote.checksum}, got "
        f"{found}). Move it, or use another folder."
    )


def _verify(remote: RemoteFile, part: Part) -> None:
    found = Checksum.of(part.path, remote.checksum.algorithm)
    if found != remote.checksum:
        origin = part.origin()
        part.discard()
        raise UserError(
            f"the download of {origin.url if origin else remote.url} has a wrong checksum "
            f"(expected {remote.checksum}, got {found}) and was deleted. Try again later."
        )


def _fetch_from_any(remote: RemoteFile, part: Part, retry: RetryPolicy) -> None:
    refusals = []
    for url in remote.urls:
        try:
            return _fetch(url, part, retry)
        except NotServed as refusal:
            refusals.append(str(refusal))
    raise NotServed(
        f"{part.target.name} could not be downloaded ({'; '.join(refusals)}). Try again later, or "
        f"copy the file to {part.target}; its checksum is verified there."
    )


def _fetch(url: str, part: Part, retry: RetryPolicy) -> None:
    """Complete `part` from `url`, with as many requests as bring new bytes."""
    log.info("fetching %s from %s", part.target.name, url)
    furthest, fruitless = 0, 0
    while True:
        try:
            return request(url, part, retry.timeout)
        except Interrupted as interruption:
            # a server that ignores ranges starts over: only bytes beyond the furthest are new
            fruitless = 0 if part.size > furthest else fruitless + 1
            furthest = max(furthest, part.size)
            if fruitless >= retry.attempts:
                raise NotServed(f"{url}: {interruption}") from interruption
            log.info("%s: %s; retrying", url, interruption)
            time.sleep(retry.wait * 2 ** max(fruitless - 1, 0))
