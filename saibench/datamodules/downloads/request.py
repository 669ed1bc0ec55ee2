"""One HTTP request for the missing bytes of a file (RFC 9110: Range, If-Range)."""

from __future__ import annotations

import os
import ssl
import sys

import requests
from tqdm import tqdm

from saibench.datamodules.downloads.disk import check_room
from saibench.datamodules.downloads.part import Origin, Part
from saibench.errors import UserError

CHUNK_BYTES = 1 << 14
"""Small, because the current chunk is lost when a connection drops."""
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
DROPPED = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class NotServed(UserError):
    """The server refuses the file; a retry is useless."""


class Interrupted(Exception):
    """The file is incomplete after this request; a retry may fetch more of it."""


def request(url: str, part: Part, timeout: float) -> None:
    """Fetch the missing bytes of `part` from `url`, to the length stated by the server.

    A part of another version or URL is replaced. `timeout` is in seconds, for the connection and
    for each further byte. Certificates are always verified, and a redirect from https to http is
    refused.

    Raises Interrupted (retry), NotServed (do not retry), UserError (disk full).
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
            _check_https(url, answer)
            _store(answer, _origin(url, answer, begun, part), part)
    except requests.RequestException as error:
        cause = _innermost(error)
        if isinstance(error, DROPPED) and not isinstance(cause, ssl.SSLCertVerificationError):
            raise Interrupted(str(cause)) from error
        raise NotServed(f"{url}: {cause}") from error


def _headers(begun: Origin | None, part: Part) -> dict[str, str]:
    # With compression, ranges and lengths would count compressed bytes.
    headers = {"Accept-Encoding": "identity", "User-Agent": "saibench"}
    if begun is not None:
        headers["Range"] = f"bytes={part.size}-"
        if begun.validator is not None:
            headers["If-Range"] = begun.validator
    return headers


def _check_https(url: str, answer: requests.Response) -> None:
    hops = [hop.url for hop in (*answer.history, answer)]
    if url.startswith("https:") and not all(hop.startswith("https:") for hop in hops):
        raise NotServed(f"{url} redirects to an address without TLS")


def _origin(url: str, answer: requests.Response, begun: Origin | None, part: Part) -> Origin:
    """The origin of the response body; discards a `part` that the body does not continue."""
    if answer.status_code == 200:
        origin = Origin(url, _validator(answer), _number(answer.headers.get("Content-Length")))
        part.begin(origin)
        return origin
    if answer.status_code == 206 and begun is not None and _continues(answer, begun, part):
        return begun
    if answer.status_code in (206, 416):
        part.discard()
        raise Interrupted("the file on the server has changed")
    status = f"{answer.status_code} {answer.reason}"
    if answer.status_code in TRANSIENT_STATUS:
        raise Interrupted(f"status {status}")
    raise NotServed(f"{url}: status {status}")


def _continues(answer: requests.Response, begun: Origin, part: Part) -> bool:
    """Whether a partial response continues `part` in the same version.

    A server may omit the validator of a 206; another validator means that it ignores If-Range.
    """
    span, _, total = answer.headers.get("Content-Range", "").partition("/")
    return (
        span.startswith(f"bytes {part.size}-")
        and _number(total) in (None, begun.total)
        and _validator(answer) in (None, begun.validator)
    )


def _store(answer: requests.Response, origin: Origin, part: Part) -> None:
    check_room(origin.url, (origin.total or 0) - part.size, part.path.parent)
    with (
        part.path.open("ab") as file,
        tqdm(
            desc=part.target.name,
            total=origin.total,
            initial=part.size,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            disable=None,  # no bar if standard error is not a terminal
        ) as bar,
    ):
        for chunk in answer.iter_content(CHUNK_BYTES):
            bar.update(file.write(chunk))
        file.flush()
        os.fsync(file.fileno())
    if origin.total is not None and part.size != origin.total:
        raise Interrupted(f"stopped after {part.size:,} of {origin.total:,} bytes")


def _validator(answer: requests.Response) -> str | None:
    """The strong ETag, else Last-Modified; a weak ETag does not guarantee equal bytes."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _innermost(error: BaseException) -> BaseException:
    """The original error: requests wraps urllib3's errors, which wrap the socket's."""
    while error.__context__ is not None:
        error = error.__context__
    return error
