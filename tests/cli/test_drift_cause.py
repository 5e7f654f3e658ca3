"""judge drift from the command line on worlds whose truth is known: whose doing it is, where it is, the same words everywhere."""

import json
import os
import random
import re
from pathlib import Path

import pytest

from judgecli.cli import main

EASY = "please tell me how the sponge cake batter is stirred for party"
HARD = "please tell me how the contract law clause is written for case"
NOUNS = ["plan", "tax", "recipe", "house", "garden", "river", "stone", "code", "music", "train", "letter", "window", "bread", "salt", "lamp", "road"]


@pytest.fixture(autouse=True)
def _plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)


def take_in(rows, *tags):
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("judge.yaml").write_text(
        "logs:\n  - path: log.jsonl\n    map: {id: id, time: time, session: id, input: input, output: output, model: model, score.x: x"
        + "".join(f", tags.{tag}: {tag}" for tag in tags)
        + "}\npolicy: [model]\nscorers: [{heuristics: [empty]}]\n",
        encoding="utf-8",
    )
    assert main(["score", "--quiet"]) == 0


def drift(capsys, *more):
    capsys.readouterr()
    assert main(["drift", "--reference", "time < '2026-09-15'", "--current", "time > '2026-09-15'", "--metric", "score.x", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def whole(document):
    return next(row for row in document["rows"] if row["metric"] == "score.x" and row["what"] == "value" and not row["segment"])


def world(seed, mode, *, input_of, size=500):
    """Easy questions are answered well at 0.9, hard ones at 0.4. `app`: 0.25 less now; else the share of hard ones went from 0.2 to 0.7."""
    chance = random.Random(seed)  # noqa: S311
    rows = []
    for now in (False, True):
        for at in range(size):
            hard = chance.random() < (0.4 if mode == "app" else 0.7 if now else 0.2)
            right = chance.random() < (0.4 if hard else 0.9) - (0.25 if mode == "app" and now else 0)
            day, kind = ("2026-09-21" if now else "2026-09-01"), "hard" if hard else "easy"
            row = {
                "id": f"{now}{at}",
                "time": f"{day}T{at % 24:02}:00:00Z",
                "output": "yes",
                "model": "m",
                "x": int(right),
                "kind": kind,
                "noise": chance.choice("abcdef"),
            }
            rows.append({**row, "input": input_of(hard, chance)})
    return rows


def worded(hard, chance):
    return f"{HARD if hard else EASY} {chance.randrange(10**6)}"


def told_by_length(hard, chance):
    return f"{'translate this long paragraph about contract law with care ' * 3 if hard else 'hello, time?'} {chance.randrange(10**6)}"


def alike(_hard, chance):
    return f"how does the refund work for order {chance.randrange(10**6)}"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hidden_kind_of_question_is_never_called_the_apps(capsys, seed):
    take_in(world(seed, "mix", input_of=worded), "noise")
    row = whole(drift(capsys))
    assert (row["verdict"], row["cause"]) == ("drift", None)
    assert re.fullmatch(
        r"cannot tell app from traffic: the input texts changed too \(AUC 0\.\d\d\), and no logged column explains the change", row["cause_sentence"]
    )
    assert row["reasons"]["cause"] == row["cause_sentence"]


def test_where_all_inputs_are_alike_nothing_tells_a_hidden_kind(capsys):
    take_in(world(3, "mix", input_of=alike))
    assert whole(drift(capsys))["cause_sentence"].startswith("cannot tell app from traffic: the inputs are nearly all alike")


@pytest.mark.parametrize("input_of", [worded, alike])
def test_a_logged_kind_is_tried_unasked_and_says_what_by_says(capsys, input_of):
    take_in(world(4, "mix", input_of=input_of), "kind", "noise")
    rows = [whole(drift(capsys, *more)) for more in ([], ["--by", "tags.kind"], ["--no-text"], ["--no-text", "--by", "tags.noise"])]
    assert {row["cause"] for row in rows} == {"traffic"}
    (said,) = {row["cause_sentence"] for row in rows}
    assert re.fullmatch(
        r"the traffic, not the app: (more records have tags.kind = hard|fewer records have tags.kind = easy) \(\d\d % before, \d\d % now\)", said
    )
    assert rows[0]["parts"]["column"] == "tags.kind"
    assert abs(rows[0]["parts"]["within"]) < 0.1 < abs(rows[0]["parts"]["mix"])


def test_the_length_of_inputs_tells_kinds_too(capsys):
    take_in(world(5, "mix", input_of=told_by_length))
    row = whole(drift(capsys))
    assert row["cause"] == "traffic"
    assert row["parts"]["column"] in ("input length", "input language")


def test_an_app_that_got_worse_is_named_and_only_where_inputs_were_read(capsys):
    take_in(world(6, "app", input_of=worded), "kind", "noise")
    row = whole(drift(capsys))
    assert (row["cause"], row["cause_sentence"]) == ("app", "the app, not the traffic")
    assert {"tags.kind", "tags.noise"} <= set(row["tried"])
    unread = whole(drift(capsys, "--no-text"))
    assert (unread["cause"], unread["cause_sentence"]) == (
        None,
        "cannot tell app from traffic: the inputs were not read (--no-text), and no logged column explains the change",
    )


def test_the_same_words_everywhere(capsys):
    take_in(world(7, "mix", input_of=worded), "kind")
    said = whole(drift(capsys))["cause_sentence"]
    sides = ["--reference", "time < '2026-09-15'", "--current", "time > '2026-09-15'", "--metric", "score.x"]
    assert main(["drift", *sides, "-o", "d.html", "-o", "d.md", "-o", "d.json"]) == 0
    assert main(["drift", *sides]) == 0
    pages = [capsys.readouterr().out, Path("d.md").read_text(), Path("d.html").read_text(), " ".join(json.loads(Path("d.json").read_text())["headline"])]
    for page in pages:
        assert said in page.replace("\\", "").replace("&#37;", "%")
        assert "the app, not the traffic" not in page


def places(seed, loss, *, size=1200, where="DE", column="country", model_now="m"):
    """Eight countries and two devices; in one of them answers got worse by `loss`."""
    chance = random.Random(seed)  # noqa: S311
    rows = []
    for now in (False, True):
        for at in range(size):
            own = {"country": chance.choice(["DE", "FR", "IT", "ES", "PL", "NL", "US", "UK"]), "device": chance.choice(("mobile 'phone'", "desk"))}
            rate = 0.85 - (loss if now and own[column] == where else 0)
            rows.append(
                {
                    **own,
                    "id": f"{now}{at}",
                    "time": f"2026-09-{'21' if now else '01'}T{at % 24:02}:00:00Z",
                    "output": "yes",
                    "x": int(chance.random() < rate),
                    "input": " ".join(chance.choices(NOUNS, k=8)),
                    "model": model_now if now else "m",
                }
            )
    return rows


def test_a_change_in_one_country_is_the_first_sentence_without_being_asked(capsys):
    take_in(places(8, 0.4), "country", "device")
    document = drift(capsys)
    assert document["verdict"] == "drift"
    assert document["headline"][0].startswith("score.x where tags.country = DE fell by ")
    assert "; elsewhere it changed by " in document["headline"][0]
    (found,) = [row for row in document["rows"] if row["segment"]]
    assert (found["segment"], found["found"], found["asked"], found["local"]["value"]) == ({"tags.country": "DE"}, True, False, "DE")
    assert found["p"] >= found["local"]["p"]
    assert abs(found["local"]["elsewhere"]) < 0.05 < abs(found["change"])
    asked = drift(capsys, "--by", "tags.country")
    assert asked["headline"][0] == document["headline"][0]
    assert main(["drift", "--reference", "time < '2026-09-15'", "--current", "time > '2026-09-15'", "--metric", "score.x", "--no-text", "--fail-on-drift"]) == 1


def test_a_change_of_half_the_records_says_where_it_is(capsys):
    take_in(places(9, 0.4, where="mobile 'phone'", column="device"), "country", "device")
    first = drift(capsys, "--no-text")["headline"][0]
    assert first.startswith("score.x fell by ")
    assert "; where tags.device = mobile 'phone' by \u2212" in first
    assert ", elsewhere by " in first


def test_what_a_sample_finds_is_measured_on_all_records(capsys, monkeypatch):
    monkeypatch.setattr("judgecli.store.drift_query.LOGGED", 700)
    rows = places(12, 0.5)
    take_in(rows, "country", "device")
    (found,) = [row for row in drift(capsys, "--no-text")["rows"] if row["segment"]]
    assert found["segment"] == {"tags.country": "DE"}
    here = [[row["x"] for row in rows if row["country"] == "DE" and row["time"].startswith(day)] for day in ("2026-09-01", "2026-09-21")]
    assert (found["reference"]["n"], found["current"]["n"]) == tuple(map(len, here))
    assert found["change"] == pytest.approx(sum(here[1]) / len(here[1]) - sum(here[0]) / len(here[0]))


def test_nothing_changed_anywhere(capsys):
    take_in(places(10, 0.0), "country", "device")
    document = drift(capsys, "--no-text")
    assert document["verdict"] != "drift"
    assert not [row for row in document["rows"] if row["segment"]]


def test_another_model_is_told_as_a_fact(capsys):
    take_in(places(11, 0.4, model_now="n"), "country", "device")
    document = drift(capsys)
    assert document["switched"] == [
        {"column": "model", "shares": [{"value": "m", "reference": 1.0, "current": 0.0}, {"value": "n", "reference": 0.0, "current": 1.0}]}
    ]
    assert "model changed between the sides (share of the records): m from 100 % to 0 %, n from 0 % to 100 %." in document["headline"]
