"""X4 for drift and signals: PARTIAL in every form, and complete = false, exactly where a value failed or waits, in 200 random stores.

Reports of random stores are looked at in test_report_stores.py, compare in test_compare_page.py, gates in test_check.py.
"""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from opened import compute_signals, find_drift
from stores import NUMBER, OPEN, RATE, at, make_store, settings_of

from judgecli.renderers.drift_html import drift_html
from judgecli.renderers.drift_markdown import drift_markdown
from judgecli.renderers.drift_terminal import drift_text
from judgecli.renderers.safe import json_text
from judgecli.renderers.signals import signals_page
from judgecli.renderers.terminal import Page

METRICS = [NUMBER, RATE, OPEN]
DESIGN, LACKING = ("not_applicable", "not_sampled"), ("timeout", "judge_parse", "not_asked", "metric_error", "budget", "auth")
STORES, SAMPLE = 200, 15


def rows_of(rng: random.Random) -> list[dict[str, object]]:
    """2 to 60 records of two models, a share of their cells with a reason in place of a value."""
    reasons = rng.choice([(), DESIGN, LACKING, (*DESIGN, *LACKING), LACKING[:1]])
    share, count = rng.choice([0.02, 0.3, 1.0]), rng.randrange(2, 60)
    rows = []
    for number in range(count):
        cells = {"quality": round(rng.random(), 3), "right": float(rng.random() < 0.7), "cost": round(rng.uniform(0, 2), 3)}
        chosen = {name: rng.choice(reasons) if reasons and rng.random() < share else value for name, value in cells.items()}
        time = at("2026-09-07 00:00") + timedelta(hours=5 * number)
        rows.append({"cluster": rng.randrange(count), "time": time, "model": f"m{number % 2}", "output": f"answer {number}", **chosen})
    return rows


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[pytest.mark.long] if seed >= SAMPLE else []) for seed in range(STORES)])
def test_partial_stands_in_every_form(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    rows = rows_of(rng)
    make_store(tmp_path, rows, METRICS, cuts=[rng.randrange(1, 60)])
    lacking = any(row[info.name] in LACKING for row in rows for info in METRICS)
    settings = settings_of(tmp_path)
    drift = find_drift(settings, reference="model=m0", current="model=m1", by=rng.choice([[], ["model"]]), texts=rng.random() < 0.2)
    signals = compute_signals(settings, window=rng.choice(["all", "1d"])).to_json()
    assert json.loads(json_text(drift.to_json()))["complete"] is not lacking
    assert json.loads(json_text(signals))["complete"] is not lacking
    shown = {"terminal": drift_text(drift), "markdown": drift_markdown(drift), "html": drift_html(drift), "signals": signals_page(signals, Page())}
    for form, text in shown.items():
        assert ("PARTIAL" in text) is lacking, form
