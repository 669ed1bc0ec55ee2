"""Techniques that choose which samples a model is trained and tested on."""

from __future__ import annotations

from saibench.paper.toolbox.named import (
    BINS,
    CLOUD,
    FEATURES,
    JET_HAS_NO_TIME,
    JETS_TURNED,
    MOLECULES_TURNED,
    SCARCE,
    SERIES,
    SUBSET,
    TAIL,
    WHERE,
    WINDOW,
    offered,
)
from saibench.paper.toolbox.technique import NotOffered, Technique

RAIN_IS_NO_CLOUD = NotOffered(
    "A radar frame is a grid, which turns only with its pixels resampled, and rain has prevailing "
    "winds: no symmetry is there to be tested."
)
TURNED = "force_field/equivariance"

SAMPLE_EFFICIENCY = Technique(
    "Sample efficiency",
    SCARCE,
    "How the error falls as the training set grows, all else equal.",
    "§4.1, figure 2; §5.1, figure 7",
    {
        "force_field": offered(
            "force_field/sample_efficiency",
            (WINDOW, SUBSET),
            ("force_mae", "species/force_mae", "energy_error_per_atom"),
            ("force_field.force_error_by_size", "learning_curve"),
        ),
        "jet_tagging": offered(
            "jet_tagging/sample_efficiency",
            (WHERE, SUBSET),
            ("correct", "score", "auc"),
            ("jet_tagging.sample_efficiency", "learning_curve"),
        ),
        "nowcasting": offered(
            "nowcasting/sample_efficiency",
            (WINDOW, SUBSET),
            ("mae", "lead/mae", "lead/active_area_mae"),
            ("learning_curve", "nowcasting.mae_distributions"),
            in_paper=False,
        ),
    },
)

ROTATIONAL_INVARIANCE = Technique(
    "Rotational invariance",
    CLOUD,
    "Whether what must not change with orientation stays the same when samples are turned.",
    "§5.3, figure 9",
    {
        "force_field": offered(
            TURNED,
            (TAIL, MOLECULES_TURNED),
            ("energy_error",),
            ("force_field.rotated_molecules",),
            in_paper=False,
            mini=TURNED,
        ),
        "jet_tagging": offered(
            "jet_tagging/rotation",
            (WHERE, JETS_TURNED),
            ("angle/logit", "score_range", "auc"),
            ("jet_tagging.beam_rotation",),
        ),
        "nowcasting": RAIN_IS_NO_CLOUD,
    },
)

EQUIVARIANCE = Technique(
    "Equivariance test",
    CLOUD,
    "Whether vectors that a model predicts turn with its input: NequIP's by construction, so "
    "that rounding alone is left; those of a net on absolute vectors do not.",
    "§7, named and not run",
    {
        "force_field": offered(
            TURNED,
            (TAIL, MOLECULES_TURNED),
            ("equivariance_error", "force_mae"),
            ("force_field.rotated_molecules",),
            in_paper=False,
            mini=TURNED,
        ),
        "jet_tagging": NotOffered(
            "A class has no direction that could turn with the jet: what is left of "
            "equivariance is the test of rotational invariance."
        ),
        "nowcasting": RAIN_IS_NO_CLOUD,
    },
)

TIME_EXTRAPOLATION = Technique(
    "Time-domain extrapolation",
    SERIES,
    "How the error depends on how much of the past a model has seen, and how far away it lies.",
    "§4.2, figures 3 and 4",
    {
        "force_field": offered(
            "force_field/time_extrapolation",
            (WINDOW, TAIL, SUBSET),
            ("force_mae",),
            ("force_field.windows", "force_field.window_similarity"),
        ),
        "jet_tagging": JET_HAS_NO_TIME,
        "nowcasting": NotOffered(
            "The published events carry no date and simulated ones are independent, so that no "
            "training events lie farther in time from the test than others; time within an "
            "event is what time frame slices show."
        ),
    },
)

OUT_OF_DISTRIBUTION = Technique(
    "Feature out-of-distribution test",
    FEATURES,
    "How the error grows beyond the range of a physical feature that was trained on.",
    "§5.4, figures 10 and 11",
    {
        "force_field": offered(
            "force_field/time_extrapolation",
            (WINDOW, TAIL, SUBSET),
            ("force_mae",),
            ("trusted_range", "force_field.window_similarity"),
            in_paper=False,
        ),
        "jet_tagging": offered(
            "jet_tagging/energy_extrapolation",
            (WHERE, BINS),
            ("correct", "score"),
            (
                "jet_tagging.energy_distribution",
                "jet_tagging.energy_extrapolation",
                "jet_tagging.energy_decay",
            ),
        ),
        "nowcasting": offered(
            "nowcasting/intensity_extrapolation",
            (WINDOW, TAIL),
            ("lead/mae", "lead/active_area_mae"),
            ("nowcasting.errors_by_partition",),
            in_paper=False,
        ),
    },
)
