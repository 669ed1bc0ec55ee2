"""ROOT files from untrusted sources: branches of numbers in a TTree, by uproot."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

SIGNATURE = b"root"
NTUPLE = "ROOT::RNTuple"
JAGGED, FLAT = "AsJagged(AsDtype(", "AsDtype("
"""Beginnings of uproot's interpretation of branches with lists, and with one number per entry."""


@contextmanager
def opened_tree(
    path: Path, name: str | None, option: str = "", usual: Collection[str] = ()
) -> Iterator[Any]:
    """Yield a TTree of a file.

    Args:
        path: the file.
        name: of the tree; None for the only one.
        option: that sets the name, for messages; empty if there is none.
        usual: names of the tree to take of several.

    Raises:
        UserError: uproot is not installed, there is no such tree, or the file is damaged, also
            where it is read.
    """
    uproot = _uproot(path)
    try:
        refuse_irregular(path)
        with uproot.open(path) as file:
            kinds = file.classnames(recursive=False, cycle=False)
            trees = [one for one, kind in kinds.items() if kind == "TTree"]
            known = trees if len(trees) == 1 else [one for one in trees if one in usual]
            chosen = known[0] if name is None and len(known) == 1 else name
            if chosen not in trees:
                raise _no_tree(path, name, kinds, option)
            yield file[chosen]
    except UserError:
        raise
    except Exception as error:  # uproot raises almost anything for a damaged file
        raise UserError(f"{path} is not a valid ROOT file ({first_line(error)}).") from error


def branches(tree: Any) -> list[str]:
    """The names of the branches, without those inside others.

    Raises:
        UserError: a branch has another number of entries than the tree: uproot would look for the
            missing ones without end.
    """
    names = [name for name in tree.keys() if "/" not in name]  # noqa: SIM118  # of uproot
    for name in names:
        own, whole = tree[name].num_entries, tree.num_entries
        if tree[name].num_baskets and own != whole:
            raise UserError(
                f"{tree.file.file_path}: '{name}' has {own:,} entries, '{tree.name}' {whole:,}. "
                "Copy or download the file again."
            )
    return names


def is_jagged(branch: Any) -> bool:
    """Whether each entry is a list of numbers."""
    return _is(branch, JAGGED)


def is_flat(branch: Any) -> bool:
    """Whether each entry is a number."""
    return _is(branch, FLAT) and not branch.interpretation.to_dtype.shape


def _is(branch: Any, beginning: str) -> bool:
    kind = str(branch.interpretation)
    return kind.startswith(beginning) and "object" not in kind


def _no_tree(path: Path, name: str | None, kinds: dict[str, str], option: str) -> UserError:
    for found, kind in kinds.items():
        if kind == NTUPLE and (found == name or "TTree" not in kinds.values()):
            return UserError(
                f"{path}: '{found}' is an RNTuple. Convert it to a TTree or to Parquet."
            )
    listed = ", ".join(f"{one} ({kind})" for one, kind in kinds.items()) or "none"
    listed = " ".join(listed.split())  # a damaged name may have line feeds
    wanted = "a single TTree" if name is None else f"the TTree '{name}'"
    remedy = f"set {option}" if option else "keep one in the file"
    return UserError(f"{path} has not {wanted}: {remedy}. Its objects: {listed}.")


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
