"""One HTTP request for what is still missing of a file (RFC 9110: Range, If-Range)."""

from __future__ import annotations

import os
import shutil
import ssl
import sys

import requests
from tqdm import tqdm

from saibench.datamodules.downloads.part import Origin, Part
from saibench.errors import UserError

# The chunk under way is lost when a connection breaks, so a chunk is small.
CHUNK_BYTES = 1 << 14
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
DROPPED = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class NotServed(UserError):
    """The server won't give the file, now or at the next request."""


class Interrupted(Exception):
    """The file is not whole after this request; another one may bring more of it."""


def request(url: str, part: Part, timeout: float) -> None:
    """Ask `url` for what `part` lacks; on return `part` is whole, as far as the server says.

    A part of another version, or of another URL, is replaced from its first byte. `timeout` is
    the seconds to wait for a connection, and then for each further byte. Certificates are always
    verified, and no https address may lead to plain http.

    Raises Interrupted (worth asking again), NotServed (not worth it), UserError (no room).
    """
    begun = part.origin()
    if begun is not None and begun.url != url:
        begun = None
    if begun is not None and part.size == begun.total:
        return
    try:
        with requests.get(
            url, headers=_headers(begun, part), stream=True, timeout=timeout
        ) as answer:
            _refuse_to_leave_tls(url, answer)
            _store(answer, _origin(url, answer, begun, part), part)
    except requests.RequestException as error:
        cause = _innermost(error)
        if isinstance(error, DROPPED) and not isinstance(cause, ssl.SSLCertVerificationError):
            raise Interrupted(str(cause)) from error
        raise NotServed(f"{url}: {cause}") from error


def _headers(begun: Origin | None, part: Part) -> dict[str, str]:
    # Compressed in transit, ranges and lengths would count other bytes than the file's.
    headers = {"Accept-Encoding": "identity", "User-Agent": "saibench"}
    if begun is not None:
        headers["Range"] = f"bytes={part.size}-"
        if begun.validator is not None:
            headers["If-Range"] = begun.validator
    return headers


def _refuse_to_leave_tls(url: str, answer: requests.Response) -> None:
    hops = [hop.url for hop in (*answer.history, answer)]
    if url.startswith("https:") and not all(hop.startswith("https:") for hop in hops):
        raise NotServed(f"{url} leads to an address without TLS")


def _origin(url: str, answer: requests.Response, begun: Origin | None, part: Part) -> Origin:
    """What the coming body belongs to; `part` ends where that body begins."""
    if answer.status_code == 200:
        origin = Origin(url, _validator(answer), _number(answer.headers.get("Content-Length")))
        part.begin(origin)
        return origin
    if answer.status_code == 206 and begun is not None and _continues(answer, begun, part):
        return begun
    if answer.status_code in (206, 416):
        part.discard()
        raise Interrupted("it has no longer the version that was begun")
    status = f"{answer.status_code} {answer.reason}"
    if answer.status_code in PASSING_STATUS:
        raise Interrupted(f"it answers {status}")
    raise NotServed(f"{url} answers {status}")


def _continues(answer: requests.Response, begun: Origin, part: Part) -> bool:
    """Whether a partial answer goes on where `part` ends, in the same version.

    With If-Range a server may leave the validator out of a 206; one that gives another validator
    has overlooked If-Range.
    """
    span, _, total = answer.headers.get("Content-Range", "").partition("/")
    return (
        span.startswith(f"bytes {part.size}-")
        and _number(total) in (None, begun.total)
        and _validator(answer) in (None, begun.validator)
    )


def _store(answer: requests.Response, origin: Origin, part: Part) -> None:
    missing = (origin.total or 0) - part.size
    free = shutil.disk_usage(part.path.parent).free
    if missing > free:
        raise UserError(
            f"{origin.url} needs {missing:,} bytes, but {part.path.parent} has only {free:,} "
            f"free: make room, or choose another folder."
        )
    with (
        part.path.open("ab") as file,
        tqdm(
            desc=part.target.name,
            total=origin.total,
            initial=part.size,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            disable=None,  # no bar where nobody watches: standard error is a file
        ) as bar,
    ):
        for chunk in answer.iter_content(CHUNK_BYTES):
            bar.update(file.write(chunk))
        file.flush()
        os.fsync(file.fileno())
    if origin.total is not None and part.size != origin.total:
        raise Interrupted(f"it stopped after {part.size:,} of {origin.total:,} bytes")


def _validator(answer: requests.Response) -> str | None:
    """A weak ETag promises the same meaning, not the same bytes, so If-Range may not use it."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _innermost(error: BaseException) -> BaseException:
    """requests wraps urllib3 wraps the socket: only the innermost says in few words what it was."""
    while error.__context__ is not None:
        error = error.__context__
    return error
