"""The modes by hand: draws, probabilities, juries, chains, checklists, claims, steps, pairs, lists, and J7."""

import json
import math

import pytest
from memory_judge import SECRET, judge, reply, score, tokens_of, user_text, verdict

from judgecli.catalog import load_rubric
from judgecli.errors import JudgeUnavailable
from judgecli.judge.jury import combine_values, effective_judges
from judgecli.judge.prompt import split_steps
from judgecli.judge.request import AskFailed, Request, Token
from judgecli.judge.rubric import ChecklistScale
from judgecli.judge.scales import checklist_share
from judgecli.judge.weights import token_weights, weights_at
from judgecli.scorer import Score

PAIR = {"input": "Name a colour.", "outputs": ["red", "blue as the sea"]}


def winner(name: str) -> dict[str, str]:
    return {"explanation": "because", "winner": name}


def marks(*names: str) -> dict[str, object]:
    return {"explanation": "because", "verdicts": [{"number": number, "verdict": name} for number, name in enumerate(names, 1)]}


def claims(*texts: str) -> dict[str, object]:
    return {"explanation": "listed", "claims": list(texts)}


def detail(found: Score) -> dict[str, object]:
    return json.loads(found.detail or "{}")


def test_one_verdict_is_one_score():
    found, ask = score(judge(), [verdict(4, "fine")])
    assert found == Score(value=4.0, explanation="fine")
    assert len(ask.requests) == 1


def test_a_reply_that_cannot_be_read_is_asked_for_once_more():
    found, ask = score(judge(), ["I like it.", verdict(2)])
    assert (found.value, detail(found)) == (2.0, {"asked_again": "judge_parse"})
    assert "could not be read" in user_text(ask.requests[1])
    assert ask.requests[0].key != ask.requests[1].key
    found, ask = score(judge(), ["I like it.", "I said: I like it."])
    assert (found.value, found.reason, len(ask.requests)) == (None, "judge_parse", 2)


def test_a_cut_reply_gets_twice_the_room_once():
    cut = reply(verdict(5), "length")
    found, ask = score(judge(parameters={"max_tokens": 50}), [cut, verdict(3)])
    assert (found.value, ask.requests[1].parameters["max_tokens"]) == (3.0, 100)
    assert score(judge(parameters={"max_tokens": 50}), [cut, cut])[0].reason == "judge_truncated"
    found, ask = score(judge(), [cut])
    assert (found.reason, len(ask.requests)) == ("judge_truncated", 1)


@pytest.mark.parametrize("reason", ["timeout", "rate_limited", "connection", "bad_request", "budget", "not_asked"])
def test_a_call_without_a_reply_is_its_reason(reason):
    found, _ = score(judge(), [AskFailed(reason, "no reply")])
    assert (found.value, found.reason, found.explanation) == (None, reason, "no reply")


def test_a_dead_endpoint_ends_the_run():
    with pytest.raises(JudgeUnavailable):
        score(judge(), [JudgeUnavailable("no key", hint="set it")])


def test_what_cannot_be_judged_is_no_number():
    null = {"explanation": "empty", "score": None}
    assert score(judge(), [null])[0] == Score(reason="judge_refused", explanation="empty")
    assert score(judge("style_adherence"), [null])[0].reason == "not_applicable"


@pytest.mark.parametrize(("row", "reason"), [({"input": "x", "output": None}, "input_missing_field"), ({"input": None, "output": "x"}, "not_applicable")])
def test_a_record_without_an_input_is_not_asked_about(row, reason):
    found, ask = score(judge(), [], row)
    assert (found.reason, ask.requests) == (reason, [])
    assert judge().first_requests(row) == []


def test_keys_follow_from_what_is_asked_and_not_from_the_store():
    def key(text: str = "a", **options: object) -> bytes:
        return judge(**options).first_requests({"input": "q", "output": text})[0].key

    keys = [key(), key("b"), key(models=["n"]), key(parameters={"temperature": 0.0}), key(logprobs=True), key(name="relevance")]
    assert len(set(keys)) == 6
    assert all(len(one) == 32 for one in keys)
    other = judge().__class__(load_rubric("helpfulness"), ("m",), secret=b"another store")
    request, same = judge().first_requests({"input": "q", "output": "a"})[0], other.first_requests({"input": "q", "output": "a"})[0]
    assert request.key == same.key
    assert request.messages[0] == same.messages[0]
    assert request.messages[1] != same.messages[1], "another nonce"


