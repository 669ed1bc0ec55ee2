"""The page's script: plain JavaScript files, joined in this order."""

from __future__ import annotations

from importlib.resources import files

PARTS = (
    "elements",
    "numbers",
    "packed",
    "downloads",
    "study",
    "filter",
    "sortable",
    "matrix",
    "scatter",
    "profile",
    "samples",
    "cell",
    "sample",
    "intervals",
    "compare",
    "figures",
    "tables",
    "tolerances",
    "routes",
)


def script() -> str:
    """All parts in one scope, hidden from other scripts of the page; without lines of comments."""
    lines = (line.strip() for name in PARTS for line in source(name).splitlines())
    parts = "\n".join(line for line in lines if line and not line.startswith("//"))
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def source(name: str, package: str = __name__) -> str:
    """One file of a package's folder."""
    return (files(package) / f"{name}.js").read_text(encoding="utf-8")
