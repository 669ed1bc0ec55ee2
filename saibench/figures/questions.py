"""The questions of a reader that figures answer; a page has a section for each."""

from __future__ import annotations

BEST, TRUST, DRIVERS, FAIR = "best", "trust", "drivers", "fair"
OTHER = "other"
"""For figures that name no question."""