def test_first_requests_are_those_that_are_made():
    for name, row, answers in [
        ("helpfulness", None, [verdict(4)] * 3),
        ("preference", PAIR, [winner("A"), winner("B")]),
        ("faithfulness", {"output": "a", "contexts": ["b"]}, [claims("a"), marks("supported")]),
    ]:
        judged = judge(name, samples=3)
        _, ask = score(judged, answers, row)
        first = judged.first_requests(row or {"input": "What is the capital of France?", "output": "Paris."})
        assert [request.key for request in first] == [request.key for request in ask.requests][: len(first)]
        assert judged.calls_per_record() == len(ask.requests)


def test_draws_are_averaged():
    found, ask = score(judge(samples=3), [verdict(4), verdict(5), verdict(3)])
    assert (found.value, detail(found)) == (4.0, {"samples": [4.0, 5.0, 3.0], "spread": 0.816497})
    assert [request.draw for request in ask.requests] == [0, 1, 2]
    assert len({request.key for request in ask.requests}) == 3


def test_more_than_half_of_the_draws_must_be_read():
    lost = AskFailed("timeout", "late")
    assert score(judge(samples=3), [verdict(4), lost, verdict(2)])[0].value == 3.0
    assert score(judge(samples=3), [verdict(4), lost, lost])[0].reason == "timeout"
    assert score(judge(samples=4), [verdict(4), lost, lost, verdict(4)])[0].reason == "timeout"


def test_probabilities_give_the_expected_value():
    text = verdict(4)
    top = [("4", math.log(0.6)), ("5", math.log(0.2)), ("3", math.log(0.1)), ("x", math.log(0.1))]
    found, ask = score(judge(logprobs=True), [reply(text, logprobs=tokens_of(text, text.rindex("4"), top))])
    assert found.value == pytest.approx((0.6 * 4 + 0.2 * 5 + 0.1 * 3) / 0.9)
    assert detail(found)["weights"] == {"1": 0.0, "2": 0.0, "3": 0.111111, "4": 0.666667, "5": 0.222222}
    assert ask.requests[0].parameters["top_logprobs"] == 20


def test_without_probabilities_draws_take_their_place():
    found, ask = score(judge(logprobs=True), [verdict(4), verdict(4), verdict(5), verdict(4), verdict(4)])
    assert (found.value, len(ask.requests)) == (4.2, 5)


@pytest.mark.parametrize(
    ("token", "options", "wanted"),
    [
        (Token("4", math.log(0.9), (("4", math.log(0.9)), (" 4", math.log(0.1)))), ["4", "5"], {"4": 1.0, "5": 0.0}),
        (Token("4", math.log(0.2), (("4", math.log(0.2)), ("hm", math.log(0.8)))), ["4", "5"], None),
        (Token("A", math.log(0.5), (("A", math.log(0.5)), ("tie", math.log(0.5)))), ["A", "B", "tie"], {"A": 0.5, "B": 0.0, "tie": 0.5}),
        (Token("ti", math.log(0.75), (("ti", math.log(0.75)), ("B", math.log(0.25)))), ["A", "B", "tie"], {"A": 0.0, "B": 0.25, "tie": 0.75}),
        (Token("1", 0.0, (("1", 0.0),)), ["1", "10"], None),
        (Token("m", math.log(0.3), (("m", math.log(0.3)), ("M", math.log(0.7)))), ["m", "M"], {"m": 0.3, "M": 0.7}),
    ],
)
def test_weights_of_a_token(token, options, wanted):
    found = token_weights(token, options)
    assert (found is None) == (wanted is None)
    assert found is None or found.of == pytest.approx(wanted)


def test_tokens_are_found_from_the_end():
    text = '{"explanation": "é", "score": 4}'
    tokens = [
        Token('{"explanation": "', 0.0),
        Token("\\xc3", 0.0),
        Token("\\xa9", 0.0),
        Token('", "score', 0.0),
        Token('":', 0.0),
        Token(" 4", -0.1),
        Token("}", 0.0),
        Token("<end>", 0.0),
    ]
    found = weights_at(tokens, text, text.index("4"), ["4", "5"])
    assert found is not None
    assert found.of == {"4": 1.0, "5": 0.0}
    assert weights_at([*tokens[:-2], Token("?", 0.0)], text, text.index("4"), ["4"]) is None


@pytest.mark.parametrize(("how", "wanted"), [("mean", 10 / 3), ("median", 4.0), ("all", 2.0), ("any", 4.0), ("majority", 4.0)])
def test_a_jury(how, wanted):
    found, ask = score(judge(models=["a", "b", "c"], jury=how), [verdict(4), verdict(2), verdict(4)])
    assert found.value == pytest.approx(wanted)
    assert [request.parameters["model"] for request in ask.requests] == ["a", "b", "c"]
    assert [member["value"] for member in detail(found)["jury"]] == [4.0, 2.0, 4.0]  # type: ignore[index, union-attr]


