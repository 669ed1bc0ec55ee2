"""One static page a study: its table, its figures, and where every number comes from."""

from saibench.report.page import drawable, render, write_comparison, write_report

__all__ = ["drawable", "render", "write_comparison", "write_report"]
