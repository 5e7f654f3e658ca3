r"""Shapes of more than two answers, and of answers judged alone.

{"prompt": "Refunds?", "answers": [{"answer": "30 days.", "rank": 1}, {"answer": "We are great!", "rank": 2}]}     (nectar)
{"prompt": "Refunds?", "responses": ["30 days.", "We are great!"], "ranks": [1, 2]}
{"prompt": "Refunds?", "completion": "We are great!", "label": false}                                              (TRL KTO)
{"prompt": "Refunds?", "output": "30 days.", "rating": 4, "scale": [1, 5]}

A rank is better the lower it is, a score or rating the higher. Equal ones are ties.
Sources: berkeley-nest/Nectar; Ouyang et al. 2022, arXiv:2203.02155 section 3.5 (rankings); TRL 1.16
docs/source/dataset_formats.md; LLaMA-Factory data/README.md (KTO); FineGrainedRLHF tasks/qa_feedback/data/README.md;
RewardBench 2, arXiv:2506.01937.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from judgecli.readers.adapter import Object
from judgecli.readers.messages import messages_of, split
from judgecli.readers.preference_pairs import alpaca_prompt
from judgecli.readers.preference_shape import Dropped, Options, Preference, PreferenceShape, answer_of, is_messages, prompt_of, refuse, turns_of
from judgecli.readers.values import number_of, thumb_of
from judgecli.reward_model.dialogue import dialogue_text
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair

_LISTS = ("answers", "completions", "responses", "outputs")
_TEXTS = ("answer", "completion", "response", "output", "text", "content")
_RANKS, _SCORES = ("rank", "ranking"), ("score", "rating", "overall_score")
_MANY_RANKS, _MANY_SCORES = ("ranks", "ranking", "rank"), ("scores", "ratings")
_LABELS = ("label", "kto_tag")
_RATINGS = ("rating", "score", "stars")


# Rankings of K answers.


def _is_ranking(row: Object) -> bool:
    return _ranked(row) is not None


def _ranked(row: Object) -> list[tuple[Any, Any, int]] | None:
    """(answer, its rank or score, +1 where more is better or -1) of each answer; None where the row has no such list."""
    for key in _LISTS:
        listed = row.get(key)
        if not isinstance(listed, list) or len(listed) < 2:
            continue
        if all(isinstance(one, dict) for one in listed):
            text = next((name for name in _TEXTS if all(name in one for one in listed)), None)
            for names, sign in ((_RANKS, -1), (_SCORES, 1)):
                place = next((name for name in names if all(name in one for one in listed)), None)
                if text and place:
                    return [(one[text], one[place], sign) for one in listed]
        for names, sign in ((_MANY_RANKS, -1), (_MANY_SCORES, 1)):
            placed = next((row[name] for name in names if isinstance(row.get(name), list) and len(row[name]) == len(listed)), None)
            if placed is not None:
                return [(one, place, sign) for one, place in zip(listed, placed, strict=True)]
    return None


def _ranking(row: Object, options: Options) -> list[Preference]:
    answers = []
    for answer, place, sign in _ranked(row) or ():
        number = number_of(place)
        if number is None:
            raise Dropped("no_label")
        answers.append((answer_of(answer), sign * number))
    return [*compare_all(prompt_of(row, options), answers)]


def compare_all(prompt: str, answers: Sequence[tuple[str, float]]) -> list[PreferencePair]:
    """All pairs of (answer, how good it is); equally good ones are ties."""
    pairs = []
    for (one, first), (other, second) in combinations(answers, 2):
        better, worse = (one, other) if first >= second else (other, one)
        pairs.append(PreferencePair(prompt, better, worse, tie=first == second))
    return pairs


# QA-Feedback: four predictions and the six choices between them.

_PREDICTIONS = tuple(f"prediction {number}" for number in range(1, 5))


def _is_qa_feedback(row: Object) -> bool:
    return isinstance(row.get("preference"), list) and all(isinstance(row.get(key), str) for key in _PREDICTIONS)


def _qa_feedback(row: Object, options: Options) -> list[Preference]:
    """Choices in the order (1,2)(1,3)(1,4)(2,3)(2,4)(3,4): 1 = the first is better, 2 = the second, 0 = neither."""
    pairs = list(combinations([str(row[key]) for key in _PREDICTIONS], 2))
    choices = row["preference"]
    if len(choices) != len(pairs) or any(choice not in (0, 1, 2) for choice in choices):
        raise refuse("preference is no list of six times 0, 1 or 2")
    prompt = prompt_of(row, options, ("question",))
    return [PreferencePair(prompt, *(pair[::-1] if choice == 2 else pair), tie=choice == 0) for pair, choice in zip(pairs, choices, strict=True)]


# RewardBench 2: lists of right and of wrong answers.


def is_best_of(row: Object) -> bool:
    """Whether a row has a list of right and a list of wrong answers."""
    return all(isinstance(row.get(side), list) and row[side] and all(isinstance(one, str) for one in row[side]) for side in ("chosen", "rejected"))


def _best_of(row: Object, options: Options) -> list[Preference]:
    prompt = prompt_of(row, options)
    return [PreferencePair(prompt, right, wrong) for right in row["chosen"] for wrong in row["rejected"]]


# Answers judged alone: thumbs (TRL KTO, LLaMA-Factory KTO) and ratings.


def _label(row: Object) -> Any:
    return next((row[key] for key in _LABELS if row.get(key) is not None), None)


def _thumb(row: Object) -> float:
    thumb = thumb_of(_label(row))
    if thumb is None:
        raise Dropped("no_label")
    return thumb


def _is_kto(row: Object) -> bool:
    return row.get("completion") is not None and _label(row) is not None


def _kto(row: Object, options: Options) -> list[Preference]:
    completion = answer_of(row["completion"])
    if "judge" in row:  # our own export
        completion = completion.removeprefix("\n")
    return [GoodOrBad(prompt_of(row, options), completion, _thumb(row))]


def _is_conversation(row: Object) -> bool:
    return (is_messages(row.get("conversations")) or is_messages(row.get("messages"))) and _label(row) is not None


def _conversation(row: Object, options: Options) -> list[Preference]:
    before, after = split(messages_of(row.get("conversations") or row.get("messages")) or [])
    if not after:
        raise Dropped("empty_text")
    answer = turns_of(after)
    prompt = prompt_of(row, options, ()) if options.prompt else dialogue_text(turns_of(before))
    return [GoodOrBad(prompt, answer[0][1] if len(answer) == 1 else dialogue_text(answer), _thumb(row))]


def _is_alpaca(row: Object) -> bool:
    return isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str) and row.get("kto_tag") is not None


def _alpaca(row: Object, options: Options) -> list[Preference]:
    return [GoodOrBad(alpaca_prompt(row, options), answer_of(row["output"]), _thumb(row))]


def _is_rating(row: Object) -> bool:
    return any(isinstance(row.get(key), str) for key in _TEXTS) and any(row.get(key) is not None for key in _RATINGS)


def _rating(row: Object, options: Options) -> list[Preference]:
    rating = number_of(next(row[key] for key in _RATINGS if row.get(key) is not None))
    if rating is None:
        raise Dropped("no_label")
    low, high = _scale(row, options)
    if not low <= rating <= high:
        raise Dropped("off_scale")
    output = next(row[key] for key in _TEXTS if isinstance(row.get(key), str))
    return [GoodOrBad(prompt_of(row, options), output, (rating - low) / (high - low))]


def _scale(row: Object, options: Options) -> tuple[float, float]:
    given = row.get("scale")
    if isinstance(given, list) and len(given) == 2:
        ends = (number_of(given[0]), number_of(given[1]))
        if ends[0] is not None and ends[1] is not None and ends[0] < ends[1]:
            return ends[0], ends[1]
    if options.scale is None:
        raise Dropped("no_scale")
    return options.scale


LIST_SHAPES = (
    PreferenceShape(
        "qa-feedback",
        _is_qa_feedback,
        _qa_feedback,
        frozenset(("question", *_PREDICTIONS, "gold")),
        '{"question":"Capital?","prediction 1":"Rome","prediction 2":"Bari","prediction 3":"Pisa","prediction 4":"Rome.","preference":[1,1,0,0,2,2]}',
        ranking=True,
    ),
    PreferenceShape(
        "reward-bench-2",
        is_best_of,
        _best_of,
        frozenset(("prompt", "question", "instruction", "input", "query", "chosen", "rejected", "id", "num_correct", "num_incorrect", "total_completions")),
        '{"id":"1","prompt":"2+2?","chosen":["4"],"rejected":["5","22","3"],"num_correct":1,"num_incorrect":3,"total_completions":4,"subset":"Math"}',
        ranking=True,
    ),
    PreferenceShape(
        "ranking",
        _is_ranking,
        _ranking,
        frozenset(("prompt", "question", "instruction", "input", "query", "id")),
        '{"prompt":"Refunds?","answers":[{"answer":"30 days.","rank":1},{"answer":"We are great!","rank":2}]}',
        ranking=True,
    ),
    PreferenceShape(
        "llamafactory-kto",
        _is_conversation,
        _conversation,
        frozenset(("conversations", "messages", *_LABELS)),
        '{"messages":[{"role":"user","content":"Refunds?"},{"role":"assistant","content":"30 days."}],"label":true}',
    ),
    PreferenceShape(
        "llamafactory-alpaca-kto",
        _is_alpaca,
        _alpaca,
        frozenset(("instruction", "input", "output", "system", "history", "kto_tag")),
        '{"instruction":"Translate to German.","input":"Thanks","output":"Danke","kto_tag":true}',
    ),
    PreferenceShape(
        "trl-kto",
        _is_kto,
        _kto,
        frozenset(("prompt", "completion", "tools", *_LABELS)),
        '{"prompt":"Refunds?","completion":"We are great!","label":false}',
    ),
    PreferenceShape(
        "rating",
        _is_rating,
        _rating,
        frozenset(("prompt", "question", "instruction", "input", "query", *_TEXTS, *_RATINGS, "scale", "id")),
        '{"prompt":"Refunds?","output":"30 days.","rating":4,"scale":[1,5]}',
    ),
)
