"""Parts of a page that are looked through by hand, named by a workload as its figures are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import jinja2

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence, read_record
from saibench.files.integrity import RECORD
from saibench.imports.modules import part_module, recorded_modules


class ExplorerModule(Protocol):
    """What a module must offer to be part of a page.

    One that also has `samples(evidence)`, the ids that it shows by point, is offered where the
    page shows a single sample: its script adds `(point, sample) → element or null` to the list
    `saibench.sampleViews`.
    """

    title: str

    def needs(self, evidence: StudyEvidence) -> str | None:
        """None if it can be shown, else one sentence that says what is missing."""

    def fragment(self, evidence: StudyEvidence) -> str:
        """HTML that needs nothing from outside, with its own style and script."""


@dataclass(frozen=True)
class Explored:
    """What the page shows of one explorer; `reason` says why there is none.

    `error` is the defect of the program that kept it away; whoever shows it warns of it afterwards.
    """

    title: str
    html: str = ""
    reason: str = ""
    error: Exception | None = None

    @property
    def label(self) -> str:
        return f"the viewer '{self.title}'"


def saved_files(evidence: StudyEvidence, name: str) -> dict[str, Path]:
    """The file of this name by point, of those whose folder has it; in the study's order."""
    folders = [evidence.folder, *sorted(evidence.folder.glob("*/"))]
    found = {
        read_record(folder / RECORD)["point"]: folder / name
        for folder in folders
        if (folder / name).is_file() and (folder / RECORD).is_file()
    }
    return {point: found[point] for point in evidence.points["point"] if point in found}


def explored(evidence: StudyEvidence) -> list[Explored]:
    """The explorers that the points' records name, in their order."""
    return [_explored(evidence, name) for name in _named(evidence)]


def shown_samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the samples that explorers show."""
    found: dict[str, list[int]] = {}
    for name in _named(evidence):
        try:
            samples = getattr(explorer_module(name), "samples", None)
            if samples is not None:
                for point, ids in samples(evidence).items():
                    found[point] = [*found.get(point, []), *ids]
        except Exception:  # met again, and said, where the explorer stands
            continue
    return found


def explorer_module(name: str) -> ExplorerModule:
    """The explorer of a dotted module name.

    Raises:
        UserError: there is no such module, it is not to be imported, or it is no explorer.
    """
    return cast(ExplorerModule, part_module("explorers", name, ("title", "needs", "fragment")))


def viewer_template(module: str) -> jinja2.Template:
    """`<name>.html.j2` beside a viewer's module `<package>.<name>`; it escapes what it is given."""
    package, _, name = module.rpartition(".")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{name}.html.j2")


def _named(evidence: StudyEvidence) -> list[str]:
    return recorded_modules(evidence.records.values(), "explorers")


def _explored(evidence: StudyEvidence, name: str) -> Explored:
    title = name
    try:
        explorer = explorer_module(name)
        title = explorer.title
        reason = explorer.needs(evidence)
        if reason is not None:
            return Explored(title, reason=reason)
        return Explored(title, html=explorer.fragment(evidence))
    except UserError as error:
        return Explored(title, reason=str(error))
    except Exception as error:
        return Explored(title, reason=f"{type(error).__name__}: {error}", error=error)
