"""Reader of jets in ROOT trees, as JetClass: jagged branches of numbers, by uproot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

NTUPLE = "ROOT::RNTuple"


@dataclass(frozen=True)
class RootJets(JetFile):
    """One file with one tree."""

    def _header(self) -> tuple[Names, int]:
        with self._tree() as tree:
            found = [name for name in tree.keys() if "/" not in name]  # noqa: SIM118  # of uproot
            momenta, coordinates = self.wanted.momenta(self.path, found)
            label = self.wanted.labels(self.path, found)
            for name in (*momenta, *label):
                self._check_numbers(tree[name], name, is_jagged=name in momenta)
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

    @contextmanager
    def _tree(self) -> Iterator[Any]:
        uproot = _uproot(self.path)
        try:
            refuse_irregular(self.path)
            with uproot.open(self.path) as file:
                kinds = file.classnames(recursive=False, cycle=False)
                trees = [name for name, kind in kinds.items() if kind == "TTree"]
                name = self.wanted.tree
                if name is None and len(trees) == 1:
                    name = trees[0]
                if name is None or name not in trees:
                    raise self._no_tree(kinds)
                yield file[name]
        except UserError:
            raise
        except Exception as error:  # uproot raises almost anything for a damaged file
            raise UserError(
                f"{self.path} is not a valid ROOT file ({first_line(error)})."
            ) from error

    def _no_tree(self, kinds: dict[str, str]) -> UserError:
        name = self.wanted.tree
        for found, kind in kinds.items():
            if kind == NTUPLE and (found == name or "TTree" not in kinds.values()):
                return UserError(
                    f"{self.path}: '{found}' is an RNTuple. Convert it to a TTree or to Parquet."
                )
        listed = ", ".join(f"{one} ({kind})" for one, kind in kinds.items()) or "none"
        wanted = "a single TTree" if name is None else f"the TTree '{name}'"
        return UserError(f"{self.path} has not {wanted}: set data.tree. Its objects: {listed}.")

    def _check_numbers(self, branch: Any, name: str, is_jagged: bool) -> None:
        """Refuse branches of objects, and labels of several values per jet."""
        kind = str(branch.interpretation)
        expected = "AsJagged(AsDtype(" if is_jagged else "AsDtype("
        if not kind.startswith(expected) or "object" in kind:
            needed = "numbers of each constituent" if is_jagged else "one number per jet"
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


def _uproot(path: Path) -> Any:
    try:
        import awkward  # noqa: F401  # which uproot needs for jagged branches
        import uproot
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path}: ROOT needs {error.name}, which is not installed. Run "
            "`pip install 'saibench[jets]'`."
        ) from error
    return uproot
