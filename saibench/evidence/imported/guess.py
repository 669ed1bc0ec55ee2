"""Guess the role of a column from its name and type, by the usual names of predictions.

`y_true`, `energy_pred`, `REF_energy` with `MACE_energy`, `score_top`, `split`, `pt [GeV]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars

from saibench.evidence.imported.texts import TEXT, are_mostly_numbers

NAMES = {
    "sample_id": ("sample_id", "id", "sample", "sample_index", "index", "idx", "uid"),
    "label": ("label", "class", "true_label", "true_class", "label_true", "class_true"),
    "score": ("score", "y_score", "y_prob", "y_proba", "prob", "proba", "probability"),
    "predicted_label": ("predicted_label", "predicted_class", "pred_label", "pred_class",
                        "label_pred", "class_pred"),
    "time": ("time", "t", "date", "datetime", "timestamp", "valid_time"),
    "group": ("group", "trajectory", "traj", "event", "event_id", "molecule", "system", "subject",
              "patient", "station", "site", "cluster", "scaffold", "block"),
    "partition": ("partition", "split", "subset", "test_set"),
    "model": ("model", "model_name", "estimator", "method", "run"),
    "seed": ("seed", "random_seed", "random_state"),
    "train_count": ("train_count", "n_train", "num_train", "train_size", "training_size"),
    "seen": ("seen", "seen_in_training", "in_training", "is_train", "trained_on"),
}  # fmt: skip
TRUTH = ("true", "truth", "target", "ref", "reference", "obs", "observed", "actual", "measured")
PREDICTION = ("pred", "prediction", "predicted", "forecast", "estimate", "estimated", "hat")
SCORE = ("score", "prob", "proba")
ERROR = ("error", "err", "mae", "residual", "loss")
OTHER_QUANTITIES = (
    "total", "potential", "kinetic", "free", "internal", "formation", "interaction", "binding",
    "cohesive", "atomization", "adsorption", "reaction", "activation", "solvation", "hydration",
    "ionization", "dissociation", "excitation", "electronic", "nuclear", "correlation",
    "exchange", "dispersion", "coulomb", "electrostatic", "thermal", "vibrational", "strain",
    "elastic", "surface", "lattice", "band", "bond", "barrier", "gibbs", "helmholtz", "fermi",
    "atomic", "isolated", "relative", "initial", "final", "mean", "average", "min", "max",
    "sum", "delta",
)  # fmt: skip
"""Words that make another quantity of one: `free_energy` is no energy of a model `free`."""
UNCERTAINTY = ("std", "sigma", "var", "variance", "uncertainty")
PANDAS_INDEX = re.compile(r"|Unnamed: \d+(_level_\d+)?|__index_level_\d+__")
"""Names of the index of a data frame: the first two in CSV, the last in Parquet."""
MAX_VALUES = 50
"""Most different values of a text that is a feature; texts with more are names or comments."""
NO_NUMBERS = "text or booleans"
"""Reason to take a truth or prediction for classes."""
OF_TYPE = "values of type"
"""Reason to ignore a column of lists and the like."""
_UNIT = re.compile(r"(?P<name>.*\S)(\s*\[(?P<square>[^\]]*)\]|\s+\((?P<round>[^)]*)\))\s*")


@dataclass(frozen=True)
class Guess:
    """The role of a column.

    Args:
        role: one of `saibench.evidence.imported.schema.ROLES`.
        why: the reason, in a few words.
        target: of a truth or prediction, its quantity; empty if the name tells none.
        of_class: of a score, the class that the name tells.
        model: of a prediction, the model that the name tells.
    """

    role: str
    why: str
    target: str = ""
    of_class: str | None = None
    model: str | None = None


def name_and_unit(column: str) -> tuple[str, str]:
    """Separate a unit in brackets from a column's name.

    >>> name_and_unit("pt [GeV]"), name_and_unit("energy (meV)"), name_and_unit("f(x)")
    (('pt', 'GeV'), ('energy', 'meV'), ('f(x)', ''))
    """
    found = _UNIT.fullmatch(column)
    if found is None:
        return column, ""
    return found["name"], (found["square"] or found["round"] or "").strip()


def guessed_roles(table: polars.DataFrame, known: Mapping[str, str]) -> dict[str, Guess]:
    """The roles of the columns whose role is not known.

    Args:
        table: all columns.
        known: role by column, of those that a schema names.
    """
    found = {name: _of_one(name, table[name]) for name in table.columns if name not in known}
    roles = {*known.values(), *(guess.role for guess in found.values())}
    found = {name: _of_quantity(name, guess, found) for name, guess in found.items()}
    found = {name: _of_models(name, guess, found) for name, guess in found.items()}
    if "score" in roles:  # of a class, so that the truth is a label
        found = {
            name: replace(guess, role="label") if guess.role == "truth" else guess
            for name, guess in found.items()
        }
        if "label" not in {*known.values(), *(guess.role for guess in found.values())}:
            found = {
                name: Guess("label", "the class that belongs to the score")
                if name.lower() in ("y", "target")
                else guess
                for name, guess in found.items()
            }
    roles = {*known.values(), *(guess.role for guess in found.values())}
    if "label" in roles and "truth" not in roles:
        found = {
            name: replace(guess, role="predicted_label", target="")
            if guess.role == "prediction" and _is_whole(table[name])
            else guess
            for name, guess in found.items()
        }
    return _as_classes(table, found)


def named_in_a_pair(column: str) -> bool:
    """Whether a column is a truth, prediction or score by its name."""
    name, _ = name_and_unit(column)
    return _paired(words_of(name), name) is not None


def words_of(name: str) -> str:
    """A name in lower case, with one underscore between its words."""
    return re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")


def _of_one(column: str, values: polars.Series) -> Guess:
    name, _ = name_and_unit(column)
    words = words_of(name)
    if values.dtype == polars.Null or values.null_count() == len(values):
        return Guess("ignore", "no values")
    if values.dtype.is_nested() or values.dtype in (polars.Binary, polars.Object, polars.Duration):
        return Guess("ignore", f"{OF_TYPE} {values.dtype}")
    if PANDAS_INDEX.fullmatch(column):
        return Guess("ignore", "index of pandas")
    for role, names in NAMES.items():
        if words in names:
            return Guess(role, "name")
    if (found := _paired(words, name)) is not None:
        return found
    if values.dtype.is_temporal():
        return Guess("ignore", "a second time")
    if values.dtype in TEXT:
        count = values.n_unique()
        if count > MAX_VALUES and not are_mostly_numbers(values):
            return Guess("ignore", f"text with {count:,} values")
        return Guess("feature", "other column")
    if values.dtype.is_numeric() and {*words.split("_")} & {*ERROR}:
        return Guess("error", "name")
    return Guess("feature", "other column")


def _paired(words: str, name: str) -> Guess | None:
    """The role of `energy_true`, `predicted_energy`, `score_top`; None for other names."""
    parts = words.split("_")
    for role, named in (("truth", TRUTH), ("prediction", PREDICTION), ("score", SCORE)):
        for part, rest in ((parts[0], name[len(parts[0]) :]), (parts[-1], name[: -len(parts[-1])])):
            if part not in named:
                continue
            rest = rest.strip(" _-.")
            if role == "score":
                return Guess(role, "name", of_class=rest or None) if part == parts[0] else None
            return Guess(role, "name", "" if rest.lower() == "y" else rest)
    return None


def _of_quantity(column: str, guess: Guess, found: Mapping[str, Guess]) -> Guess:
    """`energy` is the truth of `energy_pred`, and `y` that of `y_pred`, if no other column is."""
    name = name_and_unit(column)[0].lower()
    truths = _targets(found, "truth")
    for target in _targets(found, "prediction"):
        if target not in truths and guess.role == "feature" and name == (target.lower() or "y"):
            return Guess("truth", "the quantity that is predicted", target)
    return guess


def _of_models(column: str, guess: Guess, found: Mapping[str, Guess]) -> Guess:
    """`MACE_energy` is a prediction of the model MACE if `REF_energy` is the truth.

    If `REF_free_energy` is another one, `MACE_free_energy` is a prediction of that.
    """
    if guess.role not in ("feature", "error"):
        return guess
    name, _ = name_and_unit(column)
    for target in sorted(filter(None, _targets(found, "truth")), key=len, reverse=True):
        if len(name) > len(target) + 1 and name.lower().endswith(f"_{target.lower()}"):
            model = name[: -len(target) - 1]
            word = re.split(r"[^0-9a-z]+", model.lower())[-1]
            if word in OTHER_QUANTITIES:
                return Guess("ignore", f"neither {target} nor a model; a schema can name its role")
            if word in (*UNCERTAINTY, *ERROR):
                return guess
            return Guess("prediction", f"{model}'s {target}", target, model=model)
    return guess


def _targets(found: Mapping[str, Guess], role: str) -> list[str]:
    """The different targets of the columns with a role, in the order of the columns."""
    return list(dict.fromkeys(guess.target for guess in found.values() if guess.role == role))


def _as_classes(table: polars.DataFrame, found: dict[str, Guess]) -> dict[str, Guess]:
    """A truth and a prediction that are text or booleans are classes."""
    roles = {"truth": "label", "prediction": "predicted_label"}
    return {
        name: replace(guess, role=roles[guess.role], target="", why=NO_NUMBERS)
        if guess.role in roles and _is_class(table[name])
        else guess
        for name, guess in found.items()
    }


def _is_class(values: polars.Series) -> bool:
    if values.dtype == polars.String:
        return not are_mostly_numbers(values)
    return values.dtype in (*TEXT, polars.Boolean)


def _is_whole(values: polars.Series) -> bool:
    return values.dtype.is_numeric() and bool((values == values.round()).all())
