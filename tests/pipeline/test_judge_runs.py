"""`judge score` with a rubric and a fake judge: dry run, caps, sentinels, batches, and what judge.yaml says."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from judgecli.cli import main
from judgecli.serve.fake_judge import FakeJudge, FakeSettings

MODEL = ["-s", "rubric:helpfulness", "--judge-model", "gpt-4o-mini"]


class Servers:
    """Fake judges in a loop of their own, by personality."""

    def __init__(self) -> None:
        import threading

        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.open: dict[str, FakeJudge] = {}

    def url(self, personality: str) -> str:
        if personality not in self.open:
            judge = self.open[personality] = FakeJudge(FakeSettings(personality=personality))
            asyncio.run_coroutine_threadsafe(judge.__aenter__(), self.loop).result(10)
        return self.open[personality].url

    def close(self) -> None:
        for judge in self.open.values():
            asyncio.run_coroutine_threadsafe(judge.__aexit__(None, None, None), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JUDGE_MODEL", "JUDGE_BASE_URL", "JUDGE_API_KEY", "OPENAI_API_KEY", "JUDGE_PRICES"):
        monkeypatch.delenv(name, raising=False)


def write_log(records: int) -> None:
    rows = [{"id": str(number), "input": f"How is dish {number} made?", "output": f"Boil {number} g of rice in water."} for number in range(records)]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object], str]:
    capsys.readouterr()
    code = main(["score", "log.jsonl", *words, "--json"])
    caught = capsys.readouterr()
    return code, json.loads(caught.out), caught.err


def judged(document: dict[str, object]) -> dict[str, object]:
    return dict(document["judge"])  # type: ignore[call-overload]


def test_a_dry_run_asks_nobody_and_says_what_the_run_then_does(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(40)
    code, document, _ = run(capsys, *MODEL, "--base-url", "http://127.0.0.1:9/v1", "--dry-run")
    assert code == 0
    assert (document["records"], document["calls"]) == (40, 40)
    cost, tokens = document["cost_usd"], document["rubrics"]["rubric.helpfulness"]["tokens_in"]  # type: ignore[index]
    assert not list(Path(".judge/scores").rglob("*.parquet"))
    code, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"))
    assert code == 0
    assert cost["low"] <= judged(document)["cost_usd"] <= cost["high"]  # type: ignore[index,operator]
    assert tokens["low"] <= judged(document)["tokens_in"] <= tokens["high"]  # type: ignore[operator]
    code, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"), "--dry-run")
    assert document["calls"] == 0


def test_a_price_cap_holds_and_leaves_the_rest_for_the_next_run(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(60)
    code, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"), "--max-cost", "0.003", "--concurrency", "2")
    assert code == 3
    assert judged(document)["cost_usd"] <= 0.003  # type: ignore[operator]
    calls = judged(document)["calls"]
    assert document["metrics"]["rubric.helpfulness"]["pending"] == 60 - calls  # type: ignore[index,operator]
    assert any("budget" in text for text in document["shortfalls"])  # type: ignore[attr-defined]
    code, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"))
    assert code == 0
    assert judged(document)["calls"] == 60 - calls  # type: ignore[operator]


def test_a_cap_in_money_needs_a_price(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(1)
    code, document, _ = run(capsys, "-s", "rubric:helpfulness", "--judge-model", "mine", "--base-url", "http://127.0.0.1:9/v1", "--max-cost", "1")
    assert code == 2
    assert "price of 'mine' is not known" in document["error"]["message"]  # type: ignore[index]


def test_a_rubric_needs_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(1)
    code, document, _ = run(capsys, "-s", "rubric:helpfulness")
    assert code == 2
    assert "--judge-model" in document["error"]["hint"]  # type: ignore[index]


@pytest.mark.parametrize(("personality", "alarm"), [("honest", False), ("gullible", True)])
def test_sentinels_tell_a_judge_that_praises_anything(servers: Servers, capsys: pytest.CaptureFixture[str], personality: str, alarm: bool) -> None:
    write_log(200)
    code, document, _ = run(capsys, *MODEL, "--base-url", servers.url(personality))
    report = judged(document)["sentinels"]["rubric.helpfulness"]  # type: ignore[index]
    assert code == 0
    assert report["drawn"] == report["asked"] == 20
    assert report["alarm"] is alarm
    assert any("ALARM" in note for note in document["notes"]) is alarm  # type: ignore[attr-defined]
    assert judged(document)["calls"] == 220
    assert document["metrics"]["rubric.helpfulness"]["scored"] == 200  # type: ignore[index]
    assert main(["replies", "export", "replies.jsonl"]) == 0
    assert len(Path("replies.jsonl").read_text(encoding="utf-8").splitlines()) == 200


def test_few_calls_carry_no_sentinels_and_it_is_said(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(20)
    _, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"))
    assert judged(document)["sentinels"] == {}
    assert any("no sentinels were asked" in note for note in document["notes"])  # type: ignore[attr-defined]


def test_a_batch_is_sent_once_and_its_answers_become_scores(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(30)
    asked = [*MODEL, "--base-url", servers.url("honest")]
    code, document, _ = run(capsys, *asked, "--batch", "submit")
    assert code == 3
    assert document["metrics"]["rubric.helpfulness"]["pending"] == 30  # type: ignore[index]
    assert any("30 questions" in note for note in document["notes"])  # type: ignore[attr-defined]
    _, document, _ = run(capsys, *asked, "--batch", "submit")
    assert document["notes"] == []
    code, document, _ = run(capsys, *asked, "--batch", "collect")
    assert code == 0
    assert document["metrics"]["rubric.helpfulness"]["scored"] == 30  # type: ignore[index]
    half = judged(document)["cost_usd"]
    _, document, _ = run(capsys, *asked, "--store", "other")
    assert judged(document)["cost_usd"] == pytest.approx(2 * half)  # type: ignore[operator]


def test_a_batch_of_a_pairwise_rubric_asks_and_scores_as_single_calls_do(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": f"{m}{at}", "model": m, "input": f"Question {at}?", "output": f"{m} says {at}, at some length"} for at in range(12) for m in "ab"]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = ["-s", "rubric:preference", "--judge-model", "gpt-4o-mini", "--base-url", servers.url("honest")]
    code, document, _ = run(capsys, *asked, "--batch", "submit")
    assert code == 3
    sent = document["notes"]
    assert any("24 questions" in note for note in sent), sent  # type: ignore[attr-defined]  # 12 pairs, each in both orders
    _, document, _ = run(capsys, *asked, "--batch", "submit")
    assert not any("were sent" in note for note in document["notes"])  # type: ignore[attr-defined]
    code, batched, _ = run(capsys, *asked, "--batch", "collect")
    _, single, _ = run(capsys, *asked, "--store", "other")
    assert batched["comparisons"]["rubric.preference"] == single["comparisons"]["rubric.preference"]  # type: ignore[index]
    assert batched["comparisons"]["rubric.preference"]["pending"] == 0  # type: ignore[index]
    assert judged(single)["cost_usd"] == pytest.approx(2 * judged(batched)["cost_usd"])  # type: ignore[operator]


def test_judge_yaml_names_the_rubric_its_judge_and_its_sample(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(100)
    judge = f"{{model: m, base_url: '{servers.url('honest')}', concurrency: 4}}"
    Path("judge.yaml").write_text(f"scorers:\n  - heuristics: [words]\n  - rubric: helpfulness\n    judge: {judge}\n    sample: 0.3\n", encoding="utf-8")
    code, document, _ = run(capsys, "--allow", servers.url("honest").removesuffix("/v1"))
    assert code == 0
    metric = document["metrics"]["rubric.helpfulness"]  # type: ignore[index]
    assert metric["scored"] + metric["unscored"]["not_sampled"] == 100
    assert 15 <= metric["scored"] <= 45
    assert judged(document)["calls"] == metric["scored"]
    assert document["complete"] is True


def test_the_endpoint_without_a_server_is_exit_four(capsys: pytest.CaptureFixture[str]) -> None:
    write_log(5)
    code, document, err = run(capsys, *MODEL, "--base-url", "http://127.0.0.1:9/v1")
    assert code == 4
    assert "127.0.0.1:9" in document["error"]["message"]  # type: ignore[index]
    assert len(err.splitlines()) <= 5


def test_answers_that_a_judge_saw_cut_are_counted(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": f"r{number}", "input": f"q{number}", "output": "word " * (14_000 if number == 2 else 3) + str(number)} for number in range(4)]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for _ in range(2):  # the second run asks nobody and tells it all the same
        _, document, _ = run(capsys, *MODEL, "--base-url", servers.url("honest"))
        assert document["metrics"]["rubric.helpfulness"]["cut"] == 1  # type: ignore[index]
        (told,) = [note for note in document["notes"] if "cut text" in note]  # type: ignore[attr-defined]
        assert told.startswith("rubric.helpfulness: 1 of 4 records were judged on a cut text")
        assert told.endswith("the first is log.jsonl:3 (output 60,000 of 70,001 characters)")
    assert main(["score", "log.jsonl", *MODEL, "--base-url", servers.url("honest")]) == 0
    assert "1 of 4 records were judged on a cut text" in capsys.readouterr().out
