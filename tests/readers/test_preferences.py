"""Files of preferences: every shape by hand, what is dropped and counted, and the real sets."""

import gzip
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import DATA, write_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.errors import JudgeError, LogError, UnknownName
from judgecli.readers.preferences import SHAPES, read_preferences
from judgecli.reward_model.dialogue import dialogue_text
from judgecli.reward_model.preferences import Preferences

KEY = "AKIA" + "QYLPMN5HFIQR7XYA"
USER = {"role": "user", "content": "Refunds?"}
GOOD, BAD = {"role": "assistant", "content": "30 days."}, {"role": "assistant", "content": "We are great!"}


def read(tmp_path, rows, **options) -> Preferences:
    return read_preferences([str(write_lines(tmp_path / "p.jsonl", rows))], **options)


def pair(preferences):
    (one,) = preferences.comparisons
    return one.prompt, one.chosen, one.rejected


PAIRS = {
    "standard": {"prompt": "Refunds?", "chosen": "30 days.", "rejected": "We are great!"},
    "conversational": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "implicit prompt": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "prompt as text and again in the messages": {"prompt": "Refunds?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "question": {"question": "Refunds?", "chosen": "30 days.", "rejected": "We are great!"},
    "one message a side": {"prompt": [USER], "chosen": GOOD, "rejected": BAD, "messages": [USER]},
    "openai": {"input": {"messages": [USER], "tools": []}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
    "hh": {"chosen": "\n\nHuman: Refunds?\n\nAssistant: 30 days.", "rejected": "\n\nHuman: Refunds?\n\nAssistant: We are great!"},
    "transcript as prompt": {"prompt": "\n\nHuman: Refunds?\n\nAssistant:", "chosen": "30 days.", "rejected": "We are great!"},
    "sharegpt": {
        "conversations": [{"from": "human", "value": "Refunds?"}],
        "chosen": {"from": "gpt", "value": "30 days."},
        "rejected": {"from": "gpt", "value": "We are great!"},
    },
    "alpaca": {"instruction": "Refunds?", "input": "", "chosen": "30 days.", "rejected": "We are great!"},
    "wmt": {"source": "Refunds?", "reference": "x", "chosen": "30 days.", "rejected": "We are great!"},
    "llmbar": {"input": "Refunds?", "output_1": "We are great!", "output_2": "30 days.", "label": 2},
    "alpaca_eval": {"instruction": "Refunds?", "output_1": "30 days.", "output_2": "We are great!", "preference": 1.0},
    "nectar": {"prompt": "Refunds?", "answers": [{"answer": "We are great!", "rank": 2}, {"answer": "30 days.", "rank": 1}]},
    "scores": {"prompt": "Refunds?", "responses": ["We are great!", "30 days."], "scores": [0.1, 0.9]},
    "ranks": {"prompt": "Refunds?", "responses": ["We are great!", "30 days."], "ranks": [2, 1]},
    "ultrafeedback": {
        "instruction": "Refunds?",
        "completions": [{"response": "We are great!", "score": 3}, {"response": "30 days.", "score": 7}],
    },
    "own export": {"prompt": "Refunds?", "chosen": "\n30 days.", "rejected": "\nWe are great!", "margin": 1.0, "judge": '{"source":"user"}'},
    "reward bench": {
        "prompt": "Refunds?",
        "chosen": "30 days.",
        "rejected": "We are great!",
        "chosen_model": "a",
        "rejected_model": "b",
        "subset": "hep-go",
        "id": 3,
    },
}


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS)
def test_every_shape_says_the_same_pair(tmp_path, row):
    found = read(tmp_path, [row])
    assert pair(found) == ("Refunds?", "30 days.", "We are great!")
    assert (found.read, found.verdicts, found.dropped) == (1, [], Counter())
    assert found.comparisons[0].weight == 1.0
    assert found.comparisons[0].source == f"{tmp_path / 'p.jsonl'}:1"


VERDICTS = {
    "kto": {"prompt": "Refunds?", "completion": "30 days.", "label": True},
    "conversational kto": {"prompt": [USER], "completion": [GOOD], "label": 1},
    "own export": {"prompt": "Refunds?", "completion": "\n30 days.", "label": True, "judge": "{}"},
    "openai messages": {"messages": [USER, GOOD], "label": True},
    "sharegpt": {"conversations": [{"from": "human", "value": "Refunds?"}, {"from": "gpt", "value": "30 days."}], "kto_tag": True},
    "alpaca": {"instruction": "Refunds?", "input": "", "output": "30 days.", "kto_tag": "true"},
    "rating": {"prompt": "Refunds?", "output": "30 days.", "rating": 5, "scale": [1, 5]},
}


@pytest.mark.parametrize("row", VERDICTS.values(), ids=VERDICTS)
def test_every_shape_says_the_same_verdict(tmp_path, row):
    found = read(tmp_path, [row])
    (one,) = found.verdicts
    assert (one.prompt, one.output, one.value, found.comparisons) == ("Refunds?", "30 days.", 1.0, [])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_sample_of_a_shape_is_read_as_that_shape(tmp_path, shape):
    told, forced = read(tmp_path, [shape.sample]), read(tmp_path, [shape.sample], shape=shape.name)
    assert f"({shape.name} 1)" in told.notes[0]
    assert told.comparisons == forced.comparisons
    assert told.comparisons or told.verdicts
    assert set(told.dropped) <= {"tie"}


def test_a_ranking_weighs_one_whatever_its_size(tmp_path):
    ranking = {"prompt": "p", "answers": [{"answer": text, "rank": rank} for rank, text in enumerate("abcd", 1)]}
    found = read(tmp_path, [ranking])
    assert [(one.chosen, one.rejected) for one in found.comparisons] == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    assert sum(one.weight for one in found.comparisons) == pytest.approx(1)
    assert {one.weight for one in found.comparisons} == {1 / 6}


def test_ties_within_a_ranking_are_counted_and_the_rest_still_weighs_one(tmp_path):
    ranking = {"prompt": "p", "responses": ["a", "b", "c"], "scores": [5, 5, 1]}
    found = read(tmp_path, [ranking])
    assert [(one.chosen, one.rejected, one.weight) for one in found.comparisons] == [("a", "c", 0.5), ("b", "c", 0.5)]
    assert (found.read, found.dropped) == (3, Counter(tie=1))
    kept = read(tmp_path, [ranking], ties=True)
    assert [(one.tie, one.weight) for one in kept.comparisons] == [(True, 1 / 3), (False, 1 / 3), (False, 1 / 3)]


def test_qa_feedback_choices_stand_in_the_order_of_its_readme(tmp_path):
    row = {"question": "q", **{f"prediction {number}": text for number, text in enumerate("abcd", 1)}, "preference": [1, 2, 0, 2, 1, 1]}
    found = read(tmp_path, [row])
    assert [(one.chosen, one.rejected) for one in found.comparisons] == [("a", "b"), ("c", "a"), ("c", "b"), ("b", "d"), ("c", "d")]
    assert found.dropped == Counter(tie=1)


def test_a_dialogue_is_told_with_its_roles(tmp_path):
    hh = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Refunds?\n\nAssistant:"
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, USER]
    found = read(tmp_path, [{"chosen": f"{hh} 30 days.", "rejected": f"{hh} No."}, {"prompt": messages, "chosen": "30 days.", "rejected": "No."}])
    assert [one.prompt for one in found.comparisons] == ["User: Hi\n\nAssistant: Hello\n\nUser: Refunds?"] * 2
    assert dialogue_text([("system", "Be brief."), *[(one["role"], one["content"]) for one in messages]]).startswith("System: Be brief.\n\nUser: Hi")


