"""Pages of results link folders too, for readers on a code host; here such a link is plain text."""

from __future__ import annotations

import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s:#]+)\)")


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _without_folders)
    return {"parallel_read_safe": True}


def _without_folders(app: Any, page: str, source: list[str]) -> None:
    if not page.startswith("results/"):
        return
    folder = (app.srcdir / page).parent

    def replaced(link: re.Match[str]) -> str:
        return link[1] if (folder / link[2]).is_dir() else link[0]

    source[0] = LINK.sub(replaced, source[0])