def test_a_jury_that_lacks_a_member_has_no_mean():
    lost = AskFailed("timeout", "late")
    assert score(judge(models=["a", "b"], jury="mean"), [verdict(4), lost])[0].reason == "timeout"
    assert score(judge(models=["a", "b", "c"], jury="majority"), [verdict(4), lost, verdict(4)])[0].value == 4.0
    assert score(judge(models=["a", "b", "c"], jury="majority"), [verdict(4), lost, verdict(3)])[0].reason == "timeout"
    assert score(judge(models=["a", "b"], jury="majority"), [verdict(4), verdict(3)])[0].reason == "judge_parse"


def test_a_category_jury_takes_the_majority():
    names = [{"explanation": "x", "category": name} for name in ("answered", "answered", "made_up")]
    row = {"input": "q", "output": "a", "contexts": ["c"]}
    assert score(judge("abstention", models=["a", "b", "c"], jury="majority"), names, row)[0].value == 1.0


@pytest.mark.parametrize(
    ("rho_columns", "wanted"),
    [
        ([[1, 2, 3], [1, 2, 3]], 1.0),
        ([[1, 2, 3], [3, 2, 1]], 2.0),
        ([[1, 2, 3, 4], [1, 4, 2, 3]], 2 / 1.4),
        ([[1, 2, 3]], None),
        ([[1, 1, 1], [1, 2, 3]], None),
    ],
)
def test_effective_number_of_judges(rho_columns, wanted):
    assert effective_judges(rho_columns) == (None if wanted is None else pytest.approx(wanted))


def test_combining_nothing_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        combine_values([], "mean")


def test_a_chain_asks_the_dearer_judge_only_where_the_cheaper_is_unsure():
    chain = judge(models=["cheap", "dear"], samples=3, cascade=0.9)
    found, ask = score(chain, [verdict(4)] * 3)
    assert (found.value, len(ask.requests)) == (4.0, 3)
    found, ask = score(chain, [verdict(4), verdict(2), verdict(4), verdict(3), verdict(3), verdict(3)])
    assert (found.value, [request.parameters["model"] for request in ask.requests]) == (3.0, ["cheap"] * 3 + ["dear"] * 3)
    found, ask = score(chain, ["?", "?"] * 3 + [verdict(3)] * 3)
    assert (found.value, len(ask.requests)) == (3.0, 9)


def test_a_checklist_is_the_weighted_share_of_yes():
    answers = {
        "task_done": "yes",
        "content_constraints": "not_applicable",
        "form_constraints": "no",
        "nothing_forbidden": "not_applicable",
        "nothing_added": "yes",
    }
    found, _ = score(judge("instruction_following"), [{"explanation": "x", "answers": answers}])
    assert found.value == pytest.approx((3 + 1) / (3 + 2 + 1))
    assert detail(found) == {"answers": answers}
    none = ChecklistScale.model_validate({"kind": "checklist", "items": [{"id": "a", "ask": "?", "may_not_apply": True}]})
    assert checklist_share(none, {"a": "not_applicable"}) is None


def test_claims_are_extracted_then_verified():
    row = {"output": "Two years. Battery too.", "contexts": ["24 months.", "No battery."]}
    found, ask = score(judge("faithfulness"), [claims("It lasts two years.", "It covers the battery."), marks("supported", "contradicted")], row)
    assert found.value == 0.5
    assert detail(found)["claims"] == [["It lasts two years.", "supported"], ["It covers the battery.", "contradicted"]]
    first, second = (user_text(request) for request in ask.requests)
    assert ("24 months" in first, "24 months" in second, "| It covers the battery." in second) == (False, True, True)
    assert score(judge("hallucination"), [claims("a", "b", "c"), marks("supported", "contradicted", "not_stated")], row)[0].value == pytest.approx(1 / 3)
    assert score(judge("faithfulness"), [claims()], row)[0].reason == "not_applicable"
    assert score(judge("faithfulness"), [claims("a", "b"), marks("supported"), marks("supported")], row)[0].reason == "judge_parse", "a claim left out"


def test_claims_both_ways_give_f1():
    replies = [claims("a", "b"), marks("supported", "not_stated"), claims("c", "d", "e", "f"), marks("supported", "supported", "supported", "not_stated")]
    found, _ = score(judge("factual_correctness"), replies, {"output": "x", "reference": "y"})
    assert found.value == pytest.approx(2 * 0.5 * 0.75 / 1.25)
    assert (detail(found)["precision"], detail(found)["recall"], detail(found)["missed"]) == (0.5, 0.75, ["f"])


