"""Figures 13 to 21 and table 2, on precipitation nowcasting (§6)."""

from __future__ import annotations

from saibench.findings.nowcasting import claims as found
from saibench.findings.nowcasting import errors, tracing
from saibench.findings.nowcasting import trend as trends
from saibench.paper.reproduction import numbers
from saibench.paper.reproduction.result import Result, Said, of_study

MRMS = ("data=mrms",)
FINDINGS = ("saibench.findings.nowcasting.claims",)
LEAD_TIME, DEMO = "nowcasting/lead_time", "nowcasting/displacement_demo"
TWO_AREAS = (
    Said(
        "Raw MAE is 0.440, 0.535, 0.524 and active-area MAE 10.84, 11.82, 11.96 mm/h at 1, 2, 3 h.",
        "§6.2",
        numbers=numbers.raw_and_active,
    ),
    Said(
        "Raw MAE hides the decay from 2 to 3 hours that active-area MAE shows.",
        "§6.2",
        claim=errors.RAW_HIDES,
    ),
    Said("Active-area MAE grows with lead time.", "§6.2", claim=errors.ACTIVE_GROWS),
)

RESULTS = (
    Result(
        "table2",
        "raw and active-area MAE by lead time",
        (of_study(LEAD_TIME, "nowcasting.mae_distributions"),),
        MRMS,
        FINDINGS,
        TWO_AREAS,
    ),
    Result(
        "fig13",
        "errors of displaced rain",
        (of_study(DEMO, "nowcasting.displacement_demo", mini=DEMO),),
        MRMS,
        FINDINGS,
        (
            Said(
                "Once displaced rain no longer overlaps, its MAE rises no more, however far it is.",
                "§6",
                claim=found.SATURATES,
            ),
        ),
    ),
    Result(
        "fig14",
        "CSI of single events",
        (of_study(LEAD_TIME, "nowcasting.event_csi"),),
        MRMS,
        FINDINGS,
        (
            Said(
                "Some events respond to every threshold, some are cut off as they weaken, and some "
                "never respond.",
                "§6.1",
                numbers=numbers.responses_of_events,
            ),
        ),
    ),
    Result(
        "fig15",
        "cumulative CSI",
        (of_study(LEAD_TIME, "nowcasting.cumulative_csi"),),
        MRMS,
        FINDINGS,
        (
            Said("CSI decays faster at higher thresholds.", "§6.1", errors.CSI_DECAYS),
            Said(
                "A lower threshold is not better throughout: its histogram is wider.",
                "§6.1",
                numbers=numbers.width_of_csi,
            ),
        ),
    ),
    Result(
        "fig16",
        "mean intensity of the events",
        (of_study(LEAD_TIME, "nowcasting.mean_intensity_by_lead"),),
        MRMS,
        FINDINGS,
        (
            Said("Many events weaken over the time to be predicted.", "§6.2", errors.EVENTS_FADE),
            Said(
                "Some keep their intensity: a peak near 10 mm/h stands at all three lead times.",
                "§6.2",
                numbers=numbers.fullest_intensity,
            ),
        ),
    ),
    Result(
        "fig17",
        "distributions of raw and active-area MAE",
        (of_study(LEAD_TIME, "nowcasting.mae_distributions"),),
        MRMS,
        FINDINGS,
        (
            Said(
                "Raw MAE peaks near zero; active-area MAE has two peaks, at 6 and at 15 mm/h.",
                "§6.2",
                numbers=numbers.spread_of_errors,
            ),
            *TWO_AREAS,
        ),
    ),
    Result(
        "fig18",
        "displacement of the centre of mass",
        (of_study(LEAD_TIME, "nowcasting.displacement_by_lead"),),
        MRMS,
        FINDINGS,
        (
            Said(
                "The displacement has no preferred direction: the predicted motion has no bias.",
                "§6.3",
                numbers=numbers.mean_direction,
            ),
            Said(
                "Displacements add up with lead time, in all events.",
                "§6.3",
                numbers=numbers.growth_of_displacement,
            ),
        ),
    ),
    Result(
        "fig19",
        "differential trend",
        (of_study(LEAD_TIME, "nowcasting.differential_trend"),),
        MRMS,
        FINDINGS,
        (
            Said("More events weaken than grow.", "§6.4", trends.FEW_GROW),
            Said(
                "Hardly any event that grows is predicted to: the first quadrant is almost empty.",
                "§6.4",
                claim=trends.FIRST_QUADRANT,
            ),
            Said(
                "Growing intensity is what the model struggles with.",
                "§6.4",
                claim=trends.UNDER_PREDICTED,
            ),
        ),
    ),
    Result(
        "fig20",
        "stability of repeated predictions",
        (of_study("nowcasting/stability", "nowcasting.prediction_stability"),),
        MRMS,
        FINDINGS,
        (
            Said(
                "MAE is stable over 100 predictions of an event; the displacement is not.",
                "§6.5",
                claim=found.LESS_STABLE,
            ),
        ),
    ),
    Result(
        "fig21",
        "correlation of metrics",
        (of_study("nowcasting/error_tracing", "nowcasting.error_tracing"),),
        MRMS,
        FINDINGS,
        (
            Said("MAE rises linearly with the intensity.", "§6.6", tracing.PROPORTIONAL),
            Said("MAE and displacement go weakly together.", "§6.6", tracing.WEAKLY_RELATED),
            Said("Displacement and intensity are unrelated.", "§6.6", tracing.UNRELATED),
            Said(
                "Beside displacement, a component that is not observed adds to the MAE.",
                "§6.6",
                claim=tracing.SOURCE_MORE,
            ),
            Said(
                "What makes MAE proportional to intensity must be the residual, not the motion.",
                "§6.6",
                claim=tracing.SOURCE_SCALES,
            ),
        ),
    ),
)