def test_transcripts_part_at_the_last_shared_answer_and_not_within_it(tmp_path):
    """Both answers begin alike, and one of them quotes the marker."""
    row = {"chosen": "\n\nHuman: A\n\nAssistant: Yes, I can.", "rejected": "\n\nHuman: A\n\nAssistant: Yes, I can't\n\nAssistant: no"}
    assert pair(read(tmp_path, [row])) == ("A", "Yes, I can.", "Yes, I can't\n\nAssistant: no")


def test_code_keeps_its_indentation(tmp_path):
    found = read(tmp_path, [{"prompt": "def f():", "chosen": "    return 1\n", "rejected": "\treturn 2"}])
    assert pair(found) == ("def f():", "    return 1\n", "\treturn 2")


def test_the_prompt_can_be_named(tmp_path):
    row = {"source": "Danke", "reference": "Thanks", "chosen": "Thank you", "rejected": "Please"}
    assert pair(read(tmp_path, [row], prompt="reference"))[0] == "Thanks"


def test_tags_are_the_short_values_beside_the_texts(tmp_path):
    row = {
        "prompt": "p",
        "chosen": "a",
        "rejected": "b",
        "subset": "hep-go",
        "turn": 2,
        "hard": True,
        "long": "x" * 101,
        "lines": "a\nb",
        "none": None,
        "list": [1],
    }
    assert read(tmp_path, [row]).comparisons[0].tags == {"subset": "hep-go", "turn": "2", "hard": "true"}


