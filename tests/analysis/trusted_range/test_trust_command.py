from __future__ import annotations

import json
import re
from pathlib import Path

import polars
import pytest
from command_line import Ended, saibench
from made_trust import SAMPLES, write_trust_study

from saibench.analysis.trusted_range import TrustedRange
from saibench.evidence.schema import write_table

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}


def trust(*arguments: object) -> Ended:
    return saibench(Path.cwd(), "trust", *map(str, arguments))


def printed(*arguments: object) -> str:
    """What a command that succeeds prints."""
    ended = trust(*arguments)
    assert ended.status == 0, ended.err
    return ended.out


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trust_study(tmp_path_factory.mktemp("study"), record=TRUST)


def test_each_run_has_an_answer_and_its_check(study: Path) -> None:
    lines = printed(study).splitlines()
    assert len(lines) == 6 and lines[0] == "near" and lines[3] == "far"
    assert "distance" in lines[1] and "60.0 meV/Å" in lines[1]
    assert "90 % bound" in lines[2] and "narrower" in lines[2]


def test_runs_without_the_feature_share_one_sentence(tmp_path: Path) -> None:
    study = write_trust_study(tmp_path, ("zeros", "near", "mean"), num_blocks=40, record=TRUST)
    for name in ("zeros", "mean"):
        table = study / name / "samples.parquet"
        rows = polars.read_parquet(table)
        empty = polars.lit(None, polars.Float64).alias("distance")
        write_table(table, rows.with_columns(empty).select(rows.columns), SAMPLES)
    alone = printed(study, "--point", "near").splitlines()
    *lines, last = printed(study).splitlines()
    assert lines == alone
    assert "zeros; mean" in last and "distance" in last and "near" not in last
    heading, *lines, again = printed(study, "--together").splitlines()
    assert [heading, *lines] == alone and again == last
    ended = trust(study, "--point", "zeros", "mean")
    assert ended.status == 2 and "distance" in ended.err and ended.out == ""


def test_details_are_printed_on_request(study: Path) -> None:
    out = printed(study, "--point", "near", "--verbose")
    assert len(out.splitlines()) > 6
    for part in (
        *("force MAE [meV/Å per component]", "distance [Å]", "60 meV/Å"),
        *("of 992 samples", "90 % bound", "7 seen in training", "1 with undefined values"),
        *("AUROC", "parts of the range"),
    ):
        assert part in out


def test_candidates_are_compared_in_a_table(study: Path) -> None:
    out = printed(study, "--point", "near", "--feature", "distance", "chance", "--verbose")
    assert "chance adds nothing" in out
    table = out.splitlines()[out.splitlines().index("") + 1 :]
    assert {"features", "error model", "pinball loss", "gain"} <= set(re.split(r" {2,}", table[0]))
    (chosen,) = [line for line in table if line.endswith("chosen")]
    assert chosen.split()[0] == "distance" and "chance" not in chosen
    each = ("--feature", "distance", "--feature", "chance")
    assert printed(study, "--point", "near", *each, "--verbose") == out


def test_more_blocks_than_are_independent_are_said_to_correlate(study: Path) -> None:
    ended = trust(study, "--point", "near", "--blocks", "300", "--json")
    assert ended.status == 0
    (found,) = json.loads(ended.out)["ranges"]
    estimated = found["estimated_blocks"]
    assert estimated < 300 and sum(
        found["counts"][name] for name in ("fitted_blocks", "calibration_blocks")
    ) == 300  # fmt: skip
    for part in ("--blocks", "300", f" {estimated} independent"):
        assert part in ended.err and any(part in line for line in found["sentences"])
    fewer = trust(study, "--point", "near", "--blocks", "30", "--verbose")
    assert fewer.err == "" and "30 blocks are requested" in fewer.out


