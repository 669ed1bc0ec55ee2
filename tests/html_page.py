"""An HTML page, parsed for tests."""

from __future__ import annotations

import base64
import zlib
from html.parser import HTMLParser


class Page(HTMLParser):
    """The text, elements, addresses and blocks of an HTML page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self.figures: dict[str, tuple[int, int]] = {}
        self.blocks: dict[int, str] = {}
        self._block: int | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if "data-image" in found:
            self.figures[found["data-file"]] = int(found["data-image"]), int(found["data-csv"])
        block = (found.get("id") or "") if tag == "script" else ""
        self._block = int(block.removeprefix("block-")) if block.startswith("block-") else None
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            if name in found:
                self.addresses.append((tag, name, found[name] or ""))

    def handle_data(self, data: str) -> None:
        if self._block is not None:
            self.blocks[self._block] = data
            self._block = None
        self.text.append(data)

    def document(self, block: int) -> bytes:
        """The file in a block."""
        return zlib.decompress(base64.b64decode(self.blocks[block]))

    @property
    def shown(self) -> str:
        """The text with single spaces."""
        return " ".join(" ".join(self.text).split())

    @property
    def links(self) -> list[str]:
        return [address for _, _, address in self.addresses]
