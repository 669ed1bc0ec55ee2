"""Reader of jets in ROOT trees, as JetClass: jagged branches of numbers, by uproot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from saibench.datamodules.jet_tagging.files.jet_file import (
    CHUNK,
    ONE_HOT,
    Chunk,
    JetFile,
    Names,
    classes_of_numbers,
    classes_of_one_hot,
    refuse_no_integer,
    stacked,
    without_padding,
)
from saibench.errors import UserError
from saibench.files.root import branches, is_flat, is_jagged, opened_tree


@dataclass(frozen=True)
class RootJets(JetFile):
    """One file with one tree."""

    def _header(self) -> tuple[Names, int]:
        with self._tree() as tree:
            found = branches(tree)
            momenta, coordinates = self.wanted.momenta(self.path, found)
            label = self.wanted.labels(self.path, found)
            for name in (*momenta, *label):
                self._check_numbers(tree[name], name, of_constituents=name in momenta)
            names = Names(momenta, coordinates, label, self._classes(tree, label))
            return names, int(tree.num_entries)

    def chunks(self) -> Iterator[Chunk]:
        names, first = self.names(), 0
        needed = {*names.momenta, *names.label}
        with self._tree() as tree:
            for arrays in tree.iterate(filter_name=needed.__contains__, step_size=CHUNK):
                values, counts = self._constituents(arrays, names.momenta, first)
                number = len(counts)
                values, counts = without_padding(values, counts)
                yield Chunk(values, counts, self._class_of(arrays, names, first))
                first += number

    def _tree(self) -> AbstractContextManager[Any]:
        return opened_tree(self.path, self.wanted.tree, "data.tree")

    def _check_numbers(self, branch: Any, name: str, of_constituents: bool) -> None:
        """Refuse branches of objects, and labels of several values per jet."""
        if not (is_jagged(branch) if of_constituents else is_flat(branch)):
            needed = "numbers of each constituent" if of_constituents else "one number per jet"
            raise UserError(f"{self.path}: '{name}' is {branch.typename}. Use {needed}.")

    def _classes(self, tree: Any, label: tuple[str, ...]) -> tuple[str, ...]:
        if len(label) > 1:
            return tuple(name.removeprefix(ONE_HOT) for name in label)
        values = tree[label[0]].array(library="np")
        refuse_no_integer(values, self.path, 0)
        return tuple(map(str, np.unique(values.astype(np.int64)).tolist()))

    def _constituents(
        self, arrays: Any, names: tuple[str, ...], first: int
    ) -> tuple[np.ndarray, np.ndarray]:
        import awkward

        columns = []
        for name in names:
            lengths = awkward.to_numpy(awkward.num(arrays[name])).astype(np.int64)
            columns.append((name, awkward.to_numpy(awkward.flatten(arrays[name])), lengths))
        return stacked(columns, self.path, first)

    def _class_of(self, arrays: Any, names: Names, first: int) -> np.ndarray:
        import awkward

        columns = [awkward.to_numpy(arrays[name]) for name in names.label]
        if len(columns) > 1:
            return classes_of_one_hot(np.stack(columns, axis=1), self.path, first)
        return classes_of_numbers(columns[0], names.classes, self.path, first)
