"""judge rubric audit through the store: kept replies are not asked for again, nothing becomes a score, a budget is told."""

import json
from pathlib import Path

import pytest
from judges import FakeAsk, Silent
from opened import audit_rubric

from judgecli.cli import main
from judgecli.config import load_settings
from judgecli.config.judges import JudgeFlags
from judgecli.config.settings import Flags
from judgecli.errors import UsageError
from judgecli.pipeline.rubric_audit import AuditPlan
from judgecli.store.folder import Store

ANSWERS = ["boil the rice in salted water", "melt butter over low heat", "whisk three eggs with cream", "fold flour into the batter slowly"]


@pytest.fixture
def log(tmp_path: Path) -> str:
    rows = [{"id": f"r{n}", "input": f"question {n}", "output": f"{ANSWERS[n % 4]} {n}", "model": "gpt-5", "thumb": n % 2 == 0} for n in range(12)]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def run(folder: Path, log: str, ask: FakeAsk, plan: AuditPlan = AuditPlan(8, 2, 6), name: str = "helpfulness", **flags: object) -> dict:  # noqa: B008
    judge = JudgeFlags(models=("gpt-judge",), **flags)  # type: ignore[arg-type]
    settings = load_settings(flags=Flags(judge=judge, map=("label.thumb=thumb",)), environment={"JUDGE_STORE": str(folder / "store")}, folder=folder)
    return audit_rubric(name, [log], settings=settings, plan=plan, progress=Silent(), ask=ask)


def test_an_audit_asks_once_and_stores_no_score(tmp_path, log):
    ask = FakeAsk()
    first = run(tmp_path, log, ask)
    asked = ask.calls.total()
    assert first["complete"]
    assert first["records"] == 8
    assert {"repeats_differ", "length_gain", "self_preference", "contradicts_labels", "attack", "sentinel"} <= {row["name"] for row in first["findings"]}
    assert next(row for row in first["findings"] if row["name"] == "self_preference")["warning"]
    assert next(row for row in first["findings"] if row["name"] == "contradicts_labels")["n"] == 8
    again = run(tmp_path, log, ask, AuditPlan(8, 2, 0))
    assert ask.calls.total() == asked
    assert again["judge"]["calls"] == 0
    with Store(tmp_path / "store") as store:
        assert list((store.root / "scores").rglob("*.parquet")) == []
        assert {row["purpose"] for row in store.ledger.rows("SELECT DISTINCT purpose FROM replies")} == {"audit"}


def test_a_dry_run_asks_nobody(tmp_path, log):
    ask = FakeAsk()
    document = run(tmp_path, log, ask, AuditPlan(8, 2, 6, dry_run=True))
    assert ask.calls.total() == 0
    assert document["calls_at_most"] == document["probes"] + 6
    assert "findings" not in document


def test_a_budget_leaves_the_audit_incomplete_and_says_so(tmp_path, log):
    ask = FakeAsk()
    document = run(tmp_path, log, ask, AuditPlan(8, 2, 0), max_calls=20)
    assert ask.calls.total() == 20
    assert document["complete"] is False
    assert document["unscored"]["budget"] == document["probes"] - 20
    assert run(tmp_path, log, ask, AuditPlan(8, 2, 0))["complete"]


def test_lists_cannot_be_probed(tmp_path, log):
    with pytest.raises(UsageError, match="compares lists"):
        run(tmp_path, log, FakeAsk(), name="best_of_n")


def test_the_command_says_what_it_would_ask(tmp_path, log, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)  # there the fields of the log would have to be said
    assert main(["rubric", "audit", "helpfulness", log, "--judge-model", "gpt-5", "-n", "4", "--dry-run"]) == 0
    assert "4 records" in capsys.readouterr().out


def test_scores_of_other_judges_are_the_yardstick_of_self_preference(tmp_path):
    """Another family's judge gave every answer 3 of 5, this one 5 to its family and 3 to the rest: (0.5 - 0) - (0 - 0) of the scale."""
    from judges import body
    from opened import score_logs

    from judgecli.judge.reply import read_reply
    from judgecli.pipeline.judged import Asking

    rows = [{"input": f"q {n}", "output": f"answer of {'kin' if n % 2 else 'rest'} {n}", "model": "gpt-5" if n % 2 else "llama-4"} for n in range(12)]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    async def other(request):  # noqa: ARG001
        return read_reply(body(json.dumps({"explanation": "x", "score": 3}), model="claude-4"), "json_schema")

    async def fond(request):
        return read_reply(body(json.dumps({"explanation": "x", "score": 5 if " kin " in str(request.messages[1]) else 3})), "json_schema")

    settings = load_settings(
        flags=Flags(judge=JudgeFlags(models=("claude-4",)), map=("label.thumb=thumb",)), environment={"JUDGE_STORE": str(tmp_path / "store")}, folder=tmp_path
    )
    score_logs([str(path)], settings=settings, scorers=["rubric:helpfulness"], progress=Silent(), asking=Asking(ask=other))
    found = run(tmp_path, str(path), fond, AuditPlan(12, 1, 0))
    finding = next(row for row in found["findings"] if row["name"] == "self_preference")
    assert (finding["kind"], finding["estimate"], finding["n"]) == ("judges", 0.5, 6)
