"""Loading weights that others published into a net of the same names and shapes."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.files.integrity import check_zip

FEW, NAMED = 12, 3
"""Tensors that do not fit are all named up to the first number, else so many of each kind."""

DEEPEST = 4
"""Parts that the prefix of the net's names in a file may have: `module.model.net._orig_mod.`"""

_DAMAGED = (RuntimeError, EOFError, OSError, LookupError, TypeError, ValueError)


def load_weights(
    net: nn.Module,
    path: str | Path,
    settings: str,
    rename: Callable[[str], str] = str,
    fresh: str | None = None,
) -> None:
    """Load a checkpoint into `net`, every name and shape of it or nothing.

    The file holds a state dict, or a dict with one below `state_dict`; nothing but tensors and
    builtins is read from it. The net's names may stand below a prefix, as `module.` or `net.`,
    beside what only training needs.

    Args:
        net: what to load into.
        path: the checkpoint's file.
        settings: which of the net's settings decide its shapes, for the error: "base_channels".
        rename: from a name in the file to that of the net.
        fresh: names that begin with this are not loaded, and need not be in the file.

    Raises:
        UserError: the file is missing, damaged, no checkpoint or holds other objects, or its
            names or shapes are not the net's, which are then listed.
    """
    own = net.state_dict()
    state = _below(_prefix(given := _read_state(Path(path)), own, rename), given, rename)
    if fresh is not None:
        state = {name: value for name, value in state.items() if not name.startswith(fresh)}
        state |= {name: value for name, value in own.items() if name.startswith(fresh)}
    if misfits := misfits_of(state, own):
        raise _of_another_model(path, misfits, len(own), settings)
    net.load_state_dict(state, strict=True)


def _read_state(path: Path) -> dict[str, Tensor]:
    if path.is_file() and zipfile.is_zipfile(path):  # PyTorch's old format has no checksums
        check_zip(path, "fetching the file again would work")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"There is no checkpoint {path}: an existing file would work.") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is refused: it is no checkpoint, or holds other objects than tensors, which "
            "could run code when loaded; a file made by torch.save(net.state_dict()) would work."
        ) from error
    except _DAMAGED as error:
        raise UserError(
            f"{path} is no whole checkpoint, it may have been cut short "
            f"({path.stat().st_size:,} bytes): fetching the file again would work."
        ) from error
    nested = content.get("state_dict", content) if isinstance(content, dict) else content
    if not _is_state(nested):
        raise UserError(
            f"{path} holds no weights: a dict of tensors by name, or one below 'state_dict', "
            "would work."
        )
    return nested


def _prefix(state: dict[str, Tensor], own: dict[str, Tensor], rename: Callable[[str], str]) -> str:
    """What stands before the net's names in a file: below it most of them are found."""
    parts = [name.split(".")[:-1][:DEEPEST] for name in state]
    prefixes = {
        "".join(f"{part}." for part in some[:n]) for some in parts for n in range(DEEPEST + 1)
    }
    found = {prefix: len(_below(prefix, state, rename).keys() & own) for prefix in prefixes}
    return min(found, key=lambda prefix: (-found[prefix], len(prefix)))


def _below(
    prefix: str, state: dict[str, Tensor], rename: Callable[[str], str]
) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, by the net's own names."""
    return {
        rename(name.removeprefix(prefix)): value
        for name, value in state.items()
        if name.startswith(prefix)
    }


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


Misfits = dict[str, list[str]]
"""By kind, a phrase for each tensor that is missing, unknown or of another shape."""


def misfits_of(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Misfits:
    """How the tensors of a file differ from those of a net; empty if names and shapes are its."""
    found = {
        "missing": [name for name in own if name not in state],
        "unknown": [name for name in state if name not in own],
        "of another shape": [
            f"{name} is {tuple(state[name].shape)} and not {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ],
    }
    return {kind: names for kind, names in found.items() if names}


def told(misfits: Misfits) -> str:
    """`1 missing: evo_net.gamma; 9 unknown: a, b, c, …`."""
    most = FEW if _count(misfits) <= FEW else NAMED
    return "; ".join(
        f"{len(names)} {kind}: {', '.join(names[:most])}" + (", …" if len(names) > most else "")
        for kind, names in misfits.items()
    )


def _count(misfits: Misfits) -> int:
    return sum(map(len, misfits.values()))


def _of_another_model(path: str | Path, misfits: Misfits, size: int, settings: str) -> UserError:
    """Names them in the sentence; where they are many, all of them in a note of the traceback."""
    count = _count(misfits)
    error = UserError(
        f"{path} is a checkpoint of another model: {count} of its tensors do not fit the {size} "
        f"of this net ({told(misfits)}); the checkpoint of this net, or the {settings} that it was "
        "trained with, would work."
    )
    if count > FEW:
        listed = (f"{kind}: {name}" for kind, names in misfits.items() for name in names)
        error.add_note("\n".join(listed))
    return error
