"""One static page a study: its table, its figures, and where every number comes from."""

from saibench.report.page import render, write_report

__all__ = ["render", "write_report"]
