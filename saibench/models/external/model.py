"""Models from elsewhere: they get a batch by name, and return their predictions by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saibench.errors import UserError

Batch = dict[str, Tensor]
"""What a model gets, by name, such as `positions` (B, A, 3) in Å; always with `SAMPLE_ID` (B,)."""
SAMPLE_ID = "sample_id"


class ExternalModel(nn.Module):
    """A model that was made elsewhere and is tested as it is.

    In place of a net of a shipped module: the module passes the inputs of a batch by name, and
    reads the outputs by name. See docs/how-to/models-as-they-are.md for those of each workload.
    """

    name = "external model"
    """In messages."""
    predicts_anew = True
    """Whether it can predict samples that are not those of the data."""

    def declared(self, name: str) -> Any:
        """An attribute by which the author describes the model; None without it."""
        return getattr(self, name, None)

    def check_transform(self, transform: Any | None) -> None:
        """Raise `UserError` if the model cannot predict samples under a test-time transform."""

    def predict(self, batch: Batch) -> Any:
        """Predictions: a dict by name; or a tensor, tuple or list in the order of the names."""
        raise NotImplementedError

    def forward(self, batch: Batch, names: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """Predictions by name, on the device of the inputs.

        Args:
            batch: inputs by name.
            names: sets of outputs, the model returns those of one of them.

        Raises:
            UserError: the outputs have other names or another number.
        """
        device = next(iter(batch.values())).device
        found = self._by_name(self.predict(batch), names)
        return {name: self._tensor(value, name).to(device) for name, value in found.items()}

    def refuse_not_finite(self, values: Tensor, sample_id: Tensor, name: str) -> None:
        """Refuse predictions that are NaN or infinite.

        Args:
            values: `(B, …)`; another number of rows is refused elsewhere, by the shape.
            sample_id: `(B,)`.
            name: of the output.

        Raises:
            UserError: the first such sample.
        """
        if values.ndim == 0 or len(values) != len(sample_id):
            return
        finite = values.isfinite().reshape(len(values), -1).all(dim=1)
        wrong = sample_id[~finite].tolist()
        if wrong:
            more = f" and {len(wrong) - 1} more of its batch" if len(wrong) > 1 else ""
            raise UserError(
                f"{self.name}: {name} of sample {wrong[0]}{more} is NaN or infinite. A prediction "
                "that is not a number is an error of its model: correct it."
            )

    def _by_name(self, output: Any, names: Sequence[Sequence[str]]) -> dict[str, Any]:
        if isinstance(output, Mapping):
            for wanted in names:
                if all(name in output for name in wanted):
                    return {name: output[name] for name in wanted}
            given = f"a dict with {', '.join(map(str, output)) or 'no entry'}"
        else:
            parts = list(output) if isinstance(output, tuple | list) else [output]
            if len(parts) == len(names[0]):
                return dict(zip(names[0], parts, strict=True))
            given = f"a {type(output).__name__} of {len(parts)}"
        wanted = " or ".join(f"({', '.join(one)})" for one in names)
        raise UserError(f"{self.name} returned {given}. Return a dict with the keys {wanted}.")

    def _tensor(self, value: Any, name: str) -> Tensor:
        if isinstance(value, Tensor):
            return value.detach()
        try:
            return torch.as_tensor(np.asarray(value))
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{self.name} returned a {type(value).__name__} as {name}. Return a torch.Tensor "
                "or a numpy array."
            ) from error
