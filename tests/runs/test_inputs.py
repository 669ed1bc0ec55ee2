"""Input files of a run: its copies, and their entries in configs and records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from saibench.errors import UserError
from saibench.evidence.run_record import read_record
from saibench.runs.inputs import keep_inputs, with_own_paths
from saibench.runs.point import load_point

HASH = "sha256:" + 64 * "a"


def test_damaged_copy_of_another_run_is_not_linked(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    files = {"model.checkpoint": f"sha256:{sha256}"}
    settings = {"model": {"checkpoint": str(weights)}, "identity": {"files": files}}
    kept = {}
    for name in ("one", "two", "three"):
        folder = tmp_path / "study" / name
        folder.mkdir(parents=True)
        keep_inputs(folder, settings)
        (kept[name],) = (folder / "inputs").iterdir()
        if name == "one":
            kept["one"].write_bytes(b"damage")
    assert kept["two"].read_bytes() == kept["three"].read_bytes() == b"weights"
    assert kept["two"].stat().st_ino != weights.stat().st_ino, "the user's file is never linked"
    assert kept["two"].stat().st_ino == kept["three"].stat().st_ino
    message = with_own_paths(f"{kept['two']} is no net.", tmp_path / "study" / "two", settings)
    assert message == f"{weights} is no net."


IDENTITIES = {
    "a file of no setting": {"files": {"model.nope": HASH}},
    "a place in no list": {"files": {"model.layers[7]": HASH}},
    "a setting that is no file": {"files": {"model.layers": HASH}},
    "no hash": {"files": {"model.checkpoint": "sha256:../../x"}},
    "files in a list": {"files": [1]},
    "a file without a name": {"files": {1: HASH}},
    "sources in a list": {"source": ["mine"]},
    "a source of no hash": {"source": {"mine": 1}},
    "data of no hash": {"data": [1]},
    "text": "text",
    "a list": [1],
}


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=list(IDENTITIES))
def test_malformed_identity_in_the_config_is_refused(identity: Any, tmp_path: Path) -> None:
    settings = {"model": {"checkpoint": "a.pt", "layers": [8, 8]}, "identity": identity}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(UserError, match=r"config\.yaml.*identity"):
        load_point(tmp_path)


def test_malformed_identity_in_the_record_is_refused(tmp_path: Path) -> None:
    record = {"point": "0" * 12, "settings": {}, "identity": "text"}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"run\.json.*identity"):
        read_record(tmp_path)
