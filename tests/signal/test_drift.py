"""Drift on stores: values by hand, false alarms with conversations, what the unscored may and may not do, the same answer always."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opened import find_drift
from textbook import rate_interval

from judgecli.errors import NoRecords, UnknownName, UsageError
from judgecli.renderers.drift_html import drift_html
from judgecli.renderers.drift_markdown import drift_markdown
from judgecli.renderers.drift_terminal import drift_text
from judgecli.renderers.safe import json_text
from judgecli.signal.drift.report import Drift
from judgecli.signal.drift.rows import DriftEvidence, DriftRow, DriftSide, Margins, compare, decide
from judgecli.stats.mover import Limited, difference_limits
from judgecli.store.tables import MetricInfo

sys.path.insert(0, str(Path(__file__).parent))
from stores import NUMBER, OPEN, RATE, at, make_store, settings_of

TONGUE = MetricInfo("tongue", "dddd", "category", (None, None), None, 1)
BEFORE, AFTER = "model=a", "model=b"


def rows(model: str, values: list[Any], *, first: int = 0, each: int = 1, name: str = "quality", **more: Any) -> list[dict[str, Any]]:
    return [{"model": model, "cluster": first + place // each, "key": f"{model}{first}{place}", name: value, **more} for place, value in enumerate(values)]


def found(store: Path, **given: Any) -> Drift:
    options = {"reference": BEFORE, "current": AFTER, "texts": False, **given}
    return find_drift(settings_of(store), **options)


def only(drift: Drift, what: str = "value") -> DriftRow:
    own = [row for row in drift.rows if row.what == what and row.overall]
    assert len(own) == 1
    return own[0]


def side(values: np.ndarray) -> DriftSide:
    """Clusters x turns of values as one side."""
    return DriftSide(values.sum(axis=1), np.full(len(values), float(values.shape[1])), np.zeros(len(values)), float(values.sum()), values.size, {})


def evidence(old: np.ndarray, new: np.ndarray, **given: Any) -> DriftEvidence:
    """No cluster is on both sides."""
    sides = []
    for place, values in enumerate((old, new)):
        own = side(values)
        pad = ((0, len(new)), (len(old), 0))[place]
        sides.append(replace(own, sums=np.pad(own.sums, pad), counts=np.pad(own.counts, pad), missing=np.pad(own.missing, pad)))
    facts = {"kind": "number", "scale": (0.0, 1.0), "span": 1.0, **given}
    return DriftEvidence("m", "i", higher_is_better=True, segment={}, reference=sides[0], current=sides[1], **facts)


# Values ------------------------------------------------------------------------------------------


def test_a_change_of_a_rate_by_hand(tmp_path: Path) -> None:
    """80 of 100 against 50 of 100, one row a cluster: Newcombe's limits, nothing else."""
    store = make_store(tmp_path / "s", rows("a", [1] * 80 + [0] * 20, name="right") + rows("b", [1] * 50 + [0] * 50, first=1000, name="right"), [RATE])
    row = only(found(store))
    limits = []
    for hits in (50, 80):
        made = rate_interval(np.r_[np.ones(hits), np.zeros(100 - hits)], np.ones(100))
        limits.append(Limited(made.mean, made.low, made.high))
    assert (row.reference["mean"], row.current["mean"], row.change) == (0.8, 0.5, pytest.approx(-0.3))
    assert (row.low, row.high) == pytest.approx(difference_limits(*limits), abs=1e-3)
    assert (row.verdict, row.worse, row.margin, row.clusters) == ("drift", True, 0.05, 100)
    assert row.shape.tv == pytest.approx(0.3)
    assert row.shape.ks == pytest.approx(0.3)
    assert row.shape.w1 == pytest.approx(0.3, abs=1e-9)


