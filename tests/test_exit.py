from __future__ import annotations

import subprocess
import sys

LAST = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 0))
from saibench.cli import main
sys.argv = ["saibench", "studies"]
main()
"""
"""What is registered first runs last."""


def test_objects_of_libraries_are_not_searched_at_exit() -> None:
    ended = subprocess.run([sys.executable, "-c", LAST], capture_output=True, check=True, text=True)
    assert ended.stdout.splitlines()[-1] == "True"
