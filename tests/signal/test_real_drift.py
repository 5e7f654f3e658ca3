"""Drift on logs whose drift is known: what must be raised is, what must not is not."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest
from harness import DATA, score, write_lines
from opened import find_drift

from judgecli.config.project import Project
from judgecli.config.settings import Settings
from judgecli.signal.drift.report import Drift
from judgecli.signal.drift.rows import DriftRow


@pytest.fixture(scope="module")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA


def snapshots(path: Path, target: Path, value_of) -> Path:
    """The answers of one LLMDrift table as a log, each with a score of its own."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    made = [
        {"id": row["id"], "model": row["model"].split("/")[1], "input": row["query"], "output": row["answer"], "value": value_of(row), "time": time}
        for row in rows
        for time in ["2023-03-14T00:00:00Z" if "03" in row["model"].split("-")[-1][:2] else "2023-06-13T00:00:00Z"]
    ]
    return write_lines(target, made)


def right(row: dict[str, str]) -> int:
    """The last yes or no is the answer."""
    said = re.findall(r"\b(yes|no)\b", row["answer"].lower())
    return int(bool(said) and said[-1] == row["ref_answer"].lower())


@pytest.fixture(scope="module")
def prime(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prime")
    log = snapshots(data / "drift/llmdrift_PRIME_FULL_EVAL.csv.gz", folder / "prime.jsonl", right)
    score(folder / "s", [log], ["score.right", "words", "characters"], map={"score.right": "value"})
    return folder / "s"


@pytest.fixture(scope="module")
def opinions(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opinions")
    log = snapshots(data / "drift/llmdrift_OPINIONQA_EVAL.csv.gz", folder / "o.jsonl", lambda row: int(bool(re.search(r"\([A-Z]\)", row["answer"]))))
    score(folder / "s", [log], ["score.answered"], map={"score.answered": "value"})
    return folder / "s"


def found(store: Path, before: str, after: str, **given) -> Drift:
    gates = [{"metric": name, "at_least": 0.5} for name in ("score.right", "score.answered", "score.judge")]
    settings = Settings(project=Project.model_validate({"gates": gates}), store=store)
    return find_drift(settings, reference=before, current=after, **given)


def row(drift: Drift, metric: str) -> DriftRow:
    return next(one for one in drift.rows if one.metric == metric and one.what == "value" and one.overall)


def test_prime_gpt4_fell(prime: Path) -> None:
    drift = found(prime, "model=gpt-4-0314", "model=gpt-4-0613")
    one = row(drift, "score.right")
    assert (one.reference["mean"], one.current["mean"], one.verdict, one.worse) == (0.84, 0.511, "drift", True)
    assert one.change == pytest.approx(-0.329)
    assert -0.38 < one.low < one.change < one.high < -0.28
    assert one.cause == "app"  # the same thousand questions
    assert one.parts.mix == pytest.approx(0.0, abs=1e-12)
    length = row(drift, "characters")
    assert (round(length.reference["mean"]), round(length.current["mean"]), length.verdict) == (638, 4, "drift")
    assert drift.verdict == "drift"
    assert drift.headline[0][0] == "worse"
    assert "score.right fell by" in drift.headline[0][1]
    assert drift.headline[0][1].endswith("the app, not the traffic.")
    assert drift.texts["output"].auc.auc > 0.95
    assert drift.texts["input"].auc is None or drift.texts["input"].auc.high <= 0.55  # the same questions
    assert {example.side for example in drift.examples} == {"reference", "current"}


def test_prime_gpt35_is_an_improvement(prime: Path) -> None:
    drift = found(prime, "model=gpt-3.5-turbo-0301", "model=gpt-3.5-turbo-0613")
    one = row(drift, "score.right")
    assert (one.verdict, one.worse, one.cause) == ("drift", False, "app")
    assert one.change == pytest.approx(0.261)
    tones = {text.split()[0]: tone for tone, text in drift.headline}
    assert tones["score.right"] == "better"


def test_opinions_gpt4_stopped_answering(opinions: Path) -> None:
    one = row(found(opinions, "model=gpt-4-0314", "model=gpt-4-0613"), "score.answered")
    assert (one.verdict, one.worse) == ("drift", True)
    assert one.reference["mean"] == pytest.approx(0.979, abs=0.001)
    assert one.current["mean"] == pytest.approx(0.247, abs=0.001)


def test_opinions_gpt35_did_not(opinions: Path) -> None:
    one = row(found(opinions, "model=gpt-3.5-turbo-0301", "model=gpt-3.5-turbo-0613"), "score.answered")
    assert one.verdict == "no drift"


@pytest.fixture(scope="module")
def arena(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arena")
    logs = []
    for policy in ("base", "clone", "unhelpful"):
        with gzip.open(data / f"judge_alignment/cje_arena_{policy}.jsonl.gz", "rt") as file:
            made = [json.loads(line) for line in file]
        logs.append(write_lines(folder / f"{policy}.jsonl", [{"policy": policy, **record} for record in made]))
    mapping = {"input": "prompt", "output": "response", "model": "policy", "score.judge": "judge_score"}
    score(folder / "s", logs, ["score.judge", "words"], map=mapping)
    return folder / "s"


def test_a_clone_is_no_drift(arena: Path) -> None:
    drift = found(arena, "model=base", "model=clone", metrics=["score.judge"], margins=None)
    one = row(drift, "score.judge")
    assert (one.reference["mean"], one.current["mean"]) == (pytest.approx(0.8413, abs=1e-4), pytest.approx(0.8491, abs=1e-4))
    assert (one.verdict, drift.verdict) == ("no drift", "no drift")
    assert one.shape.limits["ks"][1] < 0.02  # chance alone gives a gap of 0.03
    assert not [other for other in drift.rows if other.verdict == "drift"]


def test_an_unhelpful_policy_is(arena: Path) -> None:
    drift = found(arena, "model=base", "model=unhelpful")
    one = row(drift, "score.judge")
    assert (one.verdict, one.worse, one.cause) == ("drift", True, "app")
    assert one.current["mean"] == pytest.approx(0.2454, abs=1e-4)
    assert next(other for other in drift.rows if other.metric == "text.output").verdict == "drift"
    assert next(other for other in drift.rows if other.metric == "text.input").verdict != "drift"