def test_a_small_change_is_no_drift_and_a_few_records_decide_nothing(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    many = chance.beta(4, 2, (2, 2000))
    store = make_store(tmp_path / "many", rows("a", many[0].tolist()) + rows("b", (many[1] - 0.003).clip(0).tolist(), first=5000), [NUMBER])
    assert (only(found(store)).verdict, found(store).verdict) == ("no drift", "no drift")
    few = make_store(tmp_path / "few", rows("a", many[0][:15].tolist()) + rows("b", many[1][:15].tolist(), first=5000), [NUMBER])
    row = only(found(few))
    assert row.verdict == "inconclusive"
    assert "15 clusters" in row.reasons["verdict"]
    some = only(found(make_store(tmp_path / "some", rows("a", many[0][:40].tolist()) + rows("b", many[1][:40].tolist(), first=5000), [NUMBER])))
    assert (some.verdict, some.reasons["verdict"]) == ("inconclusive", "not enough data: the interval allows for changes within the margin and beyond it")
    assert 0.05 < some.detectable < 0.3


def test_paired_clusters_are_not_counted_twice(tmp_path: Path) -> None:
    """The same prompts on both sides, each a hundredth lower: only what 60 of them may have missed is in doubt."""
    values = np.random.default_rng(2).random(60) * 0.8 + 0.1
    paired = only(found(make_store(tmp_path / "p", rows("a", values.tolist()) + rows("b", (values - 0.01).tolist()), [NUMBER])))
    apart = only(found(make_store(tmp_path / "u", rows("a", values.tolist()) + rows("b", (values - 0.01).tolist(), first=5000), [NUMBER])))
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)
    assert (paired.low, paired.high) == (pytest.approx(-0.0366, abs=0.002), pytest.approx(0.0166, abs=0.002))
    assert (paired.verdict, apart.verdict) == ("no drift", "inconclusive")


def test_an_open_scale_has_the_margin_of_its_usual_spread(tmp_path: Path) -> None:
    cost = np.random.default_rng(3).gamma(2, 1, 400)
    store = make_store(tmp_path / "s", rows("a", [*cost, 1e6], name="cost") + rows("b", [*(cost + 3), 1e6], first=5000, name="cost"), [OPEN])
    row = only(found(store))
    ordered = np.sort(np.r_[cost, 1e6])
    assert row.margin == pytest.approx(0.05 * (ordered[396] - ordered[4]), rel=0.05)
    assert row.shape.cut
    assert row.shape.w1 == pytest.approx(3, rel=0.1)  # the one outlier does not flatten the grid
    assert only(found(store, margins=Margins(amounts={"cost": 10.0}))).margin == 10.0


def test_categories(tmp_path: Path) -> None:
    before = [{"model": "a", "cluster": place, "key": f"a{place}", "quality": 0.5, "time": None} for place in range(100)]
    after = [{**row, "model": "b", "cluster": place + 500, "key": f"b{place}"} for place, row in enumerate(before)]
    store = make_store(tmp_path / "s", before + after, [NUMBER])
    write_category(store, ["en"] * 70 + ["de"] * 30 + ["en"] * 20 + ["de"] * 30 + ["fr"] * 50)
    row = next(one for one in found(store).rows if one.metric == "tongue")
    assert row.shape.tv == pytest.approx(0.5)
    assert (row.shape.categories, row.verdict, row.shape.w1) == (["de", "en", "fr"], "drift", None)
    assert 0.35 < row.low < row.change < row.high < 0.65


def write_category(store: Path, values: list[str | None]) -> None:
    import pyarrow as pa

    from judgecli.store.folder import Store
    from judgecli.store.tables import write_scores

    with Store(store) as opened:
        shard = opened.shards()[0].name
        missing = pa.array([None if value else "timeout" for value in values], pa.string()).dictionary_encode()
        write_scores(store, shard, pa.table({"tongue": pa.array(values, pa.string()).dictionary_encode(), "tongue.reason": missing}), [TONGUE])


def test_segments_and_their_parts(tmp_path: Path) -> None:
    """Nothing changed within a country; more of the hard one came: all of it is the traffic."""
    chance = np.random.default_rng(4)

    def made(model: str, country: str, count: int, level: float, first: int) -> list[dict[str, Any]]:
        return rows(model, chance.beta(40 * level, 40 * (1 - level), count).tolist(), first=first, tags=[("country", country)])

    before = made("a", "de", 800, 0.8, 0) + made("a", "fr", 200, 0.3, 1000)
    after = made("b", "de", 200, 0.8, 2000) + made("b", "fr", 800, 0.3, 3000)
    drift = found(make_store(tmp_path / "s", before + after, [NUMBER], cuts=[300, 1100]), by=["tags.country"])
    whole = only(drift)
    assert (whole.verdict, whole.cause) == ("drift", "traffic")
    assert whole.parts.within + whole.parts.mix == pytest.approx(whole.change, abs=1e-12)
    assert whole.parts.mix == pytest.approx(-0.3, abs=0.01)
    assert {row.segment["tags.country"]: row.verdict for row in drift.rows if row.segment} == {"de": "no drift", "fr": "no drift"}
    assert "the traffic, not the app" in drift.headline[0][1]
    assert drift.family == 4  # the metric, two countries, and the search for a local change
    assert whole.cause_sentence == "the traffic, not the app: more records have tags.country = fr (20 % before, 80 % now)"
    for by in ([], ["model"], ["model", "tags.country"]):  # the same is found unasked, and a policy column is no kind of traffic
        again = only(found(tmp_path / "s", by=by))
        assert (again.cause, again.cause_sentence, again.parts) == ("traffic", whole.cause_sentence, whole.parts)


