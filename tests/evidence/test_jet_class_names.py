"""Figures and pages name the classes that a study's jets have."""

from __future__ import annotations

from saibench.evidence.jet_tagging.class_names import ClassNames


def of(background: str, signal: str) -> dict[str, object]:
    return {"data": {"hash": "0", **ClassNames(signal, background).stating()}}


def test_names_are_those_of_the_records() -> None:
    top = {"data": {"hash": "1"}}
    assert ClassNames.recorded([top, {}]) == ClassNames("top", "QCD")
    assert ClassNames.recorded([of("QCD", "Hbb"), of("QCD", "Hbb"), {}]).signal == "Hbb"
    assert ClassNames.recorded([of("QCD", "Hbb"), top]) == ClassNames("signal", "background")
    assert ClassNames.recorded([]).of(0) == "QCD"
    assert ClassNames("Hbb", "rest").worded("QCD jets, a top jet") == "rest jets, a Hbb jet"
