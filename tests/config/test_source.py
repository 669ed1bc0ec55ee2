"""Hashes of the code of a user's modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from saibench.config.source import user_source
from saibench.files.integrity import read_json_object
from saibench.imports.user_code import place_in_user_code

NET = '''"""A net."""
import numpy as np
from torch import nn

from . import layers  # of the same package


class Net(nn.Module):
    """Does nothing."""

    width = 3

    def forward(self, x):
        from mine.late import scaled
        return scaled(x)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "mine"
    folder.mkdir()
    files = {"__init__": "", "net": NET, "layers": "x = 1", "late": "import os", "other": "y = 2"}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]


def test_modules_that_a_target_imports_are_followed(package: Path) -> None:
    found = user_source(["mine.net.Net", "torch.optim.Adam", "saibench.errors.UserError"])
    assert list(found) == ["mine", "mine.late", "mine.layers", "mine.net"]


@pytest.mark.parametrize("file", ["net", "layers", "late"])
def test_code_that_changes_changes_the_hash(file: str, package: Path) -> None:
    before = user_source(["mine.net.Net"])
    with (package / f"{file}.py").open("a") as code:
        code.write("\nz = 3\n")
    after = user_source(["mine.net.Net"])
    assert [name for name in before if before[name] != after[name]] == [f"mine.{file}"]


def test_comments_docstrings_and_layout_change_nothing(package: Path) -> None:
    before = user_source(["mine.net.Net"])
    text = NET.replace("A net.", "Another.").replace("Does nothing.", "Nothing.\n\n    At all.")
    text = text.replace("# of the same package", "# elsewhere").replace("(x)", "( x )")
    (package / "net.py").write_text(text)
    assert user_source(["mine.net.Net"]) == before
    (package / "net.py").write_text(text.replace("width = 3", "width = 3.0"))
    assert user_source(["mine.net.Net"]) != before


def test_modules_that_cannot_be_imported_are_skipped(package: Path) -> None:
    (package / "other.py").write_text("def broken(:")
    assert user_source(["mine.nowhere.Net", "nowhere.Net", "mine.other.Net"]) == {}


def test_place_of_an_error_is_in_the_users_code_alone() -> None:
    with pytest.raises(AttributeError) as raised:
        read_json_object(None)  # type: ignore[arg-type]
    inner, _, line = place_in_user_code(raised.value).partition(", line ")
    assert inner == Path(__file__).name and line.isdigit(), "not a file of saibench"
