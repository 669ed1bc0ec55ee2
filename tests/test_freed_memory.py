from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

ARRAYS, BYTES = 100, 8_000_000
FAULTS = f"""
import resource, sys
import numpy as np
from saibench.freed_memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ARRAYS}):
    one = np.ones({BYTES} // 8)
    other = one + 1
    del one, other
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this option")
def test_pages_of_freed_arrays_are_used_again() -> None:
    """Without this, at least one page in huge ones of 2 MiB is new in each array."""
    command = [sys.executable, "-c", FAULTS, "kept"]
    found = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert found < 4 * BYTES / resource.getpagesize()
