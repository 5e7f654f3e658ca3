"""judge compare on pairwise rubrics, whose verdicts belong to two records at once."""

import json
from pathlib import Path

import numpy as np
import pytest
from opened import compare_parts, score_logs

from judgecli.config.settings import load_settings
from judgecli.errors import UnknownName
from judgecli.store.comparisons import KeptComparison, claim_comparisons, write_comparisons
from judgecli.store.folder import Store
from judgecli.store.query import Reduction
from judgecli.store.selection import select_records


class Quiet:
    def phase(self, text, total=None): ...

    def advance(self, bytes_read, records): ...

    def note(self, text): ...


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Two models answered 60 prompts; a judge saw both answers to 50 of them: b wins 35, ties 5, loses 8, 2 were not decided."""
    import pyarrow as pa

    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"{m}{at}", "model": m, "input": f"prompt {at}", "output": f"{m} says {at}"} for at in range(60) for m in "abc"]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("judge.yaml").write_text("policy: [model]\n", encoding="utf-8")
    given = load_settings()
    score_logs(["log.jsonl"], settings=given, scorers=["words"], progress=Quiet())
    with Store(given.store, create=False) as store:
        scope = select_records(store).scope
        with Reduction(store, scope, []) as reduction:
            table = pa.concat_tables(list(reduction.records(["key", "id", "prompt_hash"])))
        key = dict(zip(table["id"].to_pylist(), table["key"].to_pylist(), strict=True))
        prompt = dict(zip(table["id"].to_pylist(), table["prompt_hash"].to_pylist(), strict=True))
        units, values, reasons = [], [], []
        for at in range(50):
            members = sorted([key[f"a{at}"], key[f"b{at}"]])
            b_first = members[0] == key[f"b{at}"]
            share = 1.0 if at < 35 else 0.5 if at < 40 else 0.0 if at < 48 else None
            units.append(KeptComparison(at.to_bytes(16, "big"), "rubric.preference", "pair", prompt[f"a{at}"], tuple(members), (1, 2)))
            values.append(None if share is None else share if b_first else 1 - share)
            reasons.append("position_inconsistent" if share is None else None)
        claim_comparisons(store.ledger, "ident", units, 1)
        scores = pa.table({"rubric.preference": pa.array(values, pa.float64()), "rubric.preference.reason": pa.array(reasons, pa.string())})
        write_comparisons(store.ledger, "ident", [unit.key for unit in units], scores, 1)
    return given


def test_win_rates_of_a_pairwise_rubric(settings):
    row = next(row for row in compare_parts(settings, ["a", "b"]).rows if row.metric == "pair.win_rate.rubric.preference")
    assert (row.n_pairs, row.missing, row.wins, row.ties, row.losses) == (48, 2, 35, 5, 8)
    assert (row.a, row.b) == (pytest.approx(10.5 / 48), pytest.approx(37.5 / 48))
    assert row.difference == pytest.approx(27 / 48)
    assert (row.verdict, row.identity, row.coverage) == ("better", "ident", pytest.approx(96 / 100))
    assert (row.worst, row.best) == (pytest.approx((27 - 2) / 50), pytest.approx((27 + 2) / 50))
    turned = compare_parts(settings, ["b", "a"], metrics=["pair.win_rate.rubric.preference"]).rows
    assert [(one.metric, one.verdict) for one in turned] == [("pair.win_rate.rubric.preference", "worse")]
    assert turned[0].difference == pytest.approx(-27 / 48)
    assert np.allclose([turned[0].low, turned[0].high], [-row.high, -row.low], atol=0.02)


def test_only_pairs_of_both_sides_count(settings):
    found = compare_parts(settings, ["a", "b", "c"])
    assert [(row.policy_b, row.n_pairs) for row in found.rows if row.metric.startswith("pair.")] == [("b", 48)]
    assert not [row for row in compare_parts(settings, ["a", "c"]).rows if row.metric.startswith("pair.")]
    with pytest.raises(UnknownName, match=r"pair\.win_rate\.rubric\.preference"):
        compare_parts(settings, ["a", "c"], metrics=["pair.win_rate.rubric.preference"])
    few = [row for row in compare_parts(settings, ["model = 'a' and ends_with(id, '1')", "b"]).rows if row.metric.startswith("pair.")]
    assert few[0].n_pairs == 5
    assert few[0].verdict == "inconclusive"
