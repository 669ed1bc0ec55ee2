"""The force field data sets that can be downloaded."""

from __future__ import annotations

from saibench.datamodules.force_field.rmd17_small import SmallRMD17
from saibench.datamodules.force_field.rmd17_whole import WholeRMD17

DATASETS = (WholeRMD17(), SmallRMD17())
