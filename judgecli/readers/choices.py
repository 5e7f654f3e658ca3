r"""Rows with several outputs of one prompt and how good each is, for best of n.

{"prompt": "2+2?", "outputs": ["4", "5"], "gold": [1, 0], "answers": ["4", "5"], "scores": [0.9, 0.1]}
{"id": "1", "prompt": "2+2?", "chosen": ["4"], "rejected": ["5", "22", "3"], "subset": "Math"}                  (RewardBench 2)
{"question": "2+2?", "code": ["4", "5"], "pred": ["4", "5"], "score": [true, false], "pred_score": [[3.1], [2.0]]}   (Qwen2.5-Math)

`gold` is 1 or 0, true or false, or a number between; `answers` (what each output says in short, for majority
votes) and `scores` (rewards that somebody gave) may be missing.
Sources: arXiv:2506.01937; QwenLM/Qwen2.5-Math evaluation/data/eval_rm_maj_example.
"""

from collections.abc import Sequence
from typing import Any

from judgecli.readers.adapter import Object
from judgecli.readers.preference_lists import is_best_of
from judgecli.readers.preference_shape import PROMPTS, Dropped, Options, prompt_of, tags_of
from judgecli.readers.rows import GatheredRows, first_row, gather
from judgecli.readers.values import number_of, text_of
from judgecli.reward_model.best_of_n import BestChoice

OUTPUTS = ("outputs", "responses", "response", "completions", "samples", "code")
GOLD = ("gold", "correct", "is_correct", "score")
ANSWERS = ("answers", "pred", "preds", "extracted")
SCORES = ("scores", "pred_score", "rewards")
_TEXTS = frozenset((*PROMPTS, *OUTPUTS, *GOLD, *ANSWERS, *SCORES, "chosen", "rejected", "id", "idx", "num_correct", "num_incorrect", "total_completions"))


def kinds_of(path: str) -> tuple[bool, bool]:
    """(whether a file holds pairs or verdicts, whether it holds choices), told by its first object. Raises: LogError."""
    first = first_row(path)
    if first is None:
        return True, False
    samples = _samples(first)
    return not samples, samples or is_best_of(first)


def read_choices(paths: Sequence[str], *, prompt: str | None = None) -> GatheredRows[BestChoice]:
    """The choices of files (JSONL, JSON array, Parquet; plain or compressed). Raises: LogError."""
    return gather(paths, lambda row, source: [_choice(row, Options(prompt), source)])


def _choice(row: Object, options: Options, source: str) -> BestChoice:
    identity = text_of(row.get("id", row.get("idx"))) or ""
    tags, prompt = tags_of(row, _TEXTS), prompt_of(row, options)
    if is_best_of(row):
        right, wrong = list(row["chosen"]), list(row["rejected"])
        return BestChoice(prompt, right + wrong, [1.0] * len(right) + [0.0] * len(wrong), id=identity, tags=tags, source=source)
    if not _samples(row):
        raise Dropped("unknown_shape")
    outputs = [text_of(one) or "" for one in _list(row, OUTPUTS) or ()]
    gold = [_gold(one) for one in _same(_list(row, GOLD), len(outputs)) or ()]
    answers, scores = (_same(_list(row, keys), len(outputs)) for keys in (ANSWERS, SCORES))
    return BestChoice(
        prompt,
        outputs,
        gold,
        answers=None if answers is None else [text_of(one) or "" for one in answers],
        scores=None if scores is None else [_score(one) for one in scores],
        id=identity,
        tags=tags,
        source=source,
    )


def _samples(row: Object) -> bool:
    outputs, gold = _list(row, OUTPUTS), _list(row, GOLD)
    return outputs is not None and gold is not None and len(outputs) == len(gold) > 0


def _list(row: Object, keys: Sequence[str]) -> list[Any] | None:
    """The first of these keys that holds a list."""
    return next((row[key] for key in keys if isinstance(row.get(key), list)), None)


def _same(values: list[Any] | None, size: int) -> list[Any] | None:
    if values is not None and len(values) != size:
        raise Dropped("unknown_shape")
    return values


def _gold(value: Any) -> float:
    gold = float(value) if isinstance(value, bool) else number_of(value)
    if gold is None:
        raise Dropped("no_label")
    if not 0 <= gold <= 1:
        raise Dropped("off_scale")
    return gold


def _score(value: Any) -> float:
    """A number, or the last of a list (a reward for each step or token)."""
    score = number_of(value[-1] if isinstance(value, list) and value else value)
    if score is None:
        raise Dropped("no_label")
    return score
