"""Processes that hold, want or fork a lock, on file systems with `flock` and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT_FLOCK = """
import errno, fcntl, os, sys, time
from pathlib import Path
def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
if sys.argv[2] == "claims":
    fcntl.flock = flock
from saibench.files.locks import InUse, take_lock
"""
HOLD = """
with take_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
RACE = """
print("ready", flush=True)
sys.stdin.readline()
try:
    with take_lock(Path(sys.argv[1])):
        print("won", flush=True)
        sys.stdin.readline()
except InUse:
    print("lost", flush=True)
"""
FORK = """
lock = take_lock(Path(sys.argv[1]))
if os.fork() == 0:
    Path(sys.argv[1]).with_name("worker").write_text(str(os.getpid()))
    print("forked", flush=True)
time.sleep(600)
"""


def start(program: str, lock: Path, kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_FLOCK + program, str(lock), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
