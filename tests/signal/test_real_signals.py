"""Known answers on published data: the AlpacaEval leaderboard, and GPT-4 before and after June 2023."""

import csv
from pathlib import Path

import pytest
from harness import DATA, score
from opened import compute_signals
from scipy import stats as oracle

from judgecli.config.project import Project
from judgecli.config.settings import Settings

RIGHT = '''
import re

from judgecli.scorer import scorer


@scorer(kind="rate", range=(0, 1), higher_is_better=True)
def right(output, reference):
    """Whether the last yes or no of the output is that of the reference."""
    words = [re.findall(r"\\\\b(yes|no)\\\\b", text.lower()) for text in output]
    return [float(bool(found) and found[-1] == wanted.lower()) for found, wanted in zip(words, reference)]
'''.replace("\\\\", "\\")


def test_win_rates_and_standard_errors_are_those_of_the_leaderboard(tmp_path: Path) -> None:
    log, board = DATA / "alpaca_eval/annotations_14_models.jsonl.gz", DATA / "alpaca_eval/leaderboard_weighted_gpt4_turbo.csv"
    if not log.exists() or not board.exists():
        pytest.skip(f"{log} is not there")
    score(tmp_path / "s", [log], ["score.preference"], map={"score.preference": "preference"})
    with board.open() as lines:
        published = {line[""]: line for line in csv.DictReader(lines)}
    rows = compute_signals(Settings(project=Project(), store=tmp_path / "s"), by=["model"], window="all").rows
    known = [row for row in rows if row.policy["model"] in published]
    assert len(known) == 13
    for row in known:
        line = published[str(row.policy["model"])]
        assert row.clusters == row.n == int(line["n_total"])  # each prompt once: the robust error is the plain one
        assert row.mean is not None
        assert 100 * (row.mean - 1) == pytest.approx(float(line["win_rate"]), abs=1e-9)
        assert row.se is not None
        assert 100 * row.se == pytest.approx(float(line["standard_error"]), abs=1e-9)


def oracle_limit(share: float, n: int, alpha: float) -> float:
    """Wilson's lower limit, two-sided."""
    z = float(oracle.norm.ppf(1 - alpha / 2))
    return float((share + z**2 / (2 * n) - z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5) / (1 + z**2 / n))


def test_gpt4_falls_on_primes(tmp_path: Path) -> None:
    log = DATA / "drift/llmdrift_PRIME_FULL_EVAL.csv.gz"
    if not log.exists():
        pytest.skip(f"{log} is not there")
    (tmp_path / "right.py").write_text(RIGHT)
    mapping = {"input": "query", "output": "answer", "reference": "ref_answer", "model": "model", "time": "date"}
    score(tmp_path / "s", [log], [f"{tmp_path}/right.py:right", "characters"], map=mapping)
    rows = compute_signals(Settings(project=Project(), store=tmp_path / "s"), by=["model"], window="all").rows
    by = {(str(row.policy["model"]).split("/")[-1], row.metric): row for row in rows}
    before, after = by["gpt-4-0314", "right"], by["gpt-4-0613", "right"]
    assert [(row.n, round((row.mean or 0) * row.n)) for row in (before, after)] == [(1000, 840), (1000, 511)]
    assert before.low is not None
    assert after.high is not None
    assert before.low > after.high
    best = max((row for key, row in by.items() if key[1] == "right"), key=lambda row: row.mean or 0)
    joint = oracle_limit(best.mean, best.n, 0.05 / len({key[0] for key in by}))
    assert after.regret == pytest.approx(joint - 0.511, abs=1e-6)  # the mark is the limit that holds for all models at once
    assert (best.low or 0) > joint
