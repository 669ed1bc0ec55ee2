"""Roles of columns are guessed from usual names, and shown."""

from __future__ import annotations

from typing import Any

import polars
import pytest

from saibench.evidence.imported.schema import TableSchema, checked_schema
from saibench.evidence.imported.understood import understand

NUMBERS = [0.25, 0.5, 0.75]
WHOLE = [0, 1, 1]
TEXT = ["a", "b", "c"]
PADDED = [" 0.25", " 0.5", " 0.75"]  # as in CSV with a space after each comma


def roles(columns: dict[str, Any], schema: TableSchema | None = None) -> dict[str, str]:
    found = understand(polars.DataFrame(columns), schema or TableSchema())
    return {column.source: column.role for column in found}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"y_true": NUMBERS, "y_pred": NUMBERS}, "truth prediction"),
        ({"target": NUMBERS, "prediction": NUMBERS, "x": NUMBERS}, "truth prediction feature"),
        ({"obs": NUMBERS, "forecast": NUMBERS, "valid_time": NUMBERS}, "truth prediction time"),
        ({"REF_energy": NUMBERS, "MACE_energy": NUMBERS}, "truth prediction"),
        ({"y": NUMBERS, "y_hat": NUMBERS}, "truth prediction"),
        ({"Energy [eV]": NUMBERS, "energy_pred [eV]": NUMBERS}, "truth prediction"),
        ({"y": TEXT, "y_pred": TEXT}, "label predicted_label"),
        ({"y_true": WHOLE, "y_pred": WHOLE, "y_prob": NUMBERS}, "label predicted_label score"),
        ({"label": WHOLE, "prediction": WHOLE, "score": NUMBERS}, "label predicted_label score"),
        ({"target": TEXT, "pred": TEXT, "prob_b": NUMBERS}, "label predicted_label score"),
        ({"y_true": WHOLE, "y_pred": [0.0, 1.0, 1.0], "y_prob": NUMBERS},
         "label predicted_label score"),
        ({"REF_energy": NUMBERS, "MACE_energy": NUMBERS, "free_energy": NUMBERS,
          "kinetic_energy": NUMBERS, "DFT_total_energy": NUMBERS, "std_energy": NUMBERS},
         "truth prediction ignore ignore ignore feature"),
        ({"REF_energy": NUMBERS, "REF_free_energy": NUMBERS, "MACE_energy": NUMBERS,
          "MACE_free_energy": NUMBERS}, "truth truth prediction prediction"),
        ({"": WHOLE, "y_true": NUMBERS, "y_pred": NUMBERS}, "ignore truth prediction"),
        ({"Unnamed: 0": WHOLE, "y_true": NUMBERS, "y_pred": NUMBERS}, "ignore truth prediction"),
        ({"y_true": WHOLE, "y_score": NUMBERS}, "label score"),
        ({"y": WHOLE, "proba_1": NUMBERS}, "label score"),
        ({"label": TEXT, "score_a": NUMBERS, "score_b": NUMBERS}, "label score score"),
        ({"y_true": TEXT, "y_pred": TEXT}, "label predicted_label"),
        ({"y_true": PADDED, "y_pred": PADDED}, "truth prediction"),
        ({"force_mae": NUMBERS, "soap_distance": NUMBERS}, "error feature"),
        ({"force_error [meV]": NUMBERS, "trajectory": WHOLE}, "error group"),
        ({"error": NUMBERS, "split": TEXT, "model": TEXT, "seed": WHOLE, "id": TEXT},
         "error partition model seed sample_id"),
        ({"error": NUMBERS, "comment": [None, None, None]}, "error ignore"),
        ({"error": NUMBERS, "name": TEXT}, "error feature"),
        ({"error": NUMBERS, "time": NUMBERS, "date": TEXT}, "error time feature"),
    ],
)  # fmt: skip
def test_usual_names(columns: dict[str, Any], expected: str) -> None:
    assert list(roles(columns).values()) == expected.split()


def test_a_schema_replaces_guesses() -> None:
    columns = {"error": NUMBERS, "time": NUMBERS, "seed": WHOLE}
    schema = checked_schema({"columns": {"time": "feature", "seed": {"role": "group"}}})
    assert list(roles(columns, schema).values()) == ["error", "feature", "group"]
    only = checked_schema({"columns": {"error": "error"}, "others": "ignore"})
    assert list(roles(columns, only).values()) == ["error", "ignore", "ignore"]


def test_units_in_brackets_and_names_of_other_characters() -> None:
    columns = {"y_true [eV]": NUMBERS, "y_pred [eV]": NUMBERS, "|η| (rad)": NUMBERS, "2θ": NUMBERS}
    found = {
        column.source: column for column in understand(polars.DataFrame(columns), TableSchema())
    }
    assert (found["|η| (rad)"].name, found["|η| (rad)"].unit) == ("η", "rad")
    assert found["|η| (rad)"].title == "|η|"
    assert found["2θ"].name == "_2θ"
    assert found["y_pred [eV]"].unit == "eV"
