"""Viewers (explorers) of a page: interactive parts of a workload, named in its records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import jinja2

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence, read_record
from saibench.evidence.selection import SEED, differing, setting_text
from saibench.files.integrity import RECORD
from saibench.imports.modules import part_module, recorded_modules


class ExplorerModule(Protocol):
    """The interface of a viewer's module.

    Optionally `samples(evidence)` returns the ids of its saved samples by point. The page of such a
    sample then includes the viewer: its script adds `(point, sample) → element or null` to the list
    `saibench.sampleViews`.
    """

    title: str

    def needs(self, evidence: StudyEvidence) -> str | None:
        """None if the evidence suffices, else one sentence that says what is missing."""

    def fragment(self, evidence: StudyEvidence) -> str:
        """Self-contained HTML with its own style and script."""


@dataclass(frozen=True)
class RenderedExplorer:
    """A viewer on the page; `reason` says why there is none.

    `error` is the defect of the program that caused it; the caller warns of it afterwards.
    """

    title: str
    html: str = ""
    reason: str = ""
    error: Exception | None = None

    @property
    def label(self) -> str:
        return f"the viewer '{self.title}'"


def saved_files(evidence: StudyEvidence, name: str) -> dict[str, Path]:
    """The files of this name in the runs' folders, by point, in the order of the study."""
    folders = [evidence.folder, *sorted(evidence.folder.glob("*/"))]
    found = {
        read_record(folder / RECORD)["point"]: folder / name
        for folder in folders
        if (folder / name).is_file() and (folder / RECORD).is_file()
    }
    return {point: found[point] for point in evidence.points["point"] if point in found}


def run_labels(evidence: StudyEvidence, max_settings: int | None = None) -> dict[str, str]:
    """By point: the settings in which it differs from others; the seed only if no other does."""
    points = evidence.points
    names = [name for name in differing(points) if name != SEED] or differing(points)
    return {
        row["point"]: ", ".join(setting_text(name, row[name]) for name in names[:max_settings])
        for row in points.iter_rows(named=True)
    }


def rendered_explorers(evidence: StudyEvidence) -> list[RenderedExplorer]:
    """The viewers that the records name, in their order."""
    return [_rendered(evidence, name) for name in _named(evidence)]


def viewer_samples(evidence: StudyEvidence) -> dict[str, list[int]]:
    """By point the samples that viewers display."""
    found: dict[str, list[int]] = {}
    for name in _named(evidence):
        try:
            samples = getattr(explorer_module(name), "samples", None)
            if samples is not None:
                for point, ids in samples(evidence).items():
                    found[point] = [*found.get(point, []), *ids]
        except Exception:  # reported in the place of the viewer
            continue
    return found


def explorer_module(name: str) -> ExplorerModule:
    """The viewer's module of a dotted name.

    Raises:
        UserError: the module does not exist, may not be imported, or is not a viewer.
    """
    return cast(ExplorerModule, part_module("explorers", name, ("title", "needs", "fragment")))


def html_environment(package: str, folder: str) -> jinja2.Environment:
    """Templates in a package's folder; they escape their arguments."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def viewer_template(module: str) -> jinja2.Template:
    """The template `<name>.html.j2` next to a viewer's module `<package>.<name>`."""
    package, _, name = module.rpartition(".")
    return html_environment(package, "").get_template(f"{name}.html.j2")


def _named(evidence: StudyEvidence) -> list[str]:
    return recorded_modules(evidence.records.values(), "explorers")


def _rendered(evidence: StudyEvidence, name: str) -> RenderedExplorer:
    title = name
    try:
        explorer = explorer_module(name)
        title = explorer.title
        reason = explorer.needs(evidence)
        if reason is not None:
            return RenderedExplorer(title, reason=reason)
        return RenderedExplorer(title, html=explorer.fragment(evidence))
    except UserError as error:
        return RenderedExplorer(title, reason=str(error))
    except Exception as error:
        return RenderedExplorer(title, reason=f"{type(error).__name__}: {error}", error=error)
