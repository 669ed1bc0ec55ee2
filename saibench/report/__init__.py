"""A static page per study: its runs, findings and figures, and the provenance of each number."""

from saibench.report.page import drawable, render, write_comparison, write_report

__all__ = ["drawable", "render", "write_comparison", "write_report"]
