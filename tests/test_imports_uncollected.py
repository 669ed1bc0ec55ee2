"""Modules that a config names are imported without collecting garbage meanwhile."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from saibench.imports.modules import without_collection
from saibench.imports.targets import options_of


def test_nothing_is_collected_while_a_target_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seen_by_gc.py").write_text(
        "import gc\nCOLLECTED = gc.isenabled()\nclass Net:\n    def __init__(self, size): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert options_of("seen_by_gc.Net") == {"size"}
    assert sys.modules.pop("seen_by_gc").COLLECTED is False
    assert gc.isenabled()


def test_collection_goes_on_after_a_failed_import_only_where_it_was_on() -> None:
    with pytest.raises(ImportError), without_collection():
        raise ImportError
    assert gc.isenabled()
    with without_collection():
        with without_collection():
            pass
        assert not gc.isenabled()
