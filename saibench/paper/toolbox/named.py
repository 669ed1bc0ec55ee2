"""What the entries of the toolbox name: samplers, transforms, scenarios."""

from __future__ import annotations

from saibench.paper.toolbox.technique import NotOffered, Offered

SAMPLERS = "saibench.datamodules.samplers"
FIGURES = "saibench.figures"
WINDOW, TAIL, SUBSET, BINS, WHERE = (
    f"{SAMPLERS}.{name}" for name in ("Window", "Tail", "Subset", "Bins", "Where")
)
MOLECULES_TURNED = "saibench.datamodules.force_field.transforms.RandomRotation"
JETS_TURNED = "saibench.datamodules.jet_tagging.transforms.BeamRotations"
DRAWN_AGAIN = "saibench.datamodules.nowcasting.draws.RepeatedDraws"

SCARCE, CLOUD, MATRIX = "Scarce data", "Point cloud", "Dense matrix"
SERIES, FEATURES, TRACING = "Time series", "Scientific features", "Error tracing"
GENERATIVE = "Generative model"

JET_HAS_NO_TIME = NotOffered("A jet is one moment: jets are independent and have no time.")


def offered(
    study: str,
    parts: tuple[str, ...],
    statistics: tuple[str, ...],
    figures: tuple[str, ...],
    in_paper: bool = True,
    mini: str | None = None,
    command: str = "",
) -> Offered:
    """An offer whose figures are those of `saibench.figures`, and its small form `<study>_mini`."""
    modules = tuple(f"{FIGURES}.{name}" for name in figures)
    mini = f"{study}_mini" if mini is None else mini
    return Offered(study, mini, parts, statistics, modules, command, in_paper)
