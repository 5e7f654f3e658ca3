"""Reports of whole stores: PARTIAL wherever anything is missing (X4), the same bytes every time (I11), small at any size (S4), the planted story."""

import hashlib
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from opened import build_report, compute_signals
from stores import NUMBER, OPEN, RATE, at, make_store, settings_of

from judgecli.errors import JudgeError
from judgecli.pipeline.report import report_format, write_report
from judgecli.renderers.report_html import report_html
from judgecli.renderers.report_markdown import report_markdown
from judgecli.renderers.report_terminal import report_text
from judgecli.renderers.safe import json_text

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
METRICS = [NUMBER, RATE, OPEN]
DESIGN, LACKING = ("not_applicable", "not_sampled"), ("timeout", "judge_parse", "not_asked", "metric_error")


def rows_of(rng: random.Random, count: int, *, reasons: tuple[str, ...] = (), share: float = 0.2) -> list[dict[str, object]]:
    rows = []
    for number in range(count):
        model = f"m{number % 2}"
        cells = {"quality": round(rng.uniform(0.3, 0.9) - 0.3 * (model == "m1"), 3), "right": float(rng.random() < 0.7), "cost": round(rng.uniform(0, 2), 3)}
        chosen = {name: rng.choice(reasons) if reasons and rng.random() < share else value for name, value in cells.items()}
        row = {"cluster": number // 2, "time": at("2026-09-07 00:00") + timedelta(hours=5 * number), "model": model, "session": f"s{number // 2}"}
        rows.append({**row, "id": f"r{number}", "input": f"How do I cook dish {number}?", "output": f"Answer {number}", **chosen})
    return rows


def renderings(report) -> dict[str, str]:
    return {"terminal": report_text(report), "markdown": report_markdown(report), "html": report_html(report), "json": json_text(report.to_json())}


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=[pytest.mark.long] if seed >= 40 else []) for seed in range(200)])
def test_partial_is_marked_wherever_something_is_missing(tmp_path, seed):
    rng = random.Random(seed)  # noqa: S311
    reasons = rng.choice([(), DESIGN, LACKING, (*DESIGN, *LACKING), LACKING[:1]])
    rows = rows_of(rng, rng.randrange(1, 25), reasons=reasons, share=rng.choice([0.02, 0.3, 1.0]))
    make_store(tmp_path, rows, METRICS, cuts=[rng.randrange(1, 25)])
    lacking = any(row[info.name] in LACKING for row in rows for info in METRICS)
    report = build_report(settings_of(tmp_path))
    shown = renderings(report)
    assert report.complete is not lacking
    assert f'"complete": {"false" if lacking else "true"}' in shown["json"]
    for form in ("terminal", "markdown", "html"):
        assert ("PARTIAL" in shown[form]) is lacking, form
    for summary in report.metrics:
        own = [row[summary.name] for row in rows]
        assert summary.scored == sum(not isinstance(cell, str) for cell in own)
        assert summary.cells == len(rows)


@pytest.mark.parametrize("values", [(0.0, 0.8, 0.8), (0.0, 1.0, 1.0), (0.8, 0.8, 0.8), (1.0, 1.0, 1.0), (0.2, 0.5, 0.9)])
def test_a_report_has_the_intervals_of_signals(tmp_path, values):
    rows = [{"cluster": n, "quality": values[n % 3], "cost": values[n % 3], "right": float(values[n % 3] > 0.6)} for n in range(33)]
    make_store(tmp_path, [{**row, "time": at("2026-09-07 00:00"), "model": "m"} for row in rows], METRICS)
    settings = settings_of(tmp_path)
    told = {summary.name: summary.estimate for summary in build_report(settings).metrics}
    asked = {row.metric: row for row in compute_signals(settings, by=[], window="all").rows}
    assert set(told) == {"quality", "right", "cost"}
    for name, estimate in told.items():
        row = asked[name]
        assert [estimate.mean, estimate.low, estimate.high] == pytest.approx([row.mean, row.low, row.high], abs=1e-12)
        assert estimate.method == row.method


def test_records_that_lack_a_metric_are_pending(tmp_path):
    rng = random.Random(1)  # noqa: S311
    make_store(tmp_path, rows_of(rng, 30), METRICS, cuts=[10])
    folder = tmp_path / "scores" / f"{1:024x}"
    for path in folder.glob("*.parquet"):
        path.unlink()
    report = build_report(settings_of(tmp_path))
    assert not report.complete
    assert {(summary.scored, summary.pending) for summary in report.metrics} == {(10, 20)} or {
        (summary.scored, summary.pending) for summary in report.metrics
    } == {(20, 10)}
    assert all("PARTIAL" in text for form, text in renderings(report).items() if form != "json")