# False alarms ------------------------------------------------------------------------------------


def _conversations(chance: np.random.Generator, count: int) -> np.ndarray:
    """Five turns each, intra-class correlation 0.5, squeezed into (0, 1)."""
    made = np.sqrt(0.5) * chance.standard_normal((count, 1)) + np.sqrt(0.5) * chance.standard_normal((count, 5))
    return 1 / (1 + np.exp(-made))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["number", "rate"])
@pytest.mark.parametrize("clusters", [20, 50, 200])
def test_false_alarms_and_coverage_with_conversations(kind: str, clusters: int) -> None:
    """Without a margin p is below 5 % in 5 % of drift-free pairs (rows would say 27 %), and the interval covers; with it there is no alarm at all."""
    chance = np.random.default_rng(clusters)
    draws, below, covered, alarms, by_row = 1_000, 0, 0, 0, 0
    for _ in range(draws):
        sides = [_conversations(chance, clusters) for _ in range(2)]
        if kind == "rate":
            sides = [(values > 0.5).astype(float) for values in sides]
        (row,) = decide(compare(evidence(*sides, kind=kind), Margins(0.0)))
        below += row.verdict == "drift"
        covered += row.low <= 0 <= row.high
        alarms += decide(compare(evidence(*sides, kind=kind), Margins(0.05)))[0].verdict == "drift"
        error = np.sqrt(sum(values.var(ddof=1) / values.size for values in sides))
        by_row += abs(sides[0].mean() - sides[1].mean()) > 1.96 * error
    tolerance = 3 * np.sqrt(draws * 0.05 * 0.95)
    assert below <= 0.05 * draws + tolerance
    assert covered >= 0.95 * draws - tolerance
    assert alarms <= below
    assert by_row > 0.15 * draws


@pytest.mark.long
@pytest.mark.parametrize("clusters", [20, 50, 200])
def test_coverage_of_skewed_changes(clusters: int) -> None:
    """A fifth of the values of one side fell by an exponential amount: the true change is covered nearly as often as promised, from 50 clusters on."""
    chance = np.random.default_rng(7)
    draws, covered = 1_000, 0
    for _ in range(draws):
        old = chance.normal(0.5, 0.02, (clusters, 1))
        new = chance.normal(0.5, 0.02, (clusters, 1)) - (chance.random((clusters, 1)) < 0.2) * chance.exponential(0.1, (clusters, 1))
        row = compare(evidence(old, new), Margins())[0]
        covered += row.low <= -0.02 <= row.high
    assert covered >= {20: 0.78, 50: 0.86, 200: 0.92}[clusters] * draws  # section 3.2 of the method's evidence: 80, 88, 94 %


def test_the_family_is_all_that_was_asked() -> None:
    chance = np.random.default_rng(5)
    asked = [compare(evidence(_conversations(chance, 60), _conversations(chance, 60)), Margins(0.0))[0] for _ in range(40)]
    judged = decide(asked)
    assert sum(row.p < 0.05 for row in judged) > 0
    assert all(row.q >= row.p for row in judged)
    assert not [row for row in judged if row.verdict == "drift"]
    stricter = decide(asked, any_dependence=True)
    assert all(one.q <= other.q for one, other in zip(judged, stricter, strict=True))


# The unscored ------------------------------------------------------------------------------------


