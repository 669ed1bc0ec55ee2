"""Train the studies of the page and write it: `python docs/results/trusted_range/run.py`.

Studies (`studies.yaml`) are trained below `outputs/results/trusted_range/` (or `--runs`), skipped
when they are complete. What `saibench trust --json` says of each is kept beside the page.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from page import page
from study import HERE, Study, found_in, load_studies

ROOT = HERE.parents[2]
PAGE = HERE / "README.md"


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
    _run("train.py", "-m", *study.train, "logger=none", f"hydra.sweep.dir={folder}")
    return folder


def _read(study: Study, folder: Path) -> None:
    """Fit the ranges of a study and keep what they say."""
    document = _run("-m", "saibench", "trust", str(folder), *study.read, "--json")
    found_in(folder, document).save(study.file)


def _run(*arguments: str) -> str:
    """Output of a command of saibench, as a user would give it; its failure ends this one."""
    finished = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True
    )
    if finished.returncode:
        sys.exit(finished.returncode)
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
