from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_trust import write_trust_study

from saibench.analysis.trusted_range import TrustedRange
from saibench.cli import main

Run = Callable[..., tuple[int, str, str]]
TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["saibench", "trust", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_status:
            main()
        out, err = capsys.readouterr()
        return int(exit_status.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trust_study(tmp_path_factory.mktemp("study"), record=TRUST)


def test_workloads_own_range_is_told_for_each_point(trust: Run, study: Path) -> None:
    status, out, _ = trust(study)
    assert status == 0
    assert {"near", "far"} <= set(out.splitlines())
    assert "force_mae [meV/Å per component] as a monotone function of distance [Å]" in out
    assert "Trusted for distance from" in out and "at or below 60 meV/Å" in out
    assert "] of the 992 samples have so low a bound." in out
    assert "inside the fitted range lie below their 90 % bound" in out
    assert (
        "7 that the model was trained on are left out; 1 with undefined values is left out" in out
    )


def test_saved_range_answers_for_a_sample(trust: Run, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    status, out, _ = trust(study, "--point", "near", "--save", path)
    assert status == 0 and f"Saved as {path}." in out
    trusted = TrustedRange.load(path)
    status, out, _ = trust("--load", path, "--check", "distance=0.2")
    assert status == 0
    assert f"at most {trusted.check(0.2).upper[0]:.1f} meV/Å for 90 % of new samples" in out
    assert "inside the trusted range for a tolerance of 60 meV/Å" in out
    _, out, _ = trust("--load", path, "--check", "distance=0.95")
    assert "outside the trusted range" in out
    _, out, _ = trust("--load", path, "--check", "distance=7")
    assert "lies outside the fitted range" in out and "is a guess" in out
    _, out, _ = trust("--load", path, "--tolerance", "1")
    assert "Trusted nowhere" in out


def test_error_is_the_distance_from_the_ideal_value_that_is_given(
    trust: Run, study: Path, tmp_path: Path
) -> None:
    path = tmp_path / "range.json"
    status, out, _ = trust(study, "--point", "near", "--ideal", "1000", "--save", path)
    assert status == 0 and "|force_mae − 1000| [meV/Å per component]" in out
    from_ideal = TrustedRange.load(path)
    trust(study, "--point", "near", "--save", path)
    from_zero = TrustedRange.load(path)
    assert (from_ideal.statistic.ideal, from_zero.statistic.ideal) == (1000, 0)
    expected = 1000 - from_zero.check(0.2).expected[0]
    assert from_ideal.check(0.2).expected[0] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs a study's folder"),
        (["STUDY", "--feature", "distanse"], "did you mean 'distance'?"),
        (["STUDY", "--coverage", "90"], "is not between 0 and 1"),
        (["STUDY", "--tolerance", "-1"], "is not a positive error"),
        (["STUDY", "--ideal", "nan"], "--ideal nan is not a finite number; 1 would work"),
        (["STUDY", "--blocks", "12"], "the data have 12; a coverage of at most 0.88 would work"),
        (["STUDY", "--blocks", "1"], "is too few"),
        (["STUDY", "--save", "range.json"], "--point with one of them"),
        (["STUDY", "--check", "distance=1"], "--load FILE would name it"),
        (["--load", "missing.json"], "is not readable"),
        (["--load", "missing.json", "--coverage", "0.8"], "--coverage is of a study"),
        (["missing"], "is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(
    trust: Run, study: Path, arguments: list[str], sentence: str
) -> None:
    given = [str(study) if argument == "STUDY" else argument for argument in arguments]
    status, out, err = trust(*given)
    assert status == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1 and out == ""


def test_check_needs_numbers(trust: Run, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    trust(study, "--point", "near", "--save", path)
    for text, sentence in (("distance=far", "is not FEATURE=NUMBER"), ("time=1", "is no feature")):
        status, _, err = trust("--load", path, "--check", text)
        assert status == 2 and sentence in err
    status, _, err = trust("--load", path, "--check", "distance=1", "distance=2")
    assert status == 2 and "--check names distance twice" in err
    for tolerance in ("-3", "inf"):
        status, _, err = trust("--load", path, "--tolerance", tolerance)
        assert status == 2 and "is not a positive error" in err