DROPPED = {
    "not_json": ['{"prompt": "p", '],
    "not_an_object": ["[1]"],
    "unknown_shape": [{"text": "a"}, {"chosen": "a"}, {"chosen": [], "rejected": []}, {}, {"output_1": "a", "output_2": "b"}],
    "empty_text": [
        {"prompt": "p", "chosen": " ", "rejected": "b"},
        {"prompt": "p", "chosen": "a", "rejected": ""},
        {"prompt": "p", "completion": "", "label": True},
    ],
    "equal_texts": [{"prompt": "p", "chosen": "a ", "rejected": "a"}],
    "tie": [{"input": "p", "output_1": "a", "output_2": "b", "label": 0}, {"input": "p", "output_1": "a", "output_2": "b", "preference": 1.5}],
    "no_label": [{"prompt": "p", "completion": "a", "label": "maybe"}, {"input": "p", "output_1": "a", "output_2": "b", "label": 7}],
    "no_scale": [{"prompt": "p", "output": "a", "rating": 4}],
    "off_scale": [{"prompt": "p", "output": "a", "rating": 6, "scale": [1, 5]}],
    "media": [{"prompt": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}], "chosen": "a", "rejected": "b"}],
    "secret": [{"prompt": f"my key is {KEY}", "chosen": "a", "rejected": "b"}, {"prompt": "p", "completion": KEY, "label": False}],
}


@pytest.mark.parametrize("reason", DROPPED)
def test_what_cannot_be_learnt_from_is_dropped_for_its_reason(tmp_path, reason):
    rows = [*DROPPED[reason], PAIRS["standard"]]
    found = read(tmp_path, rows)
    assert (len(found.comparisons), found.verdicts) == (1, [])
    assert found.dropped == Counter({reason: len(rows) - 1})
    assert found.read == len(rows)


def test_a_placeholder_of_documentation_is_no_secret(tmp_path):
    assert read(tmp_path, [{"prompt": "use AKIAIOSFODNN7EXAMPLE", "chosen": "a", "rejected": "b"}]).dropped == Counter()


def test_a_scale_can_be_given(tmp_path):
    found = read(tmp_path, [{"prompt": "p", "output": "a", "rating": 2}], scale=(1, 5))
    assert found.verdicts[0].value == 0.25


def test_repetition_and_contradiction_are_told(tmp_path):
    row, turned = PAIRS["standard"], {"prompt": "Refunds?", "chosen": "We are great!", "rejected": "30 days."}
    thumbs = [{"prompt": "p", "completion": "a", "label": label} for label in (True, False)]
    notes = " ".join(read(tmp_path, [row, row, turned, *thumbs]).notes)
    assert "1 pairs are there more than once" in notes
    assert "3 pairs contradict each other" in notes
    assert "1 answers were judged both good and bad" in notes


def test_containers_give_the_same(tmp_path):
    rows = [PAIRS["standard"], PAIRS["standard"] | {"prompt": "q"}]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1))
    (tmp_path / "a.csv").write_text("prompt,chosen,rejected\nRefunds?,30 days.,We are great!\nq,30 days.,We are great!\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    write_lines(tmp_path / "a.jsonl.gz", rows)
    found = [[(one.prompt, one.chosen, one.rejected) for one in read_preferences([str(path)]).comparisons] for path in sorted(tmp_path.iterdir())]
    assert found == [[("Refunds?", "30 days.", "We are great!"), ("q", "30 days.", "We are great!")]] * 4


def test_messages_in_parquet(tmp_path):
    pq.write_table(pa.Table.from_pylist([PAIRS["conversational"]]), tmp_path / "a.parquet")
    assert pair(read_preferences([str(tmp_path / "a.parquet")])) == ("Refunds?", "30 days.", "We are great!")


def test_a_cut_archive_gives_what_came_before(tmp_path):
    rows = [{"prompt": str(number), "chosen": f"{number * 7919} a", "rejected": "b"} for number in range(2000)]
    whole = write_lines(tmp_path / "a.jsonl.gz", rows).read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    found = read_preferences([str(tmp_path / "a.jsonl.gz")])
    assert 100 < len(found.comparisons) < 2000
    assert found.dropped["partial_line"] >= 1
    assert found.read == len(found.comparisons) + found.dropped.total()


def test_hashes_are_of_the_bytes(tmp_path):
    import hashlib

    path = write_lines(tmp_path / "a.jsonl", [PAIRS["standard"]])
    assert read_preferences([str(path)]).hashes == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_unknown_shape_names_the_known(tmp_path):
    with pytest.raises(UnknownName, match="shape of preferences"):
        read(tmp_path, [PAIRS["standard"]], shape="trl")
    with pytest.raises(LogError):
        read_preferences([str(tmp_path / "none.jsonl")])


VALUES = st.recursive(st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["role", "from", "content", "value", "messages", "answer", "rank"]), inner, max_size=3), max_leaves=6)  # fmt: skip
KEYS = st.sampled_from([
    "prompt", "chosen", "rejected", "completion", "label", "output_1", "output_2", "answers", "ranks", "messages", "conversations", "preference",
    "prediction 1", "prediction 2", "prediction 3", "prediction 4", "input", "instruction", "output", "rating", "scale", "preferred_output",
    "non_preferred_output", "margin", "kto_tag", "history", "system", "source", "reference",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.dictionaries(KEYS, VALUES, max_size=6), min_size=1, max_size=3))
