"""All figures and tables of the paper that points are drawn for, by name."""

from __future__ import annotations

import difflib

from saibench.errors import UserError
from saibench.paper.reproduction import force_field, jet_tagging, nowcasting
from saibench.paper.reproduction.result import Result

RESULTS: dict[str, Result] = {
    result.name: result
    for result in (*force_field.RESULTS, *jet_tagging.RESULTS, *nowcasting.RESULTS)
}
TABLES = ("table1", "table3")
"""Tables of words, which take no point."""
NAMES = (
    *(f"fig{number}" for number in range(2, 22)),
    *(f"table{number}" for number in range(1, 4)),
)


def check_name(name: str) -> None:
    """Refuse what is not to be reproduced.

    Raises:
        UserError: figure 1, or an unknown name, with the closest that is known.
    """
    if name in NAMES:
        return
    if name == "fig1":
        raise UserError(
            "fig1 is a drawing of the method, with no data to reproduce; fig2 is the first that "
            "has some."
        )
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
    works = f"did you mean '{near[0]}'?" if near else "fig2 to fig21 and table1 to table3 are."
    raise UserError(f"'{name}' is no figure or table of the paper: {works}")
