"""What the figure of leak audits says where it cannot draw them all."""

from __future__ import annotations

import json
from pathlib import Path

from made_audits import audit_of
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.figures import leak_audit


def test_caption_names_those_that_are_drawn_a_line_each(tmp_path: Path) -> None:
    made = write_study(tmp_path / "study", [Made(size=0.9, seed=seed) for seed in range(5)])
    for number, path in enumerate(sorted(made.glob("*/run.json"))):
        kept = {"last_tenth": audit_of(0.01 * number).to_json()}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"audit": kept}))
    shown, *told = leak_audit.caption(StudyEvidence.load(made)).split("\n")
    assert shown.startswith("Left: share of samples")
    assert told.pop() == "Drawn are the 3 with the highest scores of 5."
    assert sum("100 samples of last_tenth" in line for line in told) == len(told) == 3
    assert all(
        any(f"(score {one})" in line for line in told) for one in ("0.020", "0.030", "0.040")
    )
