"""All that a GPU is needed for, within a few minutes: `bash benchmarks/gpu.sh`.

    python -m benchmarks.gpu OUT
    python -m benchmarks.gpu OUT --small --parts metrics end_to_end

Runs the parts of `benchmarks.gpu_parts` one after the other, each a benchmark of this folder in
processes of its own with a time limit, and writes OUT/gpu.json, OUT/gpu.md and OUT/gpu.log after
each. A part may take its share of the time and what earlier ones left of theirs; one that is ended
then keeps what it has measured. A part that fails, or that lacks a package or data, is a row that
says so, and the next part runs. Without --small a GPU is required. This module needs Python's
standard library alone, since any package may be missing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from benchmarks.gpu_parts import PARTS, Part, Row

REPOSITORY = Path(__file__).resolve().parents[1]
MIN_SECONDS = 10
"""Left for a part to be started."""
MACHINE = """
import json, platform, torch
found = torch.cuda.is_available()
print(json.dumps({
    "device": "cuda" if found else "cpu",
    "machine": torch.cuda.get_device_name() if found else "a CPU",
    "torch": torch.__version__,
    "python": platform.python_version(),
}))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    machine = machine_info()
    if machine is None:
        print(f"{sys.executable} has no torch. Set PYTHON to one that has.", file=sys.stderr)
        return 2
    if machine["device"] == "cpu" and not options.small:
        print("PyTorch finds no GPU. Use --small for small sizes on a CPU.", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[Row]] = {}
    seconds: dict[str, float] = {}
    with (options.out / "gpu.log").open("w") as log:
        for place, name in enumerate(options.parts):
            began = time.monotonic()
            later = 0 if options.small else shares(options.parts[place + 1 :])
            limit = deadline - began - later
            results[name] = rows_of(PARTS[name], machine["device"], options.small, limit, log)
            seconds[name] = time.monotonic() - began
            for row in results[name]:
                print(f"{name}: {text(row)}", file=sys.stderr, flush=True)
            write(options.out, machine, results, seconds)
    print((options.out / "gpu.md").read_text())
    return int(any(row.failed for rows in results.values() for row in rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/gpu.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("out", nargs="?", type=Path, default=Path("build/gpu"), help="folder of the results")
    add("--small", action="store_true", help="small sizes, also without a GPU")
    add("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    add("--minutes", type=float, default=7.8, help="for all parts together")
    return parser.parse_args(arguments)


def shares(parts: Iterable[str]) -> float:
    """Seconds that are kept for these parts."""
    return sum(PARTS[name].share for name in parts)


def machine_info() -> dict[str, str] | None:
    """Device, its name and versions, from a process of its own; None without torch."""
    finished = subprocess.run(
        [sys.executable, "-c", MACHINE], capture_output=True, text=True, check=False
    )
    return json.loads(finished.stdout) if finished.returncode == 0 else None


def rows_of(part: Part, device: str, small: bool, limit: float, log: TextIO) -> list[Row]:
    """Run a part for at most `limit` seconds; its results, and a row of the cause if it fails."""
    if part.extras is not None and (lacking := missing(part.extras)):
        return [Row("", note=f"not run: lacks {', '.join(lacking)}", failed=True)]
    if limit < MIN_SECONDS:
        return [Row("", note="not run: no time was left", failed=True)]
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "written.json"
        command = [
            *(sys.executable, "-m", f"benchmarks.{part.module}", *part.options),
            *(part.small if small else part.large),
            *("--device", device, "--json", str(written)),
        ]
        print("$", " ".join(command), file=log, flush=True)
        cause, output = ended(command, limit)
        log.write(output + "\n")
        log.flush()
        rows = part.rows(json.loads(written.read_text())) if written.exists() else []
    if cause and not any(row.failed for row in rows):
        rows.append(Row("", note=cause, failed=True))
    return rows


def missing(extras: Iterable[str]) -> list[str]:
    """The packages that saibench requires with these extras, and that are not installed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"]]
    for extra in extras:
        required += project["optional-dependencies"][extra]
    names = [re.split(r"[^A-Za-z0-9._-]", one)[0] for one in required]
    return [name for name in dict.fromkeys(names) if not is_installed(name)]


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def ended(command: Sequence[str], limit: float) -> tuple[str, str]:
    """Run a command with all that it starts, at most for the limit in seconds.

    Returns:
        why it did not end well, in one line, empty if it did; its output.
    """
    started = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it is ended with its own processes
    )
    try:
        output, _ = started.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        output, _ = started.communicate()
        return f"stopped after {limit:.0f} s", output
    if started.returncode == 0:
        return "", output
    last = output.strip().rpartition("\n")[2]
    return f"failed: {last or f'exit code {started.returncode}'}", output


def write(
    out: Path, machine: dict[str, str], results: dict[str, list[Row]], seconds: dict[str, float]
) -> None:
    about = {**machine, "commit": commit()}
    written: dict[str, Any] = {
        name: {
            "title": PARTS[name].title,
            "seconds": round(seconds[name], 1),
            "rows": [asdict(row) for row in rows],
        }
        for name, rows in results.items()
    }
    (out / "gpu.json").write_text(json.dumps({**about, "parts": written}, indent=1))
    (out / "gpu.md").write_text(markdown(about, results, seconds))


def commit() -> str:
    finished = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.stdout.strip() or "unknown"


def markdown(
    about: dict[str, str], results: dict[str, list[Row]], seconds: dict[str, float]
) -> str:
    lines = [
        f"{about['machine']}, torch {about['torch']}, Python {about['python']}, "
        f"saibench of commit {about['commit']}, {sum(seconds.values()):.0f} s in all."
    ]
    for name, rows in results.items():
        lines += [f"\n## {PARTS[name].title}\n\n{seconds[name]:.0f} s.\n"]
        lines += ["| | measured | relative | |", "|---|---:|---:|---|"]
        lines += [
            f"| {' | '.join(cell.replace('|', '/') for cell in cells(row))} |" for row in rows
        ]
    return "\n".join(lines) + "\n"


def cells(row: Row) -> tuple[str, str, str, str]:
    note = f"**failed** {row.note}" if row.failed else row.note
    return row.name, row.value, row.relative, note


def text(row: Row) -> str:
    return ", ".join(cell for cell in cells(row) if cell)


if __name__ == "__main__":
    sys.exit(main())
