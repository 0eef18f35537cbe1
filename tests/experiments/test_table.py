"""Means, deviations, intervals and differences by hand and by brute force; and what the table shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from svtok.cli.ablate import ablation_table as command
from svtok.errors import ProblemsError, SvtokError
from svtok.experiments.plan import Choice, Plan
from svtok.experiments.results import Row, mean_difference, mean_eer, runs_of, seed_deviation, write_results
from svtok.experiments.table import Ablated, ablation_markdown, ablation_text, with_results
from svtok.metrics import resampled_interval


def ablated(rows: Sequence[Row], known: Choice | None = None, **options: Any) -> Ablated:
    return Ablated(rows, with_results(known or Choice(), rows), **options)


def test_means_and_deviations_by_hand(make_row: Callable[..., Row]) -> None:
    eers = {(1, 0): 0.10, (2, 0): 0.20, (1, 1): 0.14, (2, 1): 0.24, (1, 2): 0.12}
    runs = runs_of([make_row("a", *pair, eer) for pair, eer in eers.items()], "a", "TC-vs-IC")
    mean = mean_eer(runs)
    assert mean is not None
    assert mean.value == pytest.approx(0.16)
    assert (mean.interval, mean.runs) == (None, 5)
    # only fold 1 has all three seeds: 0.10, 0.14, 0.12
    assert seed_deviation(runs) == pytest.approx(0.02)
    both = {pair: row for pair, row in runs.items() if pair[1] < 2}
    assert seed_deviation(both) == pytest.approx(0.04 / np.sqrt(2))
    assert seed_deviation({(1, 0): runs[1, 0]}) is None
    assert seed_deviation({(1, 0): runs[1, 0], (2, 1): runs[2, 1]}) is None
    assert mean_eer({}) is None


def test_intervals_come_from_the_mean_of_each_draw_over_the_runs(make_row: Callable[..., Row]) -> None:
    random = np.random.default_rng(0)
    draws = {pair: random.uniform(0.05, 0.3, 40) for pair in ((1, 0), (2, 0), (1, 1), (2, 1))}
    rows = [make_row("a", *pair, 0.17, eer_resampled=values.tolist()) for pair, values in draws.items()]
    mean = mean_eer(runs_of(rows, "a", "TC-vs-IC"))
    by_hand = np.array([sum(values[b] for values in draws.values()) / 4 for b in range(40)])
    assert mean is not None
    assert mean.interval == pytest.approx(resampled_interval(by_hand, 0.17))


def test_a_paired_difference_is_that_of_the_runs_that_both_have(make_row: Callable[..., Row]) -> None:
    random = np.random.default_rng(1)
    mine, theirs = [(1, 0), (2, 0), (1, 1)], [(1, 0), (1, 1), (2, 1)]
    draws = {(name, pair): random.uniform(0.05, 0.3, 60) for name, ps in (("a", mine), ("b", theirs)) for pair in ps}
    rows = [
        make_row(name, *pair, float(values[0]), eer_resampled=values.tolist()) for (name, pair), values in draws.items()
    ]
    difference = mean_difference(runs_of(rows, "a", "TC-vs-IC"), runs_of(rows, "b", "TC-vs-IC"))
    by_hand = [
        ((draws["a", (1, 0)][b] - draws["b", (1, 0)][b]) + (draws["a", (1, 1)][b] - draws["b", (1, 1)][b])) / 2
        for b in range(60)
    ]
    assert difference is not None
    assert difference.value == pytest.approx(by_hand[0])
    assert difference.runs == 2
    assert difference.interval == pytest.approx(resampled_interval(np.array(by_hand), by_hand[0]))
    assert mean_difference(runs_of(rows, "a", "TC-vs-IC"), {}) is None


def test_a_difference_that_all_draws_share_is_certain_though_the_means_are_not(make_row: Callable[..., Row]) -> None:
    draws = np.random.default_rng(2).uniform(0.1, 0.3, 100)
    rows = [make_row("a", 1, 0, 0.2, eer_resampled=draws.tolist())]
    rows += [make_row("b", 1, 0, 0.15, eer_resampled=(draws - 0.05).tolist())]
    runs = {name: runs_of(rows, name, "TC-vs-IC") for name in "ab"}
    mean, difference = mean_eer(runs["a"]), mean_difference(runs["b"], runs["a"])
    assert mean is not None
    assert mean.interval is not None
    assert mean.interval[1] - mean.interval[0] > 0.1
    assert difference is not None
    assert difference.interval == pytest.approx((-0.05, -0.05))


def test_draws_without_an_eer_are_left_out(make_row: Callable[..., Row]) -> None:
    one, two = [0.1, None, 0.2, 0.3], [0.2, 0.2, None, 0.4]
    rows = [make_row("a", 1, 0, 0.2, eer_resampled=one), make_row("a", 2, 0, 0.2, eer_resampled=two)]
    mean = mean_eer(runs_of(rows, "a", "TC-vs-IC"))
    assert mean is not None
    assert mean.interval == pytest.approx(resampled_interval(np.array([0.15, 0.35]), 0.2))


def test_runs_of_different_numbers_of_draws_have_no_common_interval(make_row: Callable[..., Row]) -> None:
    rows = [make_row("a", fold, eer_resampled=[0.1] * fold) for fold in (2, 3)]
    with pytest.raises(SvtokError, match=r"different numbers of draws \(\[2, 3\]\)"):
        mean_eer(runs_of(rows, "a", "TC-vs-IC"))


def test_the_table_shows_numbers_and_names_every_run_that_is_not_counted(make_row: Callable[..., Row]) -> None:
    rows = [
        make_row("avg", 1, 0, 0.10, eer_resampled=[0.08, 0.12], corpus="rsr2015 (SYNTHETIC speech)"),
        make_row("avg", 1, 0, 0.02, condition="TC-vs-TW"),
        make_row("avg", 2, 0, 0.20, eer_resampled=[0.18, 0.22], seconds=120.0, precision="fp32"),
        make_row("cls", 1, 0, 0.09, eer_resampled=[0.07, 0.11], parameters=1234567, hardware="a GPU", precision="bf16"),
        make_row("cls", 2, 0, None, condition=None, error="it broke"),
    ]
    text = ablation_text(ablated(rows, Choice([1, 2], [0], ["cls", "avg", "gone"]), against=["avg"]))
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert text.startswith("Mean error rates on rsr2015 (SYNTHETIC speech) (eval): folds 1, 2, seeds 0\n")
    assert lines["avg"] == ["avg", "2/2", "15.00", "[13.10,", "16.90]", "-", "2.00", "-", "1,000", "90"]
    cls = "cls 1/2, 1 failed 9.00 [7.10, 10.90] -1.00 [-1.00, -1.00] - - 1,234,567 60"
    assert lines["cls"] == cls.split()
    assert lines["gone"] == ["gone", "0/2", *"------"]
    assert "FAILED: fold2/seed0/cls: it broke" in text
    assert "Missing: fold1/seed0/gone, fold2/seed0/gone." in text
    assert "on a GPU (1 run), a processor, 1 thread (2 runs)." in text
    assert "Networks trained in: bf16 (1 run), fp32 (1 run)." in text
    markdown = ablation_markdown(ablated(rows, against=["avg"]))
    assert "| avg    |" in markdown
    assert "- FAILED: fold2/seed0/cls: it broke" in markdown


def test_intervals_of_fewer_than_ten_speakers_in_all_folds_are_marked_with_the_reason(
    make_row: Callable[..., Row],
) -> None:
    def rows(*speakers: int | None) -> list[Row]:
        return [
            make_row(name, fold, seed, 0.1, eer_resampled=[0.08, 0.12], speakers=count)
            for name in ("avg", "cls")
            for fold, count in enumerate(speakers, start=1)
            for seed in (0, 1)
        ]

    text = ablation_text(ablated(rows(4, 5), against=["avg"]))
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "10.00 [8.10, 11.90]?" in lines["avg"]
    assert "+0.00 [+0.00, +0.00]?" in lines["cls"]
    assert "[low, high]?: noise, for it is by drawing fewer than 10 speakers again (9)." in text
    assert "]?" not in ablation_text(ablated(rows(4, 6), against=["avg"]))
    assert "]?" not in ablation_text(ablated(rows(4, None), against=["avg"]))


def test_partial_comparisons_and_mixed_settings_are_noted(make_row: Callable[..., Row]) -> None:
    rows = [make_row("avg", 1), make_row("cls", 1), make_row("cls", 2, settings="other")]
    text = ablation_text(ablated(rows, against=["avg"]))
    assert "cls minus avg: over 1 of the 2 runs of cls." in text
    assert "CAUTION, the runs of cls are NOT all of the same settings" in text
    assert "Missing: fold2/seed0/avg." in text


def test_unknown_names_are_all_named(make_row: Callable[..., Row]) -> None:
    with pytest.raises(ProblemsError) as caught:
        ablated([make_row("avg")], against=["agv"], conditions=["TC-vs-ID"])
    assert [problem.what.split(";")[1] for problem in caught.value.problems] == [
        " did you mean 'avg'?",
        " did you mean 'TC-vs-IW'?",
    ]


def test_the_command_prints_and_writes_the_table(
    make_row: Callable[..., Row], make_plan: Callable[..., Plan], tmp_path: Path
) -> None:
    results, markdown = tmp_path / "results.json", tmp_path / "table.md"
    rows = [make_row(name, fold, 0, 0.1 * fold) for name in ("avg", "cls") for fold in (1, 2)]
    write_results(results, [*rows, make_row("cls", 1, condition="pooled", eer=0.4)])
    make_plan("cls: {head: cls}", "avg: {head: avg}", folds="[1, 2]", seeds="[0, 1]")
    arguments = [str(results), "--plan", str(tmp_path / "plan.yaml"), "--markdown", str(markdown)]
    result = CliRunner().invoke(command, [*arguments, "--conditions", "TC-vs-IC pooled"])
    assert result.exit_code == 0, result.output
    header, _, first, second = result.output.splitlines()[2:6]
    assert header.split("  ")[0] == "system"
    assert header.count("SD") == 2
    assert "minus avg" in header
    assert first.split()[:3] == ["cls", "2/4", "15.00"]
    assert "40.00" in first
    assert second.split()[:2] == ["avg", "2/4"]
    assert "Missing: fold1/seed1/avg, fold2/seed1/avg." in result.output
    assert markdown.read_text().count("| avg ") == 1
    chosen = CliRunner().invoke(command, [str(results), "--systems", "cls", "--folds", "2", "--against", "avg"])
    assert chosen.output.splitlines()[4].split()[:4] == ["cls", "1/1", "20.00", "+0.00"]
    missing = CliRunner().invoke(command, [str(tmp_path / "none.json")])
    assert isinstance(missing.exception, SvtokError)
    assert "there are no results" in str(missing.exception)


def test_settings_that_are_not_those_of_the_plan_are_noted(make_row: Callable[..., Row]) -> None:
    rows = [make_row("avg"), make_row("cls"), make_row("gone")]
    chosen = Choice([1], [0], ["avg", "cls", "gone"])
    text = ablation_text(Ablated(rows, chosen, keys={"avg": "0123", "cls": "4567"}))
    cautions = [line for line in text.splitlines() if "CAUTION" in line]
    assert cautions == ["CAUTION, the runs of cls are NOT of the settings of this plan: run svtok ablate again."]
