"""Techniques that choose how a model's errors are broken down and related."""

from __future__ import annotations

from saibench.paper.toolbox.named import (
    BINS,
    DRAWN_AGAIN,
    GENERATIVE,
    JET_HAS_NO_TIME,
    MATRIX,
    SERIES,
    SUBSET,
    TAIL,
    TRACING,
    WHERE,
    WINDOW,
    offered,
)
from saibench.paper.toolbox.technique import NotOffered, Offered, Technique

NO_GRID_OF_ATOMS = "A molecule is a handful of atoms, all of which are scored"
NO_GRID_OF_JETS = "A tagger gives one probability a jet and no map of values"
DETERMINISTIC = "gives one answer to one input: there is no noise to draw again"


def _of_rain(statistics: tuple[str, ...], figures: tuple[str, ...]) -> Offered:
    """What one study of rain shows by lead time."""
    return offered("nowcasting/lead_time", (WINDOW, TAIL), statistics, figures)


CENTER_OF_MASS = Technique(
    "Center-of-mass displacement",
    MATRIX,
    "How far predicted mass lies from where it was observed, which errors of pixels cannot see.",
    "§6.3, figures 13 and 18",
    {
        "force_field": NotOffered(f"{NO_GRID_OF_ATOMS}; they are placed by the input."),
        "jet_tagging": NotOffered(f"{NO_GRID_OF_JETS} that could lie elsewhere."),
        "nowcasting": _of_rain(
            ("lead/displacement", "lead/displacement_x", "lead/displacement_y"),
            ("nowcasting.displacement_by_lead",),
        ),
    },
)

ACTIVE_AREA = Technique(
    "Active area scoping",
    MATRIX,
    "The error where something happens, not diluted by the empty rest of the frame.",
    "§6.2, table 2 and figure 17",
    {
        "force_field": NotOffered(f"{NO_GRID_OF_ATOMS}: no part of a frame is empty."),
        "jet_tagging": NotOffered(f"{NO_GRID_OF_JETS}, part of which could be empty."),
        "nowcasting": _of_rain(
            ("lead/mae", "lead/active_area_mae"), ("nowcasting.mae_distributions",)
        ),
    },
)

CUMULATIVE = Technique(
    "Cumulative metrics",
    MATRIX,
    "How a score of single frames is spread over all events, by lead time.",
    "§6.1, figures 14 and 15",
    {
        "force_field": NotOffered(
            "A score of hits and false alarms needs a threshold of the predicted quantity that "
            "means an event, and energies and forces have none."
        ),
        "jet_tagging": NotOffered(
            f"{NO_GRID_OF_JETS}, and no lead time; the ROC already sums over all thresholds."
        ),
        "nowcasting": _of_rain(
            ("lead/csi_16",), ("nowcasting.cumulative_csi", "nowcasting.event_csi")
        ),
    },
)

TIME_SLICES = Technique(
    "Time frame slices",
    SERIES,
    "The error at chosen times: at 1, 2 and 3 hours of lead time, or in each tenth of a "
    "trajectory.",
    "§6.2, table 2 and figures 16 to 18",
    {
        "force_field": offered(
            "force_field/time_slices",
            (WINDOW, TAIL, SUBSET),
            ("force_mae",),
            ("time_slices",),
            in_paper=False,
        ),
        "jet_tagging": JET_HAS_NO_TIME,
        "nowcasting": _of_rain(
            ("lead/mae", "lead/active_area_mae", "lead/observed_rate"),
            ("nowcasting.mae_distributions", "nowcasting.mean_intensity_by_lead"),
        ),
    },
)

DIFFERENTIAL_TREND = Technique(
    "Differential trend",
    SERIES,
    "Whether a predicted series grows where the observed one does.",
    "§6.4, figure 19",
    {
        "force_field": NotOffered(
            "A force field is asked for each frame by itself and predicts no later frame from "
            "an earlier one, so that it has no trend of its own."
        ),
        "jet_tagging": JET_HAS_NO_TIME,
        "nowcasting": offered(
            "nowcasting/trend_imbalance",
            (WINDOW, BINS, TAIL),
            ("lead/observed_rate", "lead/predicted_rate"),
            ("nowcasting.differential_trend",),
        ),
    },
)

PER_SAMPLE = Technique(
    "Per-sample breakdown analysis",
    TRACING,
    "Which samples, classes or components carry the error that an average hides.",
    "§4.3, figure 5; §5.5, figure 12; §6.1, figure 14",
    {
        "force_field": offered(
            "force_field/time_extrapolation",
            (WINDOW, TAIL, SUBSET),
            ("energy_error", "species/force_mae"),
            ("force_field.energy_error_over_time",),
        ),
        "jet_tagging": offered(
            "jet_tagging/error_tracing", (WHERE, BINS), ("correct",), ("jet_tagging.error_tracing",)
        ),
        "nowcasting": _of_rain(
            ("lead/csi_16", "lead/mae"), ("nowcasting.event_csi", "nowcasting.mae_distributions")
        ),
    },
)

METRIC_CORRELATION = Technique(
    "Metric correlation analysis",
    TRACING,
    "Which errors and features rise together, and so where an error comes from.",
    "§4.3, figure 6; §6.6, figure 21",
    {
        "force_field": offered(
            "force_field/sample_efficiency",
            (WINDOW, SUBSET),
            ("energy_error", "force_mae"),
            ("force_field.energy_against_force",),
        ),
        "jet_tagging": offered(
            "jet_tagging/error_tracing",
            (WHERE, BINS),
            ("correct", "score"),
            (),
            in_paper=False,
            command="trace",
        ),
        "nowcasting": offered(
            "nowcasting/error_tracing",
            (WINDOW, TAIL),
            ("lead/mae", "lead/displacement", "lead/observed_rate"),
            ("nowcasting.error_tracing",),
        ),
    },
)

STABILITY = Technique(
    "Prediction stability analysis",
    GENERATIVE,
    "How far repeated predictions of the same sample differ.",
    "§6.5, figure 20",
    {
        "force_field": NotOffered(f"NequIP {DETERMINISTIC}."),
        "jet_tagging": NotOffered(f"The Particle Transformer {DETERMINISTIC}."),
        "nowcasting": offered(
            "nowcasting/stability",
            (TAIL, SUBSET, DRAWN_AGAIN),
            ("draw/mae", "draw/displacement"),
            ("nowcasting.prediction_stability",),
        ),
    },
)
