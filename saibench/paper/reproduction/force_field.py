"""Figures 2 to 6, on force fields (§4)."""

from __future__ import annotations

from saibench.findings.force_field import claims as found
from saibench.paper.reproduction import numbers
from saibench.paper.reproduction.result import Result, Said, of_study

ASPIRIN = ("data=rmd17", "data.molecule=aspirin")
TRACED = ("saibench.findings.tracing",)
BIASED = "energy_error is biased in stretches of time (§4.3, fig. 5)"
"""The claim of `TRACED` on this bias."""
FINDINGS = ("saibench.findings.force_field.claims",)
SIZES, WINDOWS = "force_field/sample_efficiency", "force_field/time_extrapolation"

RESULTS = (
    Result(
        "fig2",
        "sample efficiency of a force field",
        (of_study(SIZES, "force_field.force_error_by_size"),),
        ASPIRIN,
        FINDINGS,
        (
            Said(
                "The energy errs by less than 4 meV an atom after 200 frames alone.",
                "§4.1",
                numbers=numbers.energy_of_fewest_frames,
            ),
            Said(
                "Errors fall in proportion up to 1,000 frames, and gain little beyond.",
                "§4.1",
                claim=found.GAINS_SHRINK,
            ),
            Said("Hydrogen errs much less than carbon and oxygen.", "§4.1", found.HYDROGEN_LEAST),
            Said(
                "Oxygen errs less than its charge, against carbon's, would let expect.",
                "§4.1",
                claim=found.OXYGEN_SHORT,
            ),
        ),
    ),
    Result(
        "fig3",
        "extrapolation in time",
        (of_study(WINDOWS, "force_field.windows"),),
        ASPIRIN,
        FINDINGS,
        (
            Said(
                "The widest window, 0 to 90 %, is best; the earliest narrow one, 0 to 30 %, worst.",
                "§4.2",
                numbers=numbers.best_and_worst_window,
            ),
            Said("At an equal start, wider windows are better.", "§4.2", found.WIDER_BETTER),
            Said(
                "Windows of equal width do not get better steadily as they near the test: a "
                "zig-zag.",
                "§4.2",
                claim=found.ZIG_ZAG,
            ),
        ),
    ),
    Result(
        "fig4",
        "similarity of training windows to the test",
        (of_study(WINDOWS, "force_field.window_similarity"),),
        ASPIRIN,
        FINDINGS,
        (
            Said(
                "The similarity of 30 % windows to the test does not rise steadily towards it.",
                "§4.2",
                numbers=numbers.similarity_by_start,
            ),
            Said("Windows more similar to the test do better.", "§4.2", found.SIMILAR_BETTER),
        ),
    ),
    Result(
        "fig5",
        "what the window and the number of frames do to the energy error",
        (
            of_study(WINDOWS, "force_field.energy_error_over_time"),
            of_study(SIZES, "force_field.energy_error_over_time"),
        ),
        ASPIRIN,
        TRACED,
        (
            Said(
                "A narrow window leaves a stretch of time in which all energies are too low; a "
                "wide one does not.",
                "§4.3",
                claim=BIASED,
            ),
            Said(
                "More frames lower the error everywhere alike, and with it the spike at the start.",
                "§4.3",
                compare="the absolute energy error [meV] of the smallest and the largest training "
                "set by time, in energy_error_over_time-sample_efficiency.csv",
            ),
        ),
    ),
    Result(
        "fig6",
        "energy error against force error",
        (of_study(SIZES, "force_field.energy_against_force"),),
        ASPIRIN,
        FINDINGS,
        (
            Said(
                "Small errors of energy and forces are unrelated; large ones rise together.",
                "§4.3",
                numbers=numbers.relation_of_errors,
            ),
        ),
    ),
)
