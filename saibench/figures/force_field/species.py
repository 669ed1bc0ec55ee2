"""What figures of force fields share: a colour for each species, and what a force MAE is."""

from __future__ import annotations

from saibench.figures.style import INK, PALETTE

FORCE_MAE = "mean absolute error of a force component, averaged over a frame's atoms"
SPECIES = {"all": INK, "H": "#56B4E9", "C": "#4d4d4d", "N": "#0072B2", "O": "#D55E00"}


def colour_of(species: str, position: int) -> str:
    """A species' colour, the same in every figure; others take the palette's next one."""
    return SPECIES.get(species, PALETTE[2 + position % (len(PALETTE) - 2)])
