"""A file of TorchScript or `torch.export` as a model.

Such a file is a program: loading or calling one runs what its author wrote. It is opened when the
command line names it. A run's config from elsewhere may name it only after
`--trust-module saibench.models.external`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saibench.errors import UserError, first_line
from saibench.models.external.model import SAMPLE_ID, Batch, ExternalModel

_FAILURES = (
    RuntimeError, ValueError, TypeError, LookupError, OSError, AssertionError, AttributeError,
    ArithmeticError, EOFError, zipfile.BadZipFile,
)  # fmt: skip
"""Errors of torch for a damaged file, and for inputs that a program does not accept."""


class TorchFile(ExternalModel):
    """A program that `torch.jit.save` or `torch.export.save` wrote, tested as it is.

    It gets the inputs one after another, and returns a dict, a tensor or a tuple.

    Args:
        file: of the program.
        inputs: names of the inputs that it takes, in its order; None: all but `sample_id`.
        gradients: whether it computes gradients, such as forces by autograd.

    Raises:
        UserError: the file is missing, or holds no program.
    """

    def __init__(self, file: str, inputs: list[str] | None = None, gradients: bool = False) -> None:
        super().__init__()
        self.file, self.inputs, self.gradients = Path(file).expanduser(), inputs, gradients
        self.name = f"model.net.file={file}"
        self._programs: dict[torch.device, Callable[..., Any]] = {}
        self._program(torch.device("cpu"))

    def predict(self, batch: Batch) -> Any:
        device = next(iter(batch.values())).device
        names = self.inputs or [name for name in batch if name != SAMPLE_ID]
        for name in names:
            if name not in batch:
                raise UserError(
                    f"model.net.inputs: there is no input '{name}'. Use {', '.join(batch)}."
                )
        try:
            with torch.set_grad_enabled(self.gradients):
                return self._program(device)(*(batch[name] for name in names))
        except _FAILURES as error:
            given = ", ".join(f"{name} {_shape(batch[name])}" for name in names)
            raise UserError(
                f"{self.name} fails for ({given}): {_cause(error)}. Set model.net.inputs to those "
                "that it takes, model.net.gradients=true if it computes gradients, or export it "
                "with dynamic shapes."
            ) from error

    def _program(self, device: torch.device) -> Callable[..., Any]:
        """The program on a device; not a submodule, since exported ones have no `eval`."""
        if device not in self._programs:
            self._programs[device] = _loaded(self.file, device)
        return self._programs[device]


def _loaded(file: Path, device: torch.device) -> Callable[..., Any]:
    if not file.is_file():
        raise UserError(f"model.net.file={file} is not a file. Use a file of torch.jit.save.")
    try:
        names = zipfile.ZipFile(file).namelist() if zipfile.is_zipfile(file) else []
        if any("/code/" in f"/{name}" for name in names):
            return torch.jit.load(file, map_location=device)  # type: ignore[no-any-return]
        if any(name.endswith(".json") and "models/" in name for name in names):
            program = torch.export.load(file)
            if device.type != "cpu":
                from torch.export.passes import move_to_device_pass

                program = move_to_device_pass(program, device)
            return program.module()
    except _FAILURES as error:
        raise UserError(
            f"model.net.file={file} cannot be loaded: {first_line(error)}. Save it with the "
            f"PyTorch of this machine ({torch.__version__})."
        ) from error
    raise UserError(
        f"model.net.file={file} holds no program. Use a file of torch.jit.save or "
        "torch.export.save; weights alone go to model.checkpoint of the net that they belong to."
    )


def _cause(error: Exception) -> str:
    """The last line of an error of TorchScript, which lists its code before; else the first."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines or "TorchScript" not in lines[0]:
        return first_line(error)
    return lines[-1].strip().rstrip(".")


def _shape(value: Tensor) -> str:
    return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
