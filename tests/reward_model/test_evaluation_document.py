"""`judge rm eval` from files to document, terminal, Markdown and HTML."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from harness import DATA, write_lines
from toys import Toy

from judgecli.errors import EnvironmentFailure, NoRecords, UnknownName, UsageError
from judgecli.pipeline.rm_eval import PreferenceReading, evaluate_model, write_evaluation
from judgecli.renderers.reward_eval import evaluation_html, evaluation_markdown, evaluation_page
from judgecli.renderers.safe import json_text
from judgecli.renderers.terminal import Page

LENGTH = Toy(lambda _, output: np.log1p(len(output)))
HOSTILE = "</title><script>JUDGE_MARK=1</script><img src=x>\x1b[31m\u202e|`[x](javascript:JUDGE_MARK=3)"


def rows(count=40, **more):
    return [{"prompt": f"p{number}", "chosen": "a" * (number + 3), "rejected": "b" * (number + 1 + 4 * (number % 3 == 0)), **more} for number in range(count)]


def document(tmp_path, made, model=LENGTH, **reading):
    reading.setdefault("max_bad", 0.05)  # some tests have a row of 41 that cannot be read
    return evaluate_model(model, [str(write_lines(tmp_path / "p.jsonl", made))], PreferenceReading(**reading))


def test_the_document_has_the_keys_of_the_design(tmp_path):
    found = document(tmp_path, [*rows(), "{"])
    assert found.keys() >= {"n", "accuracy", "low", "high", "ece", "brier", "baselines", "length_matched"}
    assert found["baselines"] == {"longer": pytest.approx(26 / 40), "shorter": pytest.approx(14 / 40)}
    assert found["length_matched"].keys() >= {"n", "accuracy"}
    assert (found["n"], found["accuracy"], found["model"], found["identity"]) == (40, 26 / 40, "toy", "0123456789abcdef")
    assert (found["data"]["read"], found["data"]["pairs"], found["data"]["dropped"]) == (41, 40, {"not_json": 1})
    assert json.loads(json_text(found)) == found
    assert found["reasons"] == {}


def test_a_file_that_the_model_learnt_from_is_told(tmp_path):
    path = write_lines(tmp_path / "p.jsonl", rows())
    [digest] = evaluate_model(LENGTH, [str(path)])["data"]["hashes"].values()
    assert evaluate_model(LENGTH, [str(path)], learnt={"0" * 64})["notes"] == evaluate_model(LENGTH, [str(path)])["notes"]
    assert "p.jsonl is a file that the model learnt from" in evaluate_model(LENGTH, [str(path)], learnt={digest})["notes"][0]


def test_what_has_no_number_has_a_reason(tmp_path):
    alike = document(tmp_path, [{"prompt": "p", "chosen": "aa", "rejected": "b"}, {"prompt": "p", "chosen": "a", "rejected": "bb"}])
    assert (alike["accuracy"], alike["low"], alike["reasons"]["low"]) == (0.5, None, "all pairs are of one group of prompts and answers")
    thumbs = document(tmp_path, [{"prompt": "p", "completion": "a", "label": True}])
    assert (thumbs["accuracy"], thumbs["reasons"]["accuracy"]) == (None, "no pair")
    assert thumbs["verdicts"] == {"n": 1, "good": 1, "auroc": None, "low": None, "high": None}


def test_thumbs_are_ordered(tmp_path):
    made = [{"prompt": "p", "completion": "a" * size, "label": good} for size, good in ((5, True), (3, False), (4, True), (4, False))]
    found = document(tmp_path, made)["verdicts"]
    assert (found["n"], found["good"], found["auroc"], found["low"]) == (4, 2, 3.5 / 4, None)  # one prompt: no interval
    apart = document(tmp_path, [{**row, "prompt": str(place)} for place, row in enumerate(made)])["verdicts"]
    assert (apart["auroc"], apart["low"]) == (3.5 / 4, None)  # two groups a side are too few for an interval
    many = [
        {"prompt": f"{letter} {place}", "completion": letter * size, "label": size > 3} for place, letter in enumerate("bcdfghjkmnpq") for size in (2, 3, 5, 7)
    ]
    known = document(tmp_path, [{**row, "prompt": f"{row['prompt']} {row['completion']}"} for row in many])["verdicts"]
    assert known["low"] is None or known["low"] <= known["auroc"] <= known["high"]


def test_undecided_pairs_are_told_apart(tmp_path):
    made = [*rows(), {"input": "t", "output_1": "a", "output_2": "bb", "label": 0}]
    found = document(tmp_path, made)
    assert (found["n"], found["ties"]) == (40, {"model": 0, "labels": 1})
    assert "preferred neither" in evaluation_page(found, Page())


def test_reward_bench_rows_are_told_by_their_subsets(tmp_path):
    found = document(tmp_path, [*rows(4, subset="hep-go"), *rows(2, subset="mt-bench-easy")])
    right = 1 - 2 / 4  # of every three pairs one has a longer rejected answer
    assert found["reward_bench"]["sections"] == pytest.approx({"Reasoning": right, "Chat": 1 / 2})
    assert "hep-go" in evaluation_markdown(found)


def test_reward_bench_2_rows_are_pairs_and_choices(tmp_path):
    made = [{"id": "1", "prompt": "p", "chosen": ["aaaa"], "rejected": ["b", "bb", "bbbb"], "subset": "Math"}]
    found = document(tmp_path, made)
    assert found["reward_bench_2"]["domains"] == {"Math": {"n": 1, "score": 0.5}}
    assert (found["n"], found["clusters"], found["best_of_n"], found["data"]["prompts_with_outputs"]) == (3, 1, [], 1)
    assert found["data"]["read"] == 4


def test_samples_give_a_curve_by_model_and_by_stored_scores(tmp_path):
    made = [{"prompt": f"p{number}", "outputs": ["aa", "b"], "gold": [number % 2, 1], "scores": [0, 1]} for number in range(6)]
    by_model, by_rows = document(tmp_path, made), document(tmp_path, made, model=None)
    assert [point["best"]["estimate"] for point in by_model["best_of_n"]] == [0.75, 0.5]
    assert [point["best"]["estimate"] for point in by_rows["best_of_n"]] == [0.75, 1.0]
    assert (by_rows["model"], by_rows["best_of_n"][0]["majority"]) == (None, None)


def test_stored_scores_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"p.jsonl:1 holds no stored scores"):
        document(tmp_path, [{"prompt": "p", "outputs": ["a", "b"], "gold": [1, 0]}], model=None)
    with pytest.raises(UsageError, match="no stored scores"):
        document(tmp_path, rows(), model=None)


def test_nothing_to_evaluate_on_says_what_was_there(tmp_path):
    with pytest.raises(NoRecords, match="unknown_shape 2") as caught:
        document(tmp_path, [{"a": 1}, {"b": 2}])
    assert "chosen" in caught.value.hint


def test_segments_and_tags(tmp_path):
    found = document(tmp_path, [*rows(20, topic="x"), *rows(20, topic="y")], by=("topic",))
    assert [(one["tag"], one["value"], one["n"]) for one in found["segments"]] == [("topic", "x", 20), ("topic", "y", 20)]
    assert "topic = x" in evaluation_page(found, Page())
    with pytest.raises(UnknownName, match="theme"):
        document(tmp_path, rows(3, topic="x"), by=("theme",))
    assert "--by topic" in evaluation_page(document(tmp_path, [*rows(20, topic="x"), *rows(20, topic="y")]), Page())


def test_outputs_outside_the_training_data_are_counted(tmp_path):
    made = rows(8)
    made[0]["chosen"] = "OUTSIDE"
    found = document(tmp_path, made)
    assert found["outside"] == 1 / 16
    assert "6.2 % of the outputs lie outside" in evaluation_page(found, Page())


def test_a_model_of_length_is_called_so_on_every_page(tmp_path):
    rng = np.random.default_rng(0)
    made = []
    for number in range(600):
        short, long = "a" * int(rng.integers(5, 50)), "b" * int(rng.integers(60, 200))
        made.append(
            {"prompt": str(number), "chosen": long, "rejected": short} if rng.random() < 0.8 else {"prompt": str(number), "chosen": short, "rejected": long}
        )
    found = document(tmp_path, made)
    assert found["length_verdict"] == "length_only"
    for text in (evaluation_page(found, Page()), evaluation_markdown(found), evaluation_html(found)):
        assert "it learnt only length" in text


def test_answers_in_steps_are_told_by_their_rows(tmp_path):
    made = []
    for number in range(20):
        wrong = 1 if number % 2 else None
        made.append(
            {"input": f"q{number}", "steps": ["fine", "WRONG" if wrong else "fine"], "answer": "1", "target": "2" if wrong else "1", "mistake_index": wrong}
        )
    found = document(tmp_path, made, model=Toy(lambda _, step: 1.0 - 2 * ("WRONG" in step)))["steps"]
    assert (found["score"], found["auroc"], found["erroneous"]["n"], found["correct"]["n"]) == (1.0, 1.0, 10, 10)
    assert found["answers"] == {"n": 20, "min": 1.0, "product": 1.0, "last": 1.0, "mean": 1.0}
    whole = document(tmp_path, made, model=Toy(lambda _, step: float(len(step))))
    assert whole["data"]["read"] == whole["data"]["solutions"] == 20
    for text in (evaluation_page(whole, Page()), evaluation_markdown(whole), evaluation_html(whole)):
        assert "first wrong step" in text


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links |= {value for name, value in attrs if name == "href"}
        self.attributes |= {name for name, _ in attrs}


def hostile(tmp_path):
    made = [{**row, HOSTILE: f"{HOSTILE}{number % 2}", "subset": HOSTILE} for number, row in enumerate(rows(40))]
    found = document(tmp_path, [*made, {"prompt": "s", "outputs": ["a"], "gold": [1]}], by=(HOSTILE,))
    found["model"] = HOSTILE
    found["notes"].append(HOSTILE)
    return found


def test_hostile_text_stays_text_in_html(tmp_path):
    text = evaluation_html(hostile(tmp_path))
    page = Tags()
    page.feed(text)
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "div", "h1", "h2", "h3", "p", "ul", "li", "strong", "span", "section",
        "article", "svg", "line", "text", "rect", "path", "polyline", "polygon", "table", "caption", "thead", "tbody", "tr", "th", "td", "br", "a",
    }  # fmt: skip
    assert not [name for name in page.attributes if name.startswith("on") or name in ("src", "style")]
    assert page.links == {"#top"}
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_hostile_text_stays_text_elsewhere(tmp_path):
    found = hostile(tmp_path)
    for text in (evaluation_page(found, Page()), evaluation_markdown(found)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>" not in re.sub(r"\\.", "", evaluation_markdown(found))


def test_the_page_is_small_at_any_number_of_segments(tmp_path):
    made = [row for number in range(300) for row in rows(10, topic=f"t{number}")]
    assert len(evaluation_html(document(tmp_path, made, by=("topic",))).encode()) < 100_000


def test_files_by_suffix(tmp_path):
    found = document(tmp_path, rows())
    for name in ("e.html", "e.md", "e.json"):
        write_evaluation(found, tmp_path / name)
        assert (tmp_path / name).read_text()
    assert json.loads((tmp_path / "e.json").read_text()) == found
    with pytest.raises(UsageError):
        write_evaluation(found, tmp_path / "e.pdf")
    with pytest.raises(EnvironmentFailure):
        write_evaluation(found, Path(tmp_path / "none" / "e.html"))


def test_each_output_is_scored_once(tmp_path):
    model = Toy(lambda _, output: len(output))
    document(tmp_path, rows(7), model=model)
    assert model.asked == 14


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA


def test_math_responses_by_their_stored_scores(data):
    found = evaluate_model(None, [str(data / "math/math_100x8_responses.jsonl.gz")])
    last = found["best_of_n"][-1]
    assert [round(100 * last[name]["estimate"], 6) for name in ("best", "majority", "passed", "first")] == [94, 93, 96, 91]
    assert "best of 8: 94.0 % (blind 91.0 %, majority 93.0 %, best there is 96.0 %; 100 prompts)" in evaluation_page(found, Page())


def test_alpaca_says_what_length_gets(data):
    text = evaluation_page(evaluate_model(LENGTH, [str(data / "preferences/alpaca_gpt4_pairs.test.jsonl.gz")]), Page())
    assert "longer wins 85.0 %" in text
    assert "on 220 pairs of like length 55.0 %" in text
    assert "it learnt only length" in text
