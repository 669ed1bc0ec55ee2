"""The report of the equivariance study starts with the equivariance error."""

from __future__ import annotations

from pathlib import Path

from command_line import QUIET, TRAJECTORY, train

SMALL = (
    *("subset.count=20", "model.net.num_layers=1", "model.net.num_features=4"),
    *("trainer.max_steps=4", "trainer.val_every=2"),
)


def test_first_column_is_the_error_of_rotated_molecules(tmp_path: Path) -> None:
    ended = train(tmp_path, "+sweeps=force_field/equivariance", *TRAJECTORY, *QUIET, *SMALL)
    assert ended.status == 0, ended.err
    assert "equivariance_error [meV/Å] on last_tenth_rotated" in ended.out
    page = (tmp_path / "outputs" / "equivariance-ethanol" / "report.html").read_text()
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    columns = [" ".join(part.partition("<small>")[0].split()) for part in head.split("<th>")[1:]]
    assert columns[1] == "model.net</th>", "one column distinguishes the nets"
    assert columns[3:6] == [
        "equivariance error on last_tenth_rotated",
        "force MAE",
        "force MAE on last_tenth_rotated",
    ]
    assert "Not drawn" not in page
