r"""Answers in steps with a label a step: PRM800K, ProcessBench, BIG-Bench Mistake, TRL stepwise supervision.

{"question": {"problem": "2+3?"}, "label": {"steps": [{"completions": [{"text": "2+3=5", "rating": 1}], "chosen_completion": 0}], ...}}   (PRM800K)
{"id": "gsm8k-0", "problem": "2+3?", "steps": ["2+3=6"], "final_answer_correct": false, "label": 0}                                 (ProcessBench)
{"input": "2+3?", "steps": ["2+3=6"], "answer": "6", "target": "5", "mistake_index": 0}                                             (BIG-Bench Mistake)
{"prompt": "2+3?", "completions": ["2+3=6"], "labels": [false]}                                                                     (TRL <= 1.13)

Sources: openai/prm800k README; QwenLM/ProcessBench; WHGTyen/BIG-Bench-Mistake; TRL 1.13 docs/source/dataset_formats.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from judgecli.errors import UnknownName
from judgecli.readers.adapter import Object
from judgecli.readers.preference_shape import Dropped, said, tags_of
from judgecli.readers.rows import GatheredRows, first_row, gather
from judgecli.readers.values import text_of
from judgecli.reward_model.process import Solution


def read_steps(paths: Sequence[str], *, shape: str | None = None) -> GatheredRows[Solution]:
    """The step-labelled answers of files (JSONL, JSON array, Parquet; plain or compressed); a line of PRM800K may hold several.

    Raises: LogError, UnknownName.
    """
    if shape is not None and shape not in SHAPES:
        raise UnknownName("shape of steps", shape, known=SHAPES)
    return gather(paths, lambda row, source: [replace(one, source=source) for one in _solutions(row, shape)])


def is_steps(path: str) -> bool:
    """Whether a file holds answers in steps, told by its first object. Raises: LogError."""
    first = first_row(path)
    return first is not None and any(match(first) for match, _ in SHAPES.values())


def _solutions(row: Object, shape: str | None) -> list[Solution]:
    names = [shape] if shape else [name for name, (match, _) in SHAPES.items() if match(row)]
    if not names:
        raise Dropped("unknown_shape")
    return SHAPES[names[0]][1](row)


def _mistake(row: Object) -> list[Solution]:
    steps = _texts(row["steps"])
    wrong = row["mistake_index"]
    correct = None if row.get("answer") is None or row.get("target") is None else _normal(row["answer"]) == _normal(row["target"])
    return [
        _labelled(said(row["input"]), steps, -1 if wrong is None else wrong, correct, row, frozenset(("input", "steps", "answer", "target", "mistake_index")))
    ]


def _process_bench(row: Object) -> list[Solution]:
    correct = row.get("final_answer_correct")
    texts = frozenset(("id", "problem", "steps", "final_answer_correct", "label"))
    return [_labelled(said(row["problem"]), _texts(row["steps"]), row["label"], correct if isinstance(correct, bool) else None, row, texts)]


def _stepwise(row: Object) -> list[Solution]:
    steps, labels = _texts(row["completions"]), row["labels"]
    if len(steps) != len(labels) or not all(label in (True, False) for label in labels):
        raise Dropped("no_label")
    good = [bool(label) for label in labels]
    wrong = good.index(False) if False in good else -1
    return [Solution(said(row["prompt"]), steps, good, wrong, tags=tags_of(row, frozenset(("prompt", "completions", "labels"))))]


def _prm800k(row: Object) -> list[Solution]:
    """The chosen way, each step with its label; and for each step that was rated beside it the way up to it with that step last.

    A rating of -1 is wrong, 0 and 1 are not (openai/prm800k counts neutral steps as right). Without a chosen completion
    the way ends; one that a person wrote is right.
    """
    prompt = said(row["question"]["problem"])
    tags = tags_of(row, frozenset(("labeler", "timestamp", "question", "label")))
    way: list[str] = []
    good: list[bool | None] = []
    found = []
    for step in row["label"]["steps"]:
        rated = [(one["text"], one["rating"]) for one in step.get("completions") or () if one.get("rating") in (-1, 0, 1) and one["text"].strip()]
        chosen = step.get("chosen_completion")
        text = step["completions"][chosen]["text"] if chosen is not None else None
        for other, rating in rated:
            if other != text:
                found.append(_solution(prompt, [*way, other], [*good, rating >= 0], tags))
        if text is not None:
            way, good = [*way, text], [*good, next((rating >= 0 for one, rating in rated if one == text), None)]
        elif step.get("human_completion"):
            human = step["human_completion"]
            way, good = [*way, human["text"] if isinstance(human, dict) else human], [*good, True]
        else:
            break
    return [_solution(prompt, way, good, tags), *found] if way else found


def _solution(prompt: str, steps: list[str], good: list[bool | None], tags: dict[str, str]) -> Solution:
    wrong = good.index(False) if False in good else None if None in good else -1
    return Solution(prompt, steps, good, wrong, tags=tags)


def _labelled(prompt: str, steps: list[str], wrong: Any, correct: bool | None, row: Object, texts: frozenset[str]) -> Solution:
    """Of one that is labelled by its first wrong step: those before are right, those after are not labelled."""
    if isinstance(wrong, bool) or not isinstance(wrong, int) or not -1 <= wrong < len(steps):
        raise Dropped("no_label")
    good = [True if wrong < 0 or place < wrong else False if place == wrong else None for place in range(len(steps))]
    return Solution(prompt, steps, good, wrong, correct, tags_of(row, texts))


def _texts(value: Any) -> list[str]:
    steps = [text_of(one) or "" for one in value]
    if not steps or not any(step.strip() for step in steps):
        raise Dropped("empty_text")
    return steps


def _normal(value: Any) -> str:
    return " ".join(str(value).casefold().split())


SHAPES: dict[str, tuple[Callable[[Object], bool], Callable[[Object], list[Solution]]]] = {
    "prm800k": (lambda row: isinstance(row.get("label"), dict) and isinstance(row.get("question"), dict), _prm800k),
    "process-bench": (lambda row: isinstance(row.get("steps"), list) and isinstance(row.get("problem"), str) and "label" in row, _process_bench),
    "bigbench-mistake": (lambda row: isinstance(row.get("steps"), list) and "mistake_index" in row, _mistake),
    "trl-stepwise": (lambda row: isinstance(row.get("completions"), list) and isinstance(row.get("labels"), list), _stepwise),
}
