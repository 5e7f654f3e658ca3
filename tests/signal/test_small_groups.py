"""A small canary beside a large stable version, through stores: what a run and a report say of it."""

import random
from datetime import timedelta

import pytest
from opened import build_report, compute_signals
from stores import RATE, at, make_store, settings_of

from judgecli.renderers import loop
from judgecli.renderers.report_markdown import report_markdown
from judgecli.signal.report.standouts import find_standouts, too_small_to_tell


def store_of(root, canary, stable, *, seed=1):
    """Records of two versions, one a conversation; `canary` and `stable` are (records, share that is right)."""
    rng = random.Random(seed)  # noqa: S311
    rows = []
    for version, (count, share) in (("stable", stable), ("canary", canary)):
        right = [place < round(share * count) for place in range(count)]
        rng.shuffle(right)
        rows += [{"prompt_version": version, "right": float(value)} for value in right]
    for number, row in enumerate(rows):
        row |= {"cluster": number, "time": at("2026-09-07 00:00") + timedelta(minutes=number), "input": f"q {number}", "output": "a"}
        row["tags"] = [("tag", str(rng.randrange(9)))]
    make_store(root, rows, [RATE])
    return settings_of(root, policy=("prompt_version",))


def told(settings):
    rows = compute_signals(settings, by=["prompt_version"], window="all", sums=True).rows
    return [item.value for item in find_standouts(rows, "prompt_version", better={"right": True})], too_small_to_tell(rows, "prompt_version")


@pytest.mark.parametrize("canary", [1.0, 0.88, 0.8])
def test_a_canary_that_missed_what_is_rare_is_no_news(tmp_path, canary):
    settings = store_of(tmp_path, (25, canary), (200, 0.9))
    assert told(settings) == ([], [])
    report = build_report(settings)
    assert report.headline[1].startswith("No difference between prompt_version values stands out")
    assert report.slices == []
    assert all(not change.certain for change in report.changes)
    assert "not certain" in report_markdown(report)


def test_a_canary_that_fails_half_the_time_is_worst(tmp_path):
    settings = store_of(tmp_path, (25, 0.5), (200, 0.95))
    assert told(settings) == (["canary"], [])
    report = build_report(settings)
    assert report.headline[1].startswith("canary is worse than stable on right: 48 % against 95.0 %")
    (change,) = report.changes
    assert change.certain
    assert change.high < 0


def test_a_canary_of_twelve_cannot_be_told_and_is_named(tmp_path):
    settings = store_of(tmp_path, (12, 0.0), (200, 0.95))
    assert told(settings) == ([], ["prompt_version canary: 12 clusters, 20 are needed"])
    report = build_report(settings)
    assert report.changes == []
    assert "cannot tell how these values of prompt_version differ, 20 clusters are needed: canary (12 clusters)" in report.notes


def test_what_is_too_small_stands_beside_what_is_worst():
    document = {name: [] for name in ("standouts", "headline", "report", "exports", "steps")}
    document |= {"check": None, "score": None, "signals": None, "cannot_tell": ["prompt_version canary: 12 clusters, 20 are needed"]}
    assert "unknown    cannot tell whether it differs: prompt_version canary: 12 clusters, 20 are needed" in loop.run(document)


def test_sums_are_no_part_of_a_row_in_json(tmp_path):
    row = compute_signals(store_of(tmp_path, (25, 0.5), (30, 0.5)), by=["prompt_version"], window="all", sums=True).rows[0]
    assert row.sums is not None
    assert row.sums.counts.sum() == row.n
    assert "sums" not in row.to_json()
