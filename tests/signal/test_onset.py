"""Since when a slice is worse: a planted day is found with its span, and where nothing changed no day is named."""

import json
from datetime import date

import numpy as np
import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.signal.report.onset import DAY_US, find_onset
from judgecli.signal.report.slices import SliceMetric

START = 20_000  # days since 1970: 2024-10-04


def world(seed, *, days=40, daily=12, change=20, before=0.95, after=0.7, spread=0.0, better=True):
    """Rates of a slice by day; each day's own rate may differ by `spread`."""
    draw = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), daily)
    rate = np.where(day < change, before, after) + spread * draw.normal(size=days)[day]
    values = (draw.random(len(day)) < np.clip(rate, 0, 1)).astype(float)
    return SliceMetric("ok", values if better else 1 - values, "rate", better, (0.0, 1.0)), np.arange(len(day)), (START + day) * DAY_US + 3600.0e6


def day_number(day):
    return (day - date(1970, 1, 1)).days - START


@pytest.mark.parametrize("better", [True, False])
def test_a_planted_day_is_found(better):
    found = [find_onset(*world(seed, better=better)) for seed in range(20)]
    days = [day_number(one.day) for one in found if one is not None]
    assert len(days) >= 19
    assert np.median(np.abs(np.array(days) - 20)) <= 1
    assert sum(day_number(one.first) <= 20 <= day_number(one.last) for one in found if one is not None) >= 17
    assert found[0].before == pytest.approx(0.95 if better else 0.05, abs=0.04)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_a_slice_that_was_always_worse_names_no_day(spread):
    """Also where days differ by themselves: they are the units of the test."""
    told = sum(find_onset(*world(seed, change=0, after=0.8, spread=spread)) is not None for seed in range(100))
    assert told <= 4


def test_a_slice_that_became_better_names_no_day():
    assert find_onset(*world(1, before=0.6, after=0.9)) is None


def test_too_little_names_no_day():
    assert find_onset(*world(1, days=9, change=4)) is None
    subject, rows, times = world(1)
    assert find_onset(subject, rows, np.full(len(times), np.nan)) is None
    assert find_onset(SliceMetric("ok", np.ones(len(rows)), "rate", True), rows, times) is None
    assert find_onset(SliceMetric("ok", subject.values, "rate", None), rows, times) is None


def test_judge_run_says_since_when_in_its_first_lines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    refusal = "I'm sorry, but I can't help with that."
    lines = []
    for day in range(40):
        for n in range(24):
            country = ("DE", "FR", "US")[n % 3]
            bad = country == "DE" and day >= 25 and n % 2
            answer = refusal if bad else f"Here is answer number {n} of day {day}, and it is a useful one."
            lines.append(
                {"question": f"question {day} {n}", "answer": answer, "country": country, "time": f"2026-{9 + day // 30:02d}-{1 + day % 30:02d}T{n:02d}:00:00Z"}
            )
    write_lines(tmp_path / "log.jsonl", lines)
    assert main(["init", "log.jsonl"]) == 0
    capsys.readouterr()
    main(["run", "--json"])
    headline = json.loads(capsys.readouterr().out)["headline"]
    (said,) = [line for line in headline if "“DE”" in line]
    assert "since about 2026-09-26" in said
