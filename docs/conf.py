"""The site of the documentation: `make docs` builds it, and a warning ends the build."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "saibench"
release = metadata.version("saibench")
copyright = "the authors of saibench"

extensions = [
    "docstrings",  # before napoleon, which reads what it writes
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "mathml",
    "generated_pages",
    "results_links",
    "offline",
]
exclude_patterns = ["extensions"]

html_theme = "furo"
html_math_renderer = "mathml"
html_title = "saibench"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_inherit_docstrings = False  # Lightning's hooks say much that is not of saibench
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_maximum_signature_line_length = 88
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
toc_object_entries_show_parents = "hide"
