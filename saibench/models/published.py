"""Loading of published weights into a net of the same names and shapes."""

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

MAX_LISTED, NUM_EXAMPLES = 12, 3
"""Up to the first number, all mismatched tensors are listed; else so many examples of each kind."""

MAX_PREFIX_PARTS = 4
"""Of the net's names in a file, such as `module.model.net._orig_mod.`"""

_DAMAGED = (RuntimeError, EOFError, OSError, LookupError, TypeError, ValueError)


def load_weights(
    net: nn.Module,
    path: str | Path,
    settings: str,
    rename: Callable[[str], str] = str,
    fresh: str | None = None,
) -> None:
    """Load a checkpoint into `net` if all names and shapes match.

    The file holds a state dict, or a dict with a state dict as `state_dict`; only tensors and
    builtins are read. The net's names may have a prefix such as `module.` or `net.`; tensors
    without this prefix are ignored.

    Args:
        net: the net.
        path: the checkpoint's file.
        settings: the net's settings that decide its shapes, for the error: "base_channels".
        rename: from a name in the file to the net's name.
        fresh: prefix of the names that are not loaded, and need not be in the file.

    Raises:
        UserError: the file is missing, damaged, not a checkpoint or holds other objects, or its
            names or shapes are not those of the net.
    """
    own = net.state_dict()
    state = _below(_prefix(given := _read_state(Path(path)), own, rename), given, rename)
    if fresh is not None:
        state = {name: value for name, value in state.items() if not name.startswith(fresh)}
        state |= {name: value for name, value in own.items() if name.startswith(fresh)}
    if found := mismatches(state, own):
        raise _of_another_model(path, found, len(own), settings)
    net.load_state_dict(state, strict=True)


def _read_state(path: Path) -> dict[str, Tensor]:
    if path.is_file() and zipfile.is_zipfile(path):  # PyTorch's old format has no checksums
        check_zip(path, "download the file again")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"There is no checkpoint {path}. Use an existing file.") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is not a checkpoint, or holds other objects than tensors, which could run "
            "code when loaded. Use a file of torch.save(net.state_dict())."
        ) from error
    except _DAMAGED as error:
        raise UserError(
            f"{path} is not a complete checkpoint ({path.stat().st_size:,} bytes). Download the "
            "file again."
        ) from error
    nested = content.get("state_dict", content) if isinstance(content, dict) else content
    if not (isinstance(nested, dict) and nested and all(map(_is_tensor, nested.values()))):
        raise UserError(
            f"{path} holds no weights. Use a dict of tensors by name, or a dict with such a dict "
            "as 'state_dict'."
        )
    return nested


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _prefix(state: dict[str, Tensor], own: dict[str, Tensor], rename: Callable[[str], str]) -> str:
    """The prefix under which most of the net's names are in a file."""
    parts = [name.split(".")[:-1][:MAX_PREFIX_PARTS] for name in state]
    prefixes = {
        "".join(f"{part}." for part in some[:n])
        for some in parts
        for n in range(MAX_PREFIX_PARTS + 1)
    }
    found = {prefix: len(_below(prefix, state, rename).keys() & own) for prefix in prefixes}
    return min(found, key=lambda prefix: (-found[prefix], len(prefix)))


def _below(
    prefix: str, state: dict[str, Tensor], rename: Callable[[str], str]
) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, by the net's names."""
    return {
        rename(name.removeprefix(prefix)): value
        for name, value in state.items()
        if name.startswith(prefix)
    }


Mismatches = dict[str, list[str]]
"""By kind, a phrase for each tensor that is missing, unknown or of another shape."""


def mismatches(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mismatches:
    """Differences between the tensors of a file and those of a net; empty if all match."""
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


def listed(found: Mismatches) -> str:
    """`1 missing: evo_net.gamma; 9 unknown: a, b, c, …`."""
    most = MAX_LISTED if _count(found) <= MAX_LISTED else NUM_EXAMPLES
    return "; ".join(
        f"{len(names)} {kind}: {', '.join(names[:most])}" + (", …" if len(names) > most else "")
        for kind, names in found.items()
    )


def _count(found: Mismatches) -> int:
    return sum(map(len, found.values()))


def _of_another_model(path: str | Path, found: Mismatches, size: int, settings: str) -> UserError:
    """Lists the mismatches; if there are many, all of them in a note of the traceback."""
    count = _count(found)
    error = UserError(
        f"{path} is a checkpoint of another model: {count} of its tensors do not match the {size} "
        f"of this net ({listed(found)}). Use a checkpoint of this net, or the {settings} of its "
        "training."
    )
    if count > MAX_LISTED:
        error.add_note("\n".join(f"{kind}: {name}" for kind in found for name in found[kind]))
    return error
