"""Jets from Parquet, ROOT, npz and HDF5 files in the layouts of weaver, JetClass and EnergyFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
import pydantic
from tqdm import tqdm

from saibench.datamodules.files import data_roots, file_sha256, matching_files
from saibench.datamodules.header_cache import cached_header
from saibench.datamodules.jet_tagging.checks import check_constituents
from saibench.datamodules.jet_tagging.files.arrays import ArrayJets
from saibench.datamodules.jet_tagging.files.coordinates import Coordinates, four_momenta
from saibench.datamodules.jet_tagging.files.jet_file import JetFile, Names, Wanted
from saibench.datamodules.jet_tagging.files.parquet import ParquetJets
from saibench.datamodules.jet_tagging.files.root import RootJets
from saibench.datamodules.jet_tagging.jets import (
    CLASS,
    SPLITS,
    Jets,
    JetWriter,
    cached_jets,
    jet_index,
)
from saibench.datamodules.samplers.keys import sample_keys
from saibench.errors import InsufficientData, UserError, closest
from saibench.evidence.jet_tagging.class_names import ClassNames
from saibench.evidence.schema import AFTER, Field
from saibench.files.plain import refuse_irregular
from saibench.files.root import SIGNATURE
from saibench.formatting import joined
from saibench.options import Name, check_fields

FOLDER = "jets"
"""Subfolder of the data, and folder in the cache."""
TEST_FRACTION = 0.2
SIGNAL = ("1",)
"""Class that is the signal by default, where the classes are 0 and 1."""
UNITS = {"GeV": 1.0, "MeV": 1e-3, "TeV": 1e3}
JET_CLASS = Field(CLASS, "string", "", "jet", "feature", "class of the jet in the files", AFTER)
TRAIN, VAL, TEST = range(3)


def _class_name(value: Any) -> Any:
    """The name of a class that is a number: YAML reads `[2]` as one."""
    return str(value) if type(value) is int else value


Files = tuple[Name, ...]
Classes = tuple[Annotated[Name, pydantic.BeforeValidator(_class_name)], ...]
Part = Annotated[float, pydantic.Field(gt=0, lt=1)]


@dataclass(frozen=True)
class JetFiles:
    """Jets of files with one row per jet, labelled signal or background by their class.

    The format is found from the content: Parquet or ROOT with a list of constituents per jet, npz
    or HDF5 with padded arrays. `sample_id` is the number of the jet among those used, file by file.

    train: paths, names below `root`, or patterns such as `train/*.root`
    val, test: as `train`; without `test`, a part of the jets of `train` is tested; `train` may be
        empty for a model that is not trained here
    root: folder of the files or of their subfolder `jets/`; by default `SAIBENCH_DATA_DIR`, then
        `jets` in the cache
    columns: names of the four coordinates of constituents, or of one array (jets, constituents, 4);
        by default the usual names
    coordinates: of the columns; by default those of usual names, or the only ones in which the
        momenta are physical
    unit: of energies and momenta
    label: column of the label; by default the usual name, or one column `label_…` per class
    tree: of ROOT files; by default the only one
    signal: classes of label 1; by default 1 where the classes are 0 and 1
    background: classes of label 0; by default all others (one versus rest); jets of further classes
        are left out
    skip_empty: whether jets without constituents are left out, instead of refused
    multiclass: whether the net has one output per class of signal and background, instead of two
    test_fraction: fraction of the jets of `train` that are tested, without `test`; by default 0.2

    Raises UserError: `test_fraction` beside `test`; later, for a missing or faulty file, by row.
    """

    name: ClassVar[str] = "jet_files"
    index_fields: ClassVar[tuple[Field, ...]] = (JET_CLASS,)

    train: Files = ()
    val: Files = ()
    test: Files = ()
    root: str | None = None
    columns: Files | None = None
    coordinates: Coordinates | None = None
    unit: Literal["GeV", "MeV", "TeV"] = "GeV"
    label: str | None = None
    tree: str | None = None
    signal: Classes | None = None
    background: Classes | None = None
    skip_empty: bool = False
    multiclass: bool = False
    test_fraction: Part | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")
        if not (self.train or self.test):
            raise UserError("data.train and data.test name no file. Use data.train=[jets.root].")
        if self.test and self.test_fraction is not None:
            raise UserError(
                f"data.test_fraction={self.test_fraction} has no effect with data.test. Remove one."
            )
        if self.columns is not None and len(self.columns) not in (1, 4):
            raise UserError(
                f"data.columns has {len(self.columns)} names. Use four, or one of an array."
            )
        if both := set(self.signal or ()) & set(self.background or ()):
            raise UserError(f"data.signal and data.background both have {joined(sorted(both))}.")

    @property
    def validation(self) -> str | None:
        """The split of the validation jets; None for further jets of the training files."""
        return "val" if self.val else None

    @property
    def signal_classes(self) -> tuple[str, ...]:
        """The classes of label 1."""
        return self._signal

    @property
    def class_names(self) -> ClassNames:
        """The only class of signal and background each, or these words."""
        return ClassNames(_word(self._signal, "signal"), _word(self._background, "background"))

    @property
    def net_classes(self) -> tuple[str, ...]:
        """Classes of the outputs of a net with one per class; empty for a net of two."""
        return self.used_classes if self.multiclass else ()

    @property
    def used_classes(self) -> tuple[str, ...]:
        """Classes of signal and background, in the order of the files."""
        return tuple(name for name in self._classes if name not in self._left_out)

    def describe(self) -> str:
        names, files = self._names, sum(map(len, self._paths.values()))
        total = sum(file.num_jets() for _, file in self._files)
        label = f"{names.label[0]}, …" if len(names.label) > 1 else names.label[0]
        rest = "all others" if self.background is None else joined(list(self._background))
        return (
            f"{total:,} jets of {files} {'file' if files == 1 else 'files'}: "
            f"'{', '.join(names.momenta)}' as {names.coordinates} in {self.unit}; label "
            f"'{label}', signal {joined(list(self._signal))}, background {rest}."
        )

    def preview(self) -> pl.DataFrame | None:
        """`sample_id` and `split`; None if jets are left out."""
        if self._left_out or self.skip_empty:
            return None
        counts = [(split, file.num_jets()) for split, file in self._files]
        split = np.repeat([split for split, _ in counts], [count for _, count in counts])
        return jet_index(self._split(np.arange(len(split)), split))

    def recipe(self) -> dict[str, Any]:
        names = self._names
        return {
            "source": self.name,
            "version": 1,
            "files": {
                SPLITS[split]: [file_sha256(path) for path in paths]
                for split, paths in self._paths.items()
            },
            "momenta": list(names.momenta),
            "coordinates": names.coordinates,
            "unit": self.unit,
            "label": list(names.label),
            "tree": self.tree,
            "signal": list(self._signal),
            "background": list(self._background),
            "test_fraction": None if self.test else self._test_fraction,
            **({"skip_empty": True} if self.skip_empty else {}),
        }

    def load(self, cache: Path) -> Jets:
        return cached_jets(self, cache, self._read, self._classes)

    def _read(self, folder: Path) -> Mapping[str, np.ndarray]:
        writer, number = JetWriter(folder, has_class=True), 0
        total = sum(file.num_jets() for _, file in self._files)
        signal = [self._classes.index(name) for name in self._signal]
        with tqdm(total=total, desc="reading jets", unit="jet", mininterval=1.0) as bar:
            for split, file in self._files:
                for read, momenta, counts, classes in self._chunks(file):
                    bar.update(read)
                    if not len(counts):
                        continue
                    rows = number + np.arange(len(counts))
                    label = np.isin(classes, signal)
                    splits = self._split(rows, np.full(len(rows), split))
                    writer.add(momenta, counts, label, splits, classes)
                    number += len(rows)
        if not number:
            raise InsufficientData("data: no jet is of the classes of signal or background.")
        return writer.closed()

    def _chunks(self, file: JetFile) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Jets read; momenta (C, 4), counts (n,) and classes (n,) of the jets used.

        Raises UserError: a faulty jet, with its row.
        """
        names, first = file.names(), 0
        used = [self._classes.index(name) for name in (*self._signal, *self._background)]
        of_all = np.array([self._classes.index(name) for name in names.classes], dtype=np.int64)
        scale = np.ones(4)
        for place, coordinate in enumerate(names.coordinates.split("_")):
            if coordinate in ("E", "px", "py", "pz", "pt", "mass"):
                scale[place] = UNITS[self.unit]
        for chunk in file.chunks():
            where = str(file.path)
            momenta = four_momenta(chunk.values * scale, names.coordinates, where)
            labels = np.zeros(len(chunk.counts))  # any label, since it is not of the file
            check_constituents(
                momenta, chunk.counts, labels, f"{where}, row", first, self.skip_empty
            )
            first += len(chunk.counts)
            classes = of_all[chunk.classes]
            chosen = np.isin(classes, used) & (chunk.counts > 0)
            of_chosen = np.repeat(chosen, chunk.counts)
            yield len(chosen), momenta[of_chosen], chunk.counts[chosen], classes[chosen]

    def _split(self, rows: np.ndarray, split: np.ndarray) -> np.ndarray:
        """Positions in `SPLITS`; without test files, a fixed random part of the jets is tested."""
        if self.test:
            return split
        tested = sample_keys(rows, seed=0) < np.uint64(self._test_fraction * 2**64)
        return np.where((split == TRAIN) & tested, TEST, split)

    @property
    def _test_fraction(self) -> float:
        return TEST_FRACTION if self.test_fraction is None else self.test_fraction

    @cached_property
    def _paths(self) -> dict[int, list[Path]]:
        """Position of the split → files, in their order."""
        roots = [Path()] if self.root is None else []
        roots += data_roots(self.root, FOLDER)
        found = {}
        for split, given in ((TRAIN, self.train), (VAL, self.val), (TEST, self.test)):
            paths = [path for one in given for path in matching_files(one, roots, FOLDER)]
            found[split] = list(dict.fromkeys(paths))  # two patterns may name one file
        return found

    @cached_property
    def _files(self) -> list[tuple[int, JetFile]]:
        wanted = Wanted(self.columns, self.coordinates, self.label, self.tree)
        return [
            (split, cached_header(path, ("jets", wanted), partial(jet_file, path, wanted)))
            for split, paths in self._paths.items()
            for path in paths
        ]

    @cached_property
    def _names(self) -> Names:
        """Of the first file. Raises UserError: others are of another layout."""
        (_, first), *others = self._files
        names = first.names()
        for _, file in others:
            own = file.names()
            if replace(own, classes=()) != replace(names, classes=()):
                raise UserError(
                    f"{file.path} has '{', '.join(own.momenta)}' as {own.coordinates} and label "
                    f"'{', '.join(own.label)}', but {first.path} has '{', '.join(names.momenta)}' "
                    f"as {names.coordinates} and label '{', '.join(names.label)}'. Use files of "
                    "one layout."
                )
        return names

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """Names of the classes of all files; numbers ascending."""
        found = dict.fromkeys(name for _, file in self._files for name in file.names().classes)
        are_numbers = all(name.removeprefix("-").isdigit() for name in found)
        return tuple(sorted(found, key=int)) if are_numbers else tuple(found)

    @cached_property
    def _signal(self) -> tuple[str, ...]:
        """Raises UserError: a class that the files lack, or none is given and it is unclear."""
        if self.signal is not None:
            return self._known("signal", self.signal)
        if self._classes != ("0", "1"):
            raise UserError(
                f"data.signal is not set, and the classes are {joined(list(self._classes))}. Set "
                "it to one or several of them (with `saibench import`: --set data.signal='[…]')."
            )
        return SIGNAL

    @cached_property
    def _background(self) -> tuple[str, ...]:
        """Raises UserError: a class that the files lack, or all are signal."""
        if self.background is not None:
            return self._known("background", self.background)
        found = tuple(name for name in self._classes if name not in self._signal)
        if not found:
            raise UserError(
                f"data.signal has all classes, {joined(list(self._classes))}. Leave some for the "
                "background."
            )
        return found

    @property
    def _left_out(self) -> set[str]:
        return set(self._classes) - {*self._signal, *self._background}

    def _known(self, option: str, given: tuple[str, ...]) -> tuple[str, ...]:
        for name in given:
            if name not in self._classes:
                raise UserError(f"data.{option} has '{name}': {closest(name, self._classes)}")
        return given


def _word(classes: tuple[str, ...], several: str) -> str:
    """The name of a single class that has one, else the word for several."""
    is_named = len(classes) == 1 and not classes[0].removeprefix("-").isdigit()
    return classes[0] if is_named else several


def jet_file(path: Path, wanted: Wanted) -> JetFile:
    """The reader of a file, by its first bytes. Raises UserError: it is not readable."""
    try:
        refuse_irregular(path)
        with path.open("rb") as file:
            head = file.read(4)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from error
    if head == b"PAR1":
        return ParquetJets(path, wanted)
    if head == SIGNATURE:
        return RootJets(path, wanted)
    return ArrayJets(path, wanted)
