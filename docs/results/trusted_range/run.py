"""Train the studies of the page and write it: `python docs/results/trusted_range/run.py`.

Studies (`studies.yaml`) are trained below `outputs/results/trusted_range/` (or `--runs`), skipped
when they are complete. What `saibench trust --json` says of each is kept beside the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from candidates import all_tried
from page import page
from study import HERE, Study, found_in, load_studies

ROOT = HERE.parents[2]
PAGE = HERE / "README.md"
REFUSED = 2
"""Exit code of a command that names a user's mistake, or too few data."""


def main() -> int:
    studies = load_studies()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"{', '.join(studies)}")
    parser.add_argument("--runs", type=Path, default=Path("outputs/results/trusted_range"))
    parser.add_argument("--evidence", type=Path, help="folder of one study that is trained")
    parser.add_argument("--write", action="store_true", help="only write the page")
    options = parser.parse_args()
    unknown = [name for name in options.studies if name not in studies]
    if unknown:
        parser.error(f"{unknown[0]} is not a study. Studies: {', '.join(studies)}.")
    if options.evidence is not None and len(options.studies) != 1:
        parser.error("--evidence is of one study. Name it.")
    for name in () if options.write else options.studies or studies:
        folder = options.evidence or _trained(
            studies[name], options.runs / (studies[name].runs or name)
        )
        _read(studies[name], folder)
    PAGE.write_text("\n".join(page(studies)).rstrip() + "\n", encoding="utf-8")
    return 0


def _trained(study: Study, folder: Path) -> Path:
    _output(_run("train.py", "-m", *study.train, "logger=none", f"hydra.sweep.dir={folder}"))
    return folder


def _read(study: Study, folder: Path) -> None:
    """Fit the ranges of a study and keep what they say."""
    there = {name: _trust(folder, *study.read_on(name)) for name in study.shifts}
    each, together = (_trust(folder, *study.read, *more) for more in ((), ("--together",)))
    fitted = [one for one in json.loads(each)["ranges"] if not one["refused"]]
    tried = list(all_tried(folder, fitted, study.shifts))
    found_in(folder, each, together, there, tried, _commit()).save(study.file)


def _commit() -> str:
    """The last commit of the package's code, with `-dirty` for uncommitted changes of it."""
    git = ["git", "-C", str(ROOT)]
    last = subprocess.check_output([*git, "log", "-1", "--format=%H", "--", "saibench"], text=True)
    changed = subprocess.check_output([*git, "status", "--porcelain", "--", "saibench"], text=True)
    return last.strip()[:12] + ("-dirty" if changed.strip() else "")


def _trust(folder: Path, *options: str) -> str:
    """The JSON document of `saibench trust`; with its refusal if nothing was fitted."""
    finished = _run(
        *("-m", "saibench", "trust", str(folder), *options, "--json"), stderr=subprocess.PIPE
    )
    if finished.returncode == REFUSED:
        refused = {"label": "all runs", "refused": finished.stderr.strip()}
        return json.dumps({"ranges": [refused]})
    return _output(finished)


def _run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command of saibench, as a user would give it."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True, **options
    )


def _output(finished: subprocess.CompletedProcess[str]) -> str:
    """What a command printed; its failure ends this one."""
    if finished.returncode:
        sys.exit(finished.stderr or finished.returncode)
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
