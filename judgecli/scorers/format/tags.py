"""Whether the output keeps to the tags that reasoning models are trained to write."""

from collections.abc import Sequence

from judgecli.scorer import Score, scorer


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def think_format(output: Sequence[str], *, answer: str = "") -> list[Score | float]:
    """1 where the output is one thought in <think> tags and then a text that is not empty, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 says what is wrong.
    Null: never.
    Options: answer = a tag that the rest must stand in ("answer" for <answer>...</answer>); "" = none.
    Both parts must hold text, each tag stands exactly once, nothing stands before <think>.
    Source: DeepSeek-R1, arXiv:2501.12948, the format reward; we differ in that an empty part is refused.

    >>> [item if item == 1 else item.explanation for item in think_format(["<think>2+2</think>4", "<think>2+2"])]
    [1.0, 'not exactly one </think>']
    """
    return [_verdict(_think_fault(text.strip(), answer)) for text in output]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def answer_tag(output: Sequence[str], *, tag: str = "answer") -> list[Score | float]:
    """1 where the output holds exactly one pair of the tag with text inside, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 says what is wrong.
    Null: never.
    Options: tag, its name ("answer"). Attributes and case count: <Answer> is another tag.
    Source: DeepSeek-R1, arXiv:2501.12948, the answer tags of its template.

    >>> [item if item == 1 else item.explanation for item in answer_tag(["so <answer>4</answer>", "4"])]
    [1.0, 'not exactly one <answer>']
    """
    return [_verdict(_pair_fault(text, tag)) for text in output]


def _verdict(fault: str | None) -> Score | float:
    return 1.0 if fault is None else Score(value=0.0, explanation=fault)


def _pair_fault(text: str, tag: str) -> str | None:
    for mark in (f"<{tag}>", f"</{tag}>"):
        if text.count(mark) != 1:
            return f"not exactly one {mark}"
    inside = text.partition(f"<{tag}>")[2].partition(f"</{tag}>")
    if not inside[1]:
        return f"</{tag}> before <{tag}>"
    return None if inside[0].strip() else f"nothing inside <{tag}>"


def _think_fault(text: str, answer: str) -> str | None:
    fault = _pair_fault(text, "think")
    if fault is not None:
        return fault
    if not text.startswith("<think>"):
        return "text before <think>"
    rest = text.partition("</think>")[2].strip()
    if not rest:
        return "nothing after </think>"
    if not answer:
        return None
    fault = _pair_fault(rest, answer)
    if fault is None and not (rest.startswith(f"<{answer}>") and rest.endswith(f"</{answer}>")):
        fault = f"text outside <{answer}>"
    return fault