def test_unscored_never_enter_a_number(tmp_path: Path) -> None:
    """I7: what is taken away leaves the mean of the rest, widens the bounds exactly, and is a row of its own."""
    chance = np.random.default_rng(6)
    for draw in range(25):
        old, new = chance.random(60), chance.random(60)
        lost = chance.random(60) < 0.3
        cells: list[Any] = ["timeout" if gone else value for value, gone in zip(new.tolist(), lost, strict=True)]
        drift = found(make_store(tmp_path / str(draw), rows("a", old.tolist()) + rows("b", cells, first=500), [NUMBER]))
        row = only(drift)
        kept = new[~lost]
        assert row.current["mean"] == pytest.approx(kept.mean(), abs=1e-12)
        assert (row.current["n"], row.current["of"], row.current["unscored"]) == (len(kept), 60, {"timeout": int(lost.sum())} if lost.any() else {})
        assert row.change == pytest.approx(kept.mean() - old.mean(), abs=1e-11)
        assert row.bounds == pytest.approx((kept.sum() / 60 - old.mean(), (kept.sum() + lost.sum()) / 60 - old.mean()), abs=1e-11)
        assert not drift.complete
        assert only(drift, "missing share").change == pytest.approx(lost.mean(), abs=1e-12)


def test_missing_scores_that_could_flip_a_verdict_make_it_inconclusive(tmp_path: Path) -> None:
    chance = np.random.default_rng(8)
    old, new = chance.normal(0.6, 0.05, 500), chance.normal(0.45, 0.05, 500)
    sure = only(found(make_store(tmp_path / "sure", rows("a", old.tolist()) + rows("b", new.tolist(), first=900), [NUMBER])))
    assert (sure.verdict, sure.partial) == ("drift", False)
    few = rows("b", [*new.tolist()[:-5], *["timeout"] * 5], first=900)
    assert only(found(make_store(tmp_path / "few", rows("a", old.tolist()) + few, [NUMBER]))).verdict == "drift"
    many = rows("b", [*new.tolist()[:-250], *["timeout"] * 250], first=900)
    open_row = only(found(make_store(tmp_path / "many", rows("a", old.tolist()) + many, [NUMBER])))
    assert open_row.verdict == "inconclusive"
    assert "could flip it" in open_row.reasons["verdict"]
    applicable = rows("b", [*new.tolist()[:-250], *["not_applicable"] * 250], first=900)  # by design: nothing is missing
    assert only(found(make_store(tmp_path / "na", rows("a", old.tolist()) + applicable, [NUMBER]))).verdict == "drift"


def test_without_ends_too_many_missing_decide_nothing(tmp_path: Path) -> None:
    cells = [1.0 + place % 7 for place in range(300)]
    store = make_store(
        tmp_path / "s", rows("a", cells, name="cost") + rows("b", [*(value + 5 for value in cells[:-30]), *["timeout"] * 30], first=900, name="cost"), [OPEN]
    )
    row = only(found(store))
    assert (row.verdict, row.bounds) == ("inconclusive", None)
    assert "90%" in row.reasons["verdict"]


def test_nothing_scored_is_no_number(tmp_path: Path) -> None:
    drift = found(make_store(tmp_path / "s", rows("a", [0.5] * 30) + rows("b", ["timeout"] * 30, first=100), [NUMBER]))
    row = only(drift)
    assert (row.change, row.low, row.p, row.q, row.verdict) == (None, None, None, None, "inconclusive")
    assert row.reasons["change"] == "nothing was scored in the current records"
    assert only(drift, "missing share").verdict == "drift"  # the endpoint died: that is what is told
    assert drift.verdict == "drift"


@pytest.mark.parametrize("value", [1.7e308, 1e120, 1e15, 1e-300, 0.0])
def test_extreme_values_are_numbers_or_reasons(tmp_path: Path, value: float) -> None:
    """Strict JSON has no infinity: what is too large for floats says so."""
    store = make_store(tmp_path / "s", rows("a", [value] * 40, name="cost") + rows("b", [value, 0.0] * 20, first=900, name="cost"), [OPEN])
    row = only(found(store))
    json_text(found(store).to_json())
    if value > 1e70:
        assert (row.change, row.reasons["change"]) == (None, "the values are too large for the arithmetic of floats")
    else:
        assert row.change == pytest.approx(-value / 2, rel=1e-9)


