"""Shared by figures of force fields: the colours of species, and the definition of force MAE."""

from __future__ import annotations

from saibench.figures.style import INK, PALETTE

FORCE_MAE = "mean absolute error of a force component, averaged over a frame's atoms"
SPECIES = {"all": INK, "H": "#56B4E9", "C": "#4d4d4d", "N": "#0072B2", "O": "#D55E00"}


def colour_of(species: str, position: int) -> str:
    """The colour of a species, the same in every figure; unlisted ones take the palette's next."""
    return SPECIES.get(species, PALETTE[2 + position % (len(PALETTE) - 2)])
