"""Figures 7 to 12, on jet tagging (§5)."""

from __future__ import annotations

from saibench.findings.jet_tagging import energy as energies
from saibench.findings.jet_tagging import rotation, tracing
from saibench.findings.jet_tagging import size as sizes
from saibench.paper.reproduction import numbers
from saibench.paper.reproduction.result import Result, Said, of_study

TOP_LANDSCAPE = ("data=top_landscape",)
FINDINGS = ("saibench.findings.jet_tagging.claims",)
ENERGIES = "jet_tagging/energy_extrapolation"

RESULTS = (
    Result(
        "fig7",
        "sample efficiency of a tagger",
        (of_study("jet_tagging/sample_efficiency", "jet_tagging.sample_efficiency"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("More training jets make the tagger better.", "§5.1", sizes.MORE_HELPS),
            Said(
                "The accuracy rises log-linearly, and no less from many jets than from few.",
                "§5.1",
                claim=sizes.LOG_LINEAR,
            ),
            Said(
                "Trained on 1 % of the jets, the tagger cannot bring false positives below 1 %.",
                "§5.1",
                claim=sizes.NOISY,
            ),
        ),
    ),
    Result(
        "fig8",
        "physics in the inputs",
        (of_study("jet_tagging/physical_prior", "jet_tagging.physical_prior"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("With few jets, the physical prior is better.", "§5.2", sizes.PRIOR_WINS_FEW),
            Said("With many jets, raw four-momenta are better.", "§5.2", sizes.RAW_WINS_MANY),
            Said("The prior's lead melts as the jets grow in number.", "§5.2", sizes.LEAD_SHRINKS),
        ),
    ),
    Result(
        "fig9",
        "jets turned about the beam",
        (of_study("jet_tagging/rotation", "jet_tagging.beam_rotation"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("Physical inputs do not feel a rotation.", "§5.3", rotation.INVARIANT),
            Said("Raw four-momenta do, and periodically.", "§5.3", rotation.SENSITIVE),
            Said("Jets as they are need not be those done best.", "§5.3", rotation.NOT_UPRIGHT),
            Said(
                "The gap between the best and the worst angle shrinks with the training set.",
                "§5.3",
                claim=rotation.MITIGATED,
            ),
            Said(
                "Even at the worst angle, four-momenta beat the physical inputs with many jets.",
                "§5.3",
                claim=rotation.WORST_WINS,
            ),
        ),
    ),
    Result(
        "fig10",
        "energy of the jets",
        (of_study(ENERGIES, "jet_tagging.energy_distribution"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("About half of the jets lie in the lowest of 8 bins.", "§5.4", energies.LONG_TAIL),
            Said(
                "All training ranges have equally many jets, drawn with one probability from "
                "wider and wider ranges.",
                "§5.4",
                numbers=numbers.jets_by_range,
            ),
        ),
    ),
    Result(
        "fig11",
        "extrapolation in energy",
        (of_study(ENERGIES, "jet_tagging.energy_extrapolation", "jet_tagging.energy_decay"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("Beyond the energies trained on, accuracy is lost.", "§5.4", energies.DECAYS),
            Said("Accuracy decays quadratically with the energy.", "§5.4", energies.QUADRATIC),
            Said("So does the AUC.", "§5.4", energies.QUADRATIC_AUC),
            Said("Bin 6 stands out: all models do better there.", "§5.4", energies.BUMP),
        ),
    ),
    Result(
        "fig12",
        "tops and background by energy",
        (of_study("jet_tagging/error_tracing", "jet_tagging.error_tracing"),),
        TOP_LANDSCAPE,
        FINDINGS,
        (
            Said("The share of tops falls linearly with energy.", "§5.5", tracing.RATIO_FALLS),
            Said("The accuracy on tops falls with the energy.", "§5.5", tracing.SIGNAL_FALLS),
            Said(
                "It is the accuracy on the background that rises in bin 6.",
                "§5.5",
                claim=tracing.BACKGROUND_RISES,
            ),
            Said(
                "Tops and background are not done equally well, so that another mix of them scores "
                "differently.",
                "§5.5",
                claim=tracing.CLASSES_DIFFER,
            ),
            Said(
                "With fewer tops at high energy, the background weighs more in the accuracy.",
                "§5.5",
                claim=tracing.BUMP_IS_BALANCE,
            ),
        ),
    ),
)