def test_the_same_store_gives_the_same_bytes(tmp_path):
    """20 runs with other hash seeds, zones, locales and masks."""
    rng = random.Random(2)  # noqa: S311
    rows = rows_of(rng, 160, reasons=(*DESIGN, *LACKING))
    for number, row in enumerate(rows):
        row["tags"] = [("country", rng.choice(["de", "fr", "Ö"]))]
        row["time"] = None if number % 9 == 0 else row["time"]
    make_store(tmp_path / "store", rows, METRICS, cuts=[50, 51, 120])
    zones, locales = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"], ["C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"]

    def run(number: int) -> str:
        out = tmp_path / f"run{number}"
        out.mkdir()
        names = [str(out / f"report.{suffix}") for suffix in ("html", "md", "json")]
        settings = {"PYTHONHASHSEED": str(number), "TZ": zones[number % 4], "LC_ALL": locales[number // 4 % 4]}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUDGE_", "LC_", "LANG"))}
        options = [part for name in names for part in ("-o", name)]
        done = subprocess.run(
            [sys.executable, "-m", "judgecli", "--store", str(tmp_path / "store"), "report", "--by", "model,tags.country", "--json", *options],
            env={**kept, **settings}, cwd=tmp_path, capture_output=True, check=True, umask=0o077 if number % 2 else 0o022,
        )  # fmt: skip
        return hashlib.sha256(b"".join([done.stdout, *(Path(name).read_bytes() for name in names)])).hexdigest()

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(run, range(20)))) == 1


def test_golden(tmp_path):
    """What a small report says, in full; `JUDGE_WRITE_GOLDEN=1 pytest` writes the files anew, to be read before they are committed."""
    rng = random.Random(7)  # noqa: S311
    make_store(tmp_path, rows_of(rng, 120, reasons=("not_applicable", "timeout"), share=0.05), METRICS)
    report = build_report(settings_of(tmp_path))
    for name, text in (("report.md", report_markdown(report)), ("report.json", json_text(report.to_json()) + "\n"), ("report.txt", report_text(report))):
        if os.environ.get("JUDGE_WRITE_GOLDEN"):
            (GOLDEN / name).write_text(text, encoding="utf-8")
        golden = (GOLDEN / name).read_text(encoding="utf-8")
        if name == "report.json":
            assert_alike(json.loads(text), json.loads(golden))  # the last digits of a sum are the processor's
        else:
            assert text == golden, name


def assert_alike(found, golden, where="report"):
    """The same keys, texts and whole numbers; floats equal to 12 digits."""
    assert type(found) is type(golden), where
    if isinstance(golden, dict):
        assert list(found) == list(golden), where
        for name, value in golden.items():
            assert_alike(found[name], value, f"{where}.{name}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), where
        for place, value in enumerate(golden):
            assert_alike(found[place], value, f"{where}[{place}]")
    elif isinstance(golden, float):
        assert found == pytest.approx(golden, rel=1e-12, abs=1e-15), where
    else:
        assert found == golden, where


def test_the_change_between_policies_is_the_second_sentence(tmp_path):
    rng = random.Random(8)  # noqa: S311
    make_store(tmp_path, rows_of(rng, 400), METRICS)
    report = build_report(settings_of(tmp_path), metric="quality")
    assert report.headline[0].startswith("quality is 0.")
    assert report.headline[1].startswith("m1 is worse than m0 on quality: 0.")
    assert report.headline[1].endswith("200 of 200 answers against 200 of 200 scored).")
    assert report.worst[0].value < 0.1 < 0.8 < report.best[0].value
    assert all(len(line.points) > 1 for line in report.series)


def test_no_difference_is_said_too(tmp_path):
    rng = random.Random(9)  # noqa: S311
    rows = rows_of(rng, 200)
    for row in rows:
        row["quality"] = rng.uniform(0, 1)
    make_store(tmp_path, rows, METRICS)
    report = build_report(settings_of(tmp_path))
    assert any(line.startswith("No difference between model values stands out") for line in report.headline)


def test_a_filter_selects(tmp_path):
    make_store(tmp_path, rows_of(random.Random(10), 60), METRICS, cuts=[30])  # noqa: S311
    report = build_report(settings_of(tmp_path), "model=m1", by=["session"])
    assert report.counts["selected"] == 30
    assert report.by == ("session",)
    assert {summary.cells for summary in report.metrics} == {30}
    assert len(report.policies) == 12


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"on": "model=none"}, "no record matches"),
        ({"metric": "nothing"}, "no metric of these records is called 'nothing'"),
        ({"by": ["colour"]}, "no record column is called 'colour'"),
        ({"on": "run:last"}, "no run has finished"),
    ],
)
def test_what_cannot_be_reported_says_why(tmp_path, given, said):
    make_store(tmp_path, rows_of(random.Random(11), 20), METRICS)  # noqa: S311
    with pytest.raises(JudgeError, match=said):
        build_report(settings_of(tmp_path), **given)


def test_a_store_without_scores_and_without_times(tmp_path):
    rows = [{**row, "time": None} for row in rows_of(random.Random(12), 20)]  # noqa: S311
    make_store(tmp_path / "a", rows, METRICS)
    assert all(renderings(build_report(settings_of(tmp_path / "a"))).values())
    make_store(tmp_path / "b", rows, [])
    report = build_report(settings_of(tmp_path / "b"))
    assert report.headline == ["Nothing was measured."]
    assert all(renderings(report).values())


def test_writing_files(tmp_path):
    make_store(tmp_path / "s", rows_of(random.Random(13), 20), METRICS)  # noqa: S311
    report = build_report(settings_of(tmp_path / "s"))
    write_report(report, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.glob(".*")) == []
    with pytest.raises(JudgeError, match="there is no folder"):
        write_report(report, tmp_path / "none" / "a.md")
    with pytest.raises(JudgeError, match="cannot tell the format"):
        report_format(Path("a.pdf"))