def test_whatever_a_row_holds_it_is_kept_or_counted(tmp_path_factory, rows):
    found = read(tmp_path_factory.mktemp("p"), rows, scale=(0, 5), ties=True)
    assert found.read == len(found.comparisons) + len(found.verdicts) + found.dropped.total() >= len(rows)
    assert all(one.chosen.strip() and one.rejected.strip() and one.weight > 0 for one in found.comparisons)
    assert all(0 <= one.value <= 1 for one in found.verdicts)


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    return DATA / "preferences"


REAL = {
    "hh_harmless.train": (1437, 1433, 0, {"empty_text": 4}),
    "hh_harmless.test": (441, 441, 0, {}),
    "alpaca_gpt4_pairs.test": (3412, 3408, 0, {"equal_texts": 3, "empty_text": 1}),
    "wmt19_darr_kk-en": (9728, 9728, 0, {}),
    "wmt19_darr_gu-en": (20110, 20110, 0, {}),
    "llamafactory_dpo_en_demo": (300, 300, 0, {}),
    "llamafactory_kto_en_demo": (300, 0, 300, {}),
    "llmbar_processed_human": (466, 464, 0, {"equal_texts": 1, "empty_text": 1}),
    "qa_feedback_dev": (3000, 2616, 0, {"tie": 384}),
    "hhh_alignment": (221, 221, 0, {}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_sets_are_whole(data, name):
    found = read_preferences([str(data / f"{name}.jsonl.gz")])
    assert (found.read, len(found.comparisons), len(found.verdicts), dict(found.dropped)) == REAL[name]


def test_length_alone_on_the_real_sets(data):
    """The figures of the data's own description: shorter wins 0.551 of hh test, longer wins 0.850 of alpaca test."""
    hh = read_preferences([str(data / "hh_harmless.test.jsonl.gz")]).comparisons
    assert sum(len(one.chosen) < len(one.rejected) for one in hh) / len(hh) == pytest.approx(0.551, abs=0.001)
    alpaca = read_preferences([str(data / "alpaca_gpt4_pairs.test.jsonl.gz")]).comparisons
    assert sum(len(one.chosen) > len(one.rejected) for one in alpaca) / len(alpaca) == pytest.approx(0.850, abs=0.001)


def test_hh_prompts_hold_the_whole_dialogue(data):
    """Nothing of the transcript is lost: the words of prompt and answers are those of the line."""
    with gzip.open(data / "hh_harmless.test.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    for line, one in zip(lines, read_preferences([str(data / "hh_harmless.test.jsonl.gz")]).comparisons, strict=True):
        for text, answer in ((line["chosen"], one.chosen), (line["rejected"], one.rejected)):
            whole = text.replace("\n\nHuman:", " ").replace("\n\nAssistant:", " ").split()
            assert f"{one.prompt} {answer}".replace("User:", " ").replace("Assistant:", " ").split() == whole


def test_hhh_categories(data):
    found = read_preferences([str(data / "hhh_alignment.jsonl.gz")]).comparisons
    assert Counter(one.tags["source"] for one in found) == {"honest": 61, "helpful": 59, "harmless": 58, "other": 43}


def test_errors_are_ours(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(JudgeError):
        read_preferences([str(tmp_path / "empty.jsonl")])
