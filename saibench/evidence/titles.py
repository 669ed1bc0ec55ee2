"""Names of columns in words, for axes, pages and sentences: `SOAP distance to training`."""

from __future__ import annotations

import re
from collections.abc import Collection

from saibench.evidence.known import TITLES, listed
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import setting_name

ABBREVIATIONS = frozenset({"auc", "mae", "rmse", "roc"})
"""Written in capitals, like those that a workload's card lists under `abbreviations`."""
_COLUMN = re.compile(r"(?:\w+/)?[^\W\d]\w*(?:\.\w+)*")
"""A column, a setting, or a column along an axis."""
_SETTING = re.compile(r"\.[^\W\d]")


def words(name: str, abbreviations: Collection[str] = ()) -> str:
    """The words of a name; abbreviations in capitals.

    >>> words("force_mae"), words("csi_5", ["csi"])
    ('force MAE', 'CSI 5')
    """
    capitals = {*ABBREVIATIONS, *abbreviations}
    return " ".join(part.upper() if part in capitals else part for part in name.split("_"))


def titled(name: str, evidence: StudyEvidence | None = None) -> str:
    """The name in words of a column, or of an error computed from columns.

    A column is named by the title that its field declares, by that of a known column of an older
    version, or by the words of its name. A setting keeps its name.

    Args:
        name: `soap_distance`, `|energy_error|`, `lead/mae`, `lead/mae - lead/motion_part`.
        evidence: of the study that has the column.

    >>> titled("soap_distance"), titled("|energy_error|"), titled("subset.count")
    ('SOAP distance to training', '|energy error|', 'subset.count')
    >>> titled("lead/mae - lead/csi_0.5")
    'MAE - csi 0.5'
    """
    units = evidence.units if evidence else {}
    abbreviations = listed(evidence.records.values(), "abbreviations") if evidence else ()

    def title(found: re.Match[str]) -> str:
        column = found.group().rpartition("/")[2]
        if _SETTING.search(column):
            return setting_name(column)
        declared = units.get(column, {}).get("title")
        return declared or TITLES.get(column) or words(column, abbreviations)

    return _COLUMN.sub(title, name)
