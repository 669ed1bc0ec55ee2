"""Answers to the questions that a study's page and console open with, from evidence alone."""

from __future__ import annotations

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.study import Answers, study_answers

__all__ = ["Answer", "Answers", "study_answers"]
