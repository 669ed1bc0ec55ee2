"""Names of the two classes of jets that a run separates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = "signal", "background"


@dataclass(frozen=True)
class ClassNames:
    """signal: name of the jets of label 1; background: of label 0."""

    signal: str = "top"
    background: str = "QCD"

    def of(self, label: int) -> str:
        return self.signal if label == 1 else self.background

    @classmethod
    def recorded(cls, records: Iterable[Mapping[str, Any]]) -> ClassNames:
        """The names in the records of a study; `signal` and `background` if they differ."""
        data = [record["data"] for record in records if isinstance(record.get("data"), Mapping)]
        found = {cls.stated(one) for one in data} or {cls()}
        return found.pop() if len(found) == 1 else cls("signal", "background")

    @classmethod
    def stated(cls, data: Mapping[str, Any]) -> ClassNames:
        """The names in what `stating` returned; top and QCD without them."""
        names = {field: data[f"{field}_name"] for field in FIELDS if f"{field}_name" in data}
        return cls(**{field: str(name) for field, name in names.items()})

    def stating(self) -> dict[str, str]:
        """The names for a record and for a model; empty for top and QCD."""
        if self == TOP_AND_QCD:
            return {}
        return {f"{field}_name": getattr(self, field) for field in FIELDS}

    def worded(self, text: str) -> str:
        """A text about top jets and QCD jets, with these names.

        >>> ClassNames("Hbb", "background").worded("accuracy on top jets; accepted QCD jet")
        'accuracy on Hbb jets; accepted background jet'
        """
        names = {"top jet": f"{self.signal} jet", "QCD jet": f"{self.background} jet"}
        return re.sub(r"\b(top jet|QCD jet)", lambda found: names[found.group()], text)


TOP_AND_QCD = ClassNames()
