"""The site asks for nothing from outside: a page that would ends the build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.errors import SphinxError

LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"'](?:https?:)?//[^\"']+"
    r"|<link\b(?=[^>]*\brel=[\"'](?:stylesheet|preload|icon|preconnect))[^>]*"
    r"\bhref=[\"'](?:https?:)?//[^\"']+"
)
"""What a browser fetches by itself, from another host."""


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True}


def _check(app: Any, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for page in sorted(Path(app.outdir).rglob("*.html")):
        if loaded := LOADED.search(page.read_text(encoding="utf-8")):
            raise SphinxError(f"{page} loads something from another host: {loaded[0]}")