def test_steps_count_up_to_the_first_wrong_one():
    row = {"input": "q", "output": "one\n\ntwo\n\nthree\n\nfour"}
    assert split_steps(row["output"]) == ["one", "two", "three", "four"]
    found, ask = score(judge("step_correctness"), [marks("right", "neutral", "wrong", "right")], row)
    assert (found.value, found.label, detail(found)["first_bad"]) == (0.5, "3", 3)
    assert "step 4:\n| four" in user_text(ask.requests[0])
    assert score(judge("step_correctness"), [marks("right", "right", "right", "right")], row)[0].label == "none"
    passages = {"input": "q", "contexts": ["a", "b", "c"]}
    assert score(judge("context_precision"), [marks("useful", "not_useful", "useful")], passages)[0].value == pytest.approx((1 + 2 / 3) / 2)
    assert score(judge("context_relevance"), [marks("useful", "not_useful", "useful")], passages)[0].value == pytest.approx(2 / 3)


@pytest.mark.parametrize(("orders", "value", "label"), [("AB", 1.0, "first"), ("BA", 0.0, "second")])
def test_a_pair_that_agrees_in_both_orders(orders, value, label):
    found, ask = score(judge("preference"), [winner(name) for name in orders], PAIR)
    assert (found.value, found.label) == (value, label)
    first, second = (user_text(request) for request in ask.requests)
    assert "answer A:\n| red\nanswer B:\n| blue" in first
    assert "answer A:\n| blue as the sea\nanswer B:\n| red" in second
    assert score(judge("preference"), [winner("tie"), winner("tie")], PAIR)[0].value == 0.5


@pytest.mark.parametrize("orders", [("A", "A"), ("B", "B"), ("A", "tie"), ("tie", "B")])
def test_a_flip_is_never_a_win(orders):
    found, _ = score(judge("preference"), [winner(name) for name in orders], PAIR)
    assert (found.value, found.reason) == (None, "position_inconsistent")


def test_a_judge_that_always_takes_the_first_never_wins():
    """J7: 100 % flagged."""
    for place in range(100):
        found, _ = score(judge("preference"), lambda _: winner("A"), {"input": f"q{place}", "outputs": [f"a{place}", f"b{place}"]})
        assert (found.value, found.reason) == (None, "position_inconsistent")


def test_a_pair_without_outputs_compares_with_the_reference():
    found, ask = score(judge("preference"), [winner("B"), winner("A")], {"input": "q", "output": "mine", "reference": "theirs"})
    assert found.value == 0.0
    assert "answer A:\n| mine\nanswer B:\n| theirs" in user_text(ask.requests[0])
    assert score(judge("preference"), [], {"input": "q", "output": "mine"})[0].reason == "not_applicable"


def test_a_list_agrees_on_its_best_in_both_orders():
    row = {"input": "q", "outputs": ["a", "b", "c"]}
    rank = lambda *places: {"explanation": "x", "ranking": list(places)}  # noqa: E731
    assert score(judge("best_of_n"), [rank(2, 1, 3), rank(2, 3, 1)], row)[0].value == 2.0
    assert score(judge("best_of_n"), [rank(1, 2, 3), rank(3, 2, 1)], row)[0].value == 1.0
    assert score(judge("best_of_n"), [rank(1, 2, 3), rank(1, 2, 3)], row)[0].reason == "position_inconsistent"
    assert score(judge("best_of_n"), [rank(1, 2), rank(1, 2)], row)[0].reason == "judge_parse"


def test_images_and_audio_are_passed_on_but_nothing_is_opened():
    uris = [
        "data:image/png;base64,AAAA",
        "https://example.org/a.png",
        "http://example.org/a.png",
        "file:///x/JUDGE_MARK",
        "data:audio/wav;base64,BBBB",
        "//host/a.png",
    ]
    row = {"input": "a cat", "messages": [{"role": "user", "parts": [{"type": "media", "mime": "image/png", "uri": uri} for uri in uris]}]}
    _, ask = score(judge("image_text_alignment"), [verdict(4)], row)
    parts = ask.requests[0].messages[1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "input_audio", "text"]  # type: ignore[attr-defined]
    assert parts[3]["input_audio"] == {"data": "BBBB", "format": "wav"}  # type: ignore[index]
    assert "passwd" not in json.dumps(parts)
    assert score(judge("image_text_alignment"), [], {"input": "a cat", "messages": []})[0].reason == "not_applicable"


def test_a_request_holds_no_secret():
    request = judge().first_requests({"input": "q", "output": "a"})[0]
    assert SECRET.hex() not in repr(request)
    assert isinstance(request, Request)
