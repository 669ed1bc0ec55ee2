"""The caption of the leak audit figure if it cannot draw all audits."""

from __future__ import annotations

import json
from pathlib import Path

from made_audits import audit_of
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.figures import leak_audit


def test_caption_has_a_line_per_drawn_audit(tmp_path: Path) -> None:
    made = write_study(tmp_path / "study", [Made(size=0.9, seed=seed) for seed in range(5)])
    for number, path in enumerate(sorted(made.glob("*/run.json"))):
        kept = {"last_tenth": audit_of(0.01 * number).to_json()}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"audit": kept}))
    _, *lines, last = leak_audit.caption(StudyEvidence.load(made)).split("\n")
    assert "the 3 " in last and "of 5" in last
    assert sum("100 samples of last_tenth" in line for line in lines) == len(lines) == 3
    assert all(
        any(f"(score {one})" in line for line in lines) for one in ("0.020", "0.030", "0.040")
    )