def test_json_has_the_numbers_of_the_saved_range(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    ended = trust(study, "--point", "near", "--json", "--save", path)
    assert ended.status == 0 and str(path) in ended.err
    document = json.loads(ended.out)
    assert (document["format"], document["version"]) == ("saibench trusted ranges", 1)
    (found,), saved = document["ranges"], TrustedRange.load(path)
    assert found["label"] == "near" and found["refused"] is None
    assert (found["statistic"]["name"], found["statistic"]["unit"]) == ("force_mae", "meV/Å")
    assert [one["name"] for one in found["features"]] == ["distance"]
    losses = [one["loss"] for one in found["competition"]["candidates"]]
    assert losses == sorted(losses) and losses[0] < found["competition"]["plain"]
    assert (found["chosen"], found["error_model"]) == (["distance"], saved.model.kind)
    interval = saved.trusted()
    assert [tuple(one) for one in found["trusted"]["intervals"]] == list(interval.intervals)
    assert found["mean_bound"] == saved.mean_bound
    validation = found["validation"]
    observed = validation["observed"][validation["levels"].index(found["coverage"])]
    assert 0.8 < observed["low"] <= observed["high"] <= 1
    assert 0 <= found["share_trusted"]["low"] <= found["share_trusted"]["high"] <= 1


def test_json_of_a_loaded_range_has_its_answer(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    printed(study, "--point", "near", "--save", path)
    document = json.loads(printed("--load", path, "--check", "distance=0.2", "--json"))
    check, expected = document["ranges"][0]["check"], TrustedRange.load(path).check(0.2)
    assert (check["bound"], check["inside"], check["trusted"]) == (expected.upper[0], True, True)


def test_json_and_verbose_exclude_each_other(study: Path) -> None:
    ended = trust(study, "--verbose", "--json")
    assert ended.status == 2 and "--json" in ended.err


def test_saved_range_is_checked_for_a_sample(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    assert str(path) in printed(study, "--point", "near", "--save", path)
    upper = TrustedRange.load(path).check(0.2).upper[0]
    out = printed("--load", path, "--check", "distance=0.2")
    assert f"{upper:.1f} meV/Å" in out and "inside the trusted range" in out
    assert "outside the trusted range" in printed("--load", path, "--check", "distance=0.95")
    assert "outside the fitted range" in printed("--load", path, "--check", "distance=7")
    assert "Trusted nowhere" in printed("--load", path, "--tolerance", "1")


def test_error_is_the_distance_from_the_given_ideal_value(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "range.json"
    out = printed(study, "--point", "near", "--ideal", "1000", "--save", path)
    assert "|force MAE − 1000|" in out
    from_ideal = TrustedRange.load(path)
    printed(study, "--point", "near", "--save", path)
    from_zero = TrustedRange.load(path)
    assert (from_ideal.statistic.ideal, from_zero.statistic.ideal) == (1000, 0)
    expected = 1000 - from_zero.check(0.2).expected[0]
    assert from_ideal.check(0.2).expected[0] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--load"),
        (["STUDY", "--feature", "distanse"], "'distance'"),
        (["STUDY", "--coverage", "90"], "--coverage 90"),
        (["STUDY", "--tolerance", "-1"], "--tolerance -1"),
        (["STUDY", "--ideal", "nan"], "--ideal nan"),
        (["STUDY", "--blocks", "12"], "0.88"),
        (["STUDY", "--blocks", "1"], "--blocks 1"),
        (["STUDY", "--blocks", "100000"], "--blocks 100000"),
        (["STUDY", "--check-on", "last_tenth"], "last_tenth"),
        (["STUDY", "--save", "range.json"], "--save"),
        (["STUDY", "--save", "/nowhere/range.json"], "/nowhere"),
        (["STUDY", "--check", "distance=1"], "--check"),
        (["--load", "missing.json"], "missing.json"),
        (["--load", "missing.json", "--coverage", "0.8"], "--coverage"),
        (["--load", "RANGE", "--check", "distance=far"], "distance=far"),
        (["--load", "RANGE", "--check", "time=1"], "'time'"),
        (["--load", "RANGE", "--check", "distance=1", "distance=2"], "distance"),
        (["--load", "RANGE", "--tolerance", "-3"], "--tolerance -3"),
        (["--load", "RANGE", "--tolerance", "inf"], "--tolerance inf"),
        (["missing"], "missing"),
    ],
)
def test_mistakes_are_one_sentence(
    study: Path, tmp_path: Path, arguments: list[str], named: str
) -> None:
    path = tmp_path / "saved.json"
    if "RANGE" in arguments:
        printed(study, "--point", "near", "--save", path)
    given = {"STUDY": str(study), "RANGE": str(path)}
    ended = trust(*(given.get(argument, argument) for argument in arguments))
    assert ended.status == 2 and ended.out == ""
    assert named in ended.err and len(ended.err.strip().splitlines()) == 1