def test_identities_are_never_compared(tmp_path: Path) -> None:
    newer = replace(NUMBER, identity="zzzz", version=2)
    store = make_store(tmp_path / "s", rows("a", [0.9] * 50), [NUMBER])
    from stores import add_shard

    from judgecli.store.folder import Store

    with Store(store) as opened:
        add_shard(opened, "b" * 24, rows("b", [0.1] * 50, first=500), 50, [newer], 2)
    row = only(found(store))
    assert (row.change, row.verdict) == (None, "inconclusive")
    assert "another identity" in row.reasons["change"]


# The question ------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    chance = np.random.default_rng(9)
    made = [
        {
            "model": model,
            "cluster": place // 2,
            "key": f"{model}{place}",
            "quality": value,
            "time": at(f"2026-09-{day:02} 12:00"),
            "input": "hello there",
            "output": text,
        }
        for model, day, text in (("a", 1, "one <b>word</b>"), ("b", 20, "another [x](y) word"))
        for place, value in enumerate(chance.random(60).tolist())
    ]
    made[3]["quality"] = "timeout"
    return make_store(tmp_path / "s", made, [NUMBER], cuts=[20, 70])


def test_sides(small: Path) -> None:
    assert [found(small, reference=None, current=None).to_json()[name]["filter"] for name in ("reference", "current")] == ["30d..7d", "7d"]
    alone = found(small, reference=None, current="model=b")
    assert (alone.reference.name, alone.reference.rows, alone.current.rows) == ("all other records", 60, 60)
    assert found(small, reference="model = 'a'", current="time > '2026-09-10'").current.rows == 60
    with pytest.raises(UsageError, match="60 records are in both"):
        found(small, reference="30d", current="7d")
    with pytest.raises(NoRecords, match="no current records: model=c"):
        found(small, current="model=c")
    with pytest.raises(UnknownName):
        found(small, metrics=["qualty"])
    with pytest.raises(UsageError):
        found(small, by=["nothing"])
    with pytest.raises(UsageError, match="no metric that is compared"):
        found(small, margins=Margins(amounts={"words": 3.0}))


def test_the_answer_does_not_depend_on_the_run(small: Path) -> None:
    """I11: byte-equal in processes of other hash seeds, zones and locales."""
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\nfrom pathlib import Path\nfrom stores import settings_of\n"
        "from judgecli.evidence.work import open_work\nfrom judgecli.pipeline.drift import find_drift\n"
        "from judgecli.renderers.drift_html import drift_html\nfrom judgecli.renderers.safe import json_text\n"
        "with open_work(settings_of(Path(sys.argv[2]))) as work:\n    made = find_drift(work, reference='model=a', current='model=b')\n"
        "print(json_text(made.to_json()) + drift_html(made))"
    )
    made = set()
    for seed, zone, locale in (("0", "UTC", "C.UTF-8"), ("1", "Asia/Kathmandu", "C"), ("2", "America/St_Johns", "POSIX")):
        given = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(small)], env=given, capture_output=True, check=True)
        made.add(done.stdout)
    assert len(made) == 1


def test_shards_change_nothing(tmp_path: Path) -> None:
    values = np.random.default_rng(10).random(90).tolist()
    made = rows("a", values, each=3) + rows("b", values[::-1], each=3, first=20)
    answers = {
        json_text(found(make_store(tmp_path / str(number), made, [NUMBER], cuts=cuts)).to_json())
        for number, cuts in enumerate(([], [1, 50], [30, 89, 90, 120]))
    }
    assert len(answers) == 1


def test_partial_stands_everywhere(small: Path) -> None:
    """X4: terminal, Markdown, HTML and JSON."""
    drift = found(small, texts=True)
    assert drift.to_json()["complete"] is False
    for text in (drift_text(drift), drift_markdown(drift), drift_html(drift)):
        assert "PARTIAL" in text
        assert "quality" in text


def test_the_page_is_harmless(small: Path) -> None:
    page = drift_html(found(small, texts=True))
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "one <b>word" not in page
    assert len(page.encode()) < 500_000


def test_json_is_strict_and_has_the_designs_keys(small: Path) -> None:
    document = json.loads(json_text(found(small, texts=True).to_json()))
    assert document["verdict"] in ("drift", "no drift", "inconclusive")
    keys = {"metric", "segment", "reference", "current", "change", "low", "high", "margin", "p", "q", "verdict", "cause"}
    for row in document["rows"]:
        assert keys <= row.keys()
        assert {"n", "mean"} <= row["reference"].keys()
        for name in ("change", "low", "high", "p", "q"):
            assert row[name] is not None or row["reasons"], row
