"""judge allocate on planted logs: the best variant, the planted value of a policy, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from harness import score, write_lines
from opened import allocate_traffic

from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import UsageError
from judgecli.signal.allocation import Choices, allocate


def settings(folder: Path):
    return load_settings(environment={"JUDGE_STORE": str(folder / "store")}, folder=folder)


def confounded(folder: Path, *, logged: bool, rare: bool = False) -> None:
    """Country y is easier (.8 against .4) and gets model b more often; b is better by .1 in both."""
    draw = np.random.default_rng(3)
    rows = []
    for number in range(3000):
        easy = number % 2
        chance = 0.002 if rare else (0.8 if easy else 0.3)
        takes = draw.random() < chance
        good = draw.random() < 0.4 + 0.4 * easy + 0.1 * takes
        row = {"id": f"r{number}", "input": f"q{number}", "output": "yes" if good else "no", "model": "b" if takes else "a", "country": "y" if easy else "x"}
        rows.append(row | ({"p": chance if takes else 1 - chance} if logged else {}))
    maps = {"tags.country": "country", "id": "id", "input": "input", "output": "output", "model": "model"} | ({"tags.propensity": "p"} if logged else {})
    score(folder / "store", [write_lines(folder / "log.jsonl", rows)], ["ok=regex:pattern=yes"], map=maps)
    (folder / "judge.yaml").write_text("policy: [model]\ngates: [{metric: ok, at_least: 0.1}]\n")


@pytest.mark.parametrize("logged", [True, False])
def test_the_planted_value_of_a_policy_is_found(tmp_path, logged):
    """All to b earns .7; its plain mean says .77, for it got the easier country."""
    confounded(tmp_path, logged=logged)
    found = allocate_traffic(settings(tmp_path), metric="ok", context=["tags.country"])
    assert found["propensities"] == ("logged" if logged else "estimated")
    assert bool(found["notes"]) is not logged
    best = found["variants"][1]
    assert (best["variant"], best["p_best"]) == ("b", pytest.approx(1, abs=1e-3))
    assert best["mean"] > 0.74
    assert sum(row["suggested"] for row in found["variants"]) == pytest.approx(1)
    policy = found["policies"][1]
    for name in ("ips", "snips", "dr"):
        assert policy[name]["low"] <= 0.7 <= policy[name]["high"]
    assert policy["dr"]["high"] < 0.77
    assert found["regret"] > 0


def test_what_the_log_cannot_tell_is_refused(tmp_path):
    confounded(tmp_path, logged=True, rare=True)
    policy = allocate_traffic(settings(tmp_path), metric="ok")["policies"][1]
    assert policy["dr"] is None
    assert "effective sample size" in policy["reasons"]["dr"]
    with pytest.raises(UsageError, match="no reward"):
        allocate_traffic(settings(tmp_path))


def test_exploration_leaves_every_variant_a_share(tmp_path):
    confounded(tmp_path, logged=False)
    found = allocate_traffic(settings(tmp_path), metric="ok", explore=0.1)
    assert [row["suggested"] for row in found["variants"]] == pytest.approx([0.1, 0.9], abs=1e-3)


def test_the_command(tmp_path, monkeypatch, capsys):
    confounded(tmp_path, logged=False)
    monkeypatch.chdir(tmp_path)
    assert main(["allocate", "--metric", "ok", "--store", "store", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metric"] == "ok"
    assert main(["allocate", "--metric", "ok", "--store", "store"]) == 0
    assert "P(best)" in capsys.readouterr().out
    assert main(["allocate", "--metric", "nope", "--store", "store"]) == 2
    assert main(["allocate", "--metric", "ok", "--store", "store", "--by", "nope"]) == 2


def test_two_equal_records_are_no_even_chance():
    """A new variant with two records: nothing is told of it, whatever they say, and the others share the traffic."""
    rows = [("small", 0.6 + 0.01 * (n % 7)) for n in range(60)] + [("large", 0.7 + 0.01 * (n % 5)) for n in range(60)] + [("new", 0.8)] * 2
    for kind, rows_of in (("number", rows), ("rate", [(name, float(value > 0.65)) for name, value in rows])):
        choices = Choices(
            arms=["large", "new", "small"],
            arm=np.array([["large", "new", "small"].index(name) for name, _ in rows_of]),
            values=np.array([value for _, value in rows_of]),
            cluster=np.arange(len(rows_of)),
            stratum=np.zeros(len(rows_of), dtype=np.int64),
            propensity=None,
        )
        found = {row["variant"]: row for row in allocate(choices, kind=kind, scale=(0.0, 1.0), higher_is_better=True)["variants"]}
        assert found["new"]["p_best"] is None
        assert found["new"]["reasons"]["p_best"].startswith("cannot tell: 2 clusters")
        assert found["large"]["p_best"] + found["small"]["p_best"] == pytest.approx(1)
