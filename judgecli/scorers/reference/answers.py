"""Whether the output gives the items, or the choice, of the reference."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

from judgecli.scorer import Score, scorer
from judgecli.scorers.canonical import canonical
from judgecli.scorers.context.passages import words_of

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def set_f1(output: Sequence[str], reference: Sequence[str], *, separators: str = ",;\n") -> list[float | None]:
    """F1 of the items that output and reference list, without order and repeats.

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where the reference lists nothing.
    Options: separators, the characters that part items. A text that is a JSON list gives its items.
    Items are compared without case, outer white space, bullets and a final period, in composed Unicode form (NFC).
    Source: the set measure of van Rijsbergen 1979 (F1).

    >>> set_f1(["- Red\\n- blue"], ["red, green"])
    [0.5]
    """
    if not separators:
        raise ValueError("separators must hold at least one character")
    return [_set_f1(items(canonical(text), separators), items(canonical(wanted), separators)) for text, wanted in zip(output, reference, strict=True)]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=2)
def choice(output: Sequence[str], reference: Sequence[str], *, letters: str = "ABCDE") -> list[Score | None]:
    """1 where the letter that the output chooses is that of the reference, else 0.

    Columns: output, reference (N texts each). Returns: N rates, 0 or 1, with the letter read as label.
    Null where the reference names no letter. Where the output names none, or several without saying which, it is
    unscored with reason metric_error: an answer that could not be read is not a wrong one, and lowers the coverage.
    Options: letters, those that can be chosen.
    Read in this order: a \\\\boxed{} letter; the last "answer is X" or "answer: X" (in lower case only where nothing but
    a mark or the end follows, so that "the answer is a bit long" names none); an output that begins
    with the letter alone ("B", "(B)", "B. Paris", "B)") or the only letter in brackets, where no other
    letter stands in brackets or at the start of a line.
    Source: the extraction rules usual for MMLU; the order is ours.

    >>> [(item.value, item.label, item.reason) for item in choice(["The answer is (B).", "A or B?"], ["B", "A"])]
    [(1.0, 'B', None), (None, None, 'metric_error')]
    """
    if not letters.isalpha():
        raise ValueError(f"letters must be letters, got {letters!r}")
    readers = _readers(letters)
    return [_chosen(chosen(text, readers), chosen(wanted, readers)) for text, wanted in zip(output, reference, strict=True)]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=2)
def tf_cosine(output: Sequence[str], reference: Sequence[str]) -> list[float | None]:
    """Cosine of the word counts of output and reference, each count c weighted 1 + ln c.

    Columns: output, reference (N texts each). Returns: N fractions in [0, 1].
    Null where the reference has no word; 0 where only the output has none.
    Options: none. Words are compared in lower case and composed Unicode form (NFC); each letter of a script
    without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) is a word.
    Source: Salton and Buckley 1988, the weights "lnn". Without the idf of tf-idf: that needs a corpus,
    and then a record's value would depend on the other records.

    >>> tf_cosine(["a b"], ["b c"])
    [0.5]
    """
    return [_cosine(Counter(words_of(text)), Counter(words_of(wanted))) for text, wanted in zip(output, reference, strict=True)]


def items(text: str, separators: str) -> set[str]:
    """The items that a text lists."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    listed = [item if isinstance(item, str) else json.dumps(item) for item in read] if isinstance(read, list) else None
    parts = listed if listed is not None else re.split(f"[{re.escape(separators)}]", text)
    cleaned = (_BULLET.sub("", part).strip().removesuffix(".").strip().casefold() for part in parts)
    return {item for item in cleaned if item}


def _set_f1(given: set[str], wanted: set[str]) -> float | None:
    return 2 * len(given & wanted) / (len(given) + len(wanted)) if wanted else None


def _readers(letters: str) -> list[re.Pattern[str]]:
    one = f"[{letters}{letters.lower()}]"
    upper = f"[{letters.upper()}]"
    return [
        re.compile(rf"\\boxed\{{(?:\\text\{{)?\(?({one})\)?\}}"),
        re.compile(rf"(?i:\banswer(?: is|:)(?: option| choice)?:?)\s{{0,3}}\**\(?(?:({upper})\b(?!')|({one})(?=\**\)?[.,;:!]?\**\s*(?:$|\n)|\)))"),
        re.compile(rf"^\W{{0,4}}({one})(?:[.):*]|\W{{0,4}}$)"),
        re.compile(rf"\(({upper})\)|^\W{{0,4}}({upper})[.):*]", re.MULTILINE),
    ]


def chosen(text: str, readers: Sequence[re.Pattern[str]]) -> str | None:
    """The letter that a text chooses, None where it names none or, without saying which, several."""
    text = text.strip()
    boxed, stated, opening, marked = readers
    for reader in (boxed, stated):
        found = reader.findall(text)
        if found:
            return "".join(found[-1]).upper()
    # An output that goes through the options marks several: then its first is no choice.
    named = {letter.upper() for found in (*opening.findall(text), *map("".join, marked.findall(text))) for letter in found}
    return str(named.pop()) if len(named) == 1 else None


def _chosen(given: str | None, wanted: str | None) -> Score | None:
    if wanted is None:
        return None
    if given is None:
        return Score(reason="metric_error", explanation="unread: the output names no letter, or several")
    return Score(value=float(given == wanted), label=given)


def _cosine(ours: Counter[str], theirs: Counter[str]) -> float | None:
    if not theirs:
        return None
    dot = sum((1 + log(count)) * (1 + log(theirs[word])) for word, count in ours.items() if word in theirs)
    norm = sqrt(sum((1 + log(count)) ** 2 for count in ours.values()) * sum((1 + log(count)) ** 2 for count in theirs.values()))
    return min(dot / norm, 1.0) if ours else 0.0
