"""Effects of two settings on the error: local to some samples, or a global amplitude (fig. 5)."""

from __future__ import annotations

from saibench.analysis.two_axes.local_and_global import Change, PairErrors, changes

__all__ = ["Change", "PairErrors", "changes"]
