"""Each vectorised text scorer against its definition in plain Python, on edge cases, real and hostile texts."""

import math
import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from judgecli.catalog import load_scorer
from judgecli.scorer import as_list
from judgecli.scorers.text.endings import ends_mid_sentence

sys.path.insert(0, str(Path(__file__).parent))
import hostile

STOPS, WIDE_STOPS, CLOSERS = ".!?…؟।۔", "。！？｡", "\"'”’)]}»*_`"


def sentences_of(text):
    """The sentences of a text, read character by character; the rule is in judgecli.derived.sentences."""
    found, at = [], 0
    while at < len(text):
        if not is_letter_or_number(text[at]):
            at += 1
            continue
        begin = at
        while at < len(text) and text[at] != "\n":
            if text[at] in WIDE_STOPS:
                at = skip(text, skip(text, at, WIDE_STOPS), CLOSERS)
                break
            if text[at] in STOPS:
                at = skip(text, skip(text, at, STOPS), CLOSERS)
                if at == len(text) or text[at].isspace() or text[at] in STOPS + WIDE_STOPS:
                    break
                continue
            at += 1
        found.append(text[begin:at])
    return found


def is_letter_or_number(character):
    import unicodedata

    return unicodedata.category(character)[0] in "LN"


def skip(text, at, characters):
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def syllables_of(word):
    lower = "".join(c.lower() if c.isascii() else "#" for c in word)
    groups = len(re.findall("[aeiouy]+", lower))
    letters = [i for i, c in enumerate(lower) if c.isalpha()]
    end = lower[: letters[-1] + 1]
    consonant = "[bcdfghjklmnpqrstvwxz]"
    silent = (
        (re.search(f"{consonant}e$", end) and not re.search(f"{consonant}le$", end))
        or re.search("[bdfjklmnpqrtvw]es$", end)
        or re.search("[bcfghjklmnpqrsvwxz]ed$", end)
    )
    return max(1, groups - bool(silent) if groups > 1 else groups)


def readability(text, constant, per_sentence, per_word):
    words = [word for word in text.split() if re.search("[A-Za-z]", word)]
    if not words:
        return None
    return constant + per_sentence * len(words) / max(1, len(sentences_of(text))) + per_word * sum(map(syllables_of, words)) / len(words)


def ratio(part, whole):
    return part / whole if whole else None


UNSPACED = [(0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF)]
UNSPACED += [(0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x32FFF)]


def is_unspaced(character):
    return any(first <= ord(character) <= last for first, last in UNSPACED)


def mostly_unspaced(text):
    return 10 * sum(map(is_unspaced, text)) > len(visible(text))


def words_of(text):
    """Runs without white space; in texts of scripts without spaces their letters one by one as well."""
    spaced = "".join(f" {c} " if is_unspaced(c) else c for c in text) if mostly_unspaced(text) else text
    return spaced.split()


def in_words(measure):
    return lambda text: None if mostly_unspaced(text) else measure(text)


def distinct(text, n):
    words, n = words_of(text), 3 * n if mostly_unspaced(text) else n
    grams = list(zip(*(words[k:] for k in range(n)), strict=False))
    return ratio(len(set(grams)), len(grams))


def repeated_lines(text):
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return ratio(len(lines) - len(set(lines)), len(lines))


def longest_repeat(text):
    words = words_of(text)
    spans = (length for length in range(len(words) - 1, 0, -1) if has_twice([tuple(words[i : i + length]) for i in range(len(words) - length + 1)]))
    return ratio(next(spans, 0), len(words))


def has_twice(items):
    return len(set(items)) < len(items)


def lexical_diversity(text, window=50):
    words = [re.sub(r"^[\W_]+|[\W_]+$", "", word).lower() for word in text.split() if any(map(str.isalnum, word))]
    shares = [len(set(words[i : i + window])) / window for i in range(len(words) - window + 1)]
    return ratio(math.fsum(shares), len(shares))


def compression_ratio(text):
    raw = text.encode()
    return len(zstandard.ZstdCompressor(level=1).compress(raw)) / len(raw) if len(raw) >= 100 else None


def visible(text):
    return [c for c in text if not c.isspace()]


DEFINITIONS = {
    "characters": len,
    "words": in_words(lambda text: len(text.split())),
    "sentences": lambda text: len(sentences_of(text)),
    "words_per_sentence": in_words(lambda text: ratio(len(text.split()), len(sentences_of(text)))),
    "non_letter_share": lambda text: ratio(sum(not c.isalpha() for c in visible(text)), len(visible(text))),
    "uppercase_share": lambda text: ratio(sum(c.isalpha() and c.isupper() for c in text), sum(map(str.isalpha, text))),
    "digit_share": lambda text: ratio(sum(map(str.isdecimal, text)), len(visible(text))),
    "question_share": lambda text: ratio(sum(asks(s) for s in sentences_of(text)), len(sentences_of(text))),
    "flesch_reading_ease": in_words(lambda text: readability(text, 206.835, -1.015, -84.6)),
    "flesch_kincaid_grade": in_words(lambda text: readability(text, -15.59, 0.39, 11.8)),
    "distinct_1": lambda text: distinct(text, 1),
    "distinct_2": lambda text: distinct(text, 2),
    "repetition": lambda text: None if distinct(text, 3) is None else 1 - distinct(text, 3),
    "repeated_lines": repeated_lines,
    "longest_repeat": longest_repeat,
    "compression_ratio": compression_ratio,
    "empty": lambda text: float(not text.strip()),
    "code_block_count": lambda text: (sum(bool(re.match(" {0,3}(```|~~~)", line)) for line in text.split("\n")) + 1) // 2,
}
# Every character of the definition below is one that regular expressions of Python know too.
DEFINITIONS["lexical_diversity"] = in_words(lexical_diversity)
DEFINITIONS["truncated"] = lambda text: None if (cut := ends_mid_sentence(text)) is None else float(cut)


def asks(sentence):
    end = sentence[len(sentence.rstrip(STOPS + WIDE_STOPS + CLOSERS)) :]
    tail = re.search(f"(?:[{re.escape(STOPS)}]+|[{WIDE_STOPS}]+)[{re.escape(CLOSERS)}]*$", end)
    return bool(tail and re.search("[?؟？]", tail.group()))


def check(name, texts):
    values = load_scorer(name)(texts)
    for text, value in zip(texts, values, strict=True):
        expected = DEFINITIONS[name](text)
        assert (value is None) == (expected is None), (name, text, value, expected)
        assert value is None or value == pytest.approx(expected, rel=1e-12, abs=1e-12), (name, text)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_edges(name):
    check(name, hostile.EDGES)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_markers(name):
    check(name, hostile.marked())


@pytest.mark.parametrize("name", sorted(set(DEFINITIONS) - {"longest_repeat"}))
def test_real_outputs(name):
    check(name, hostile.real())


def test_longest_repeat_of_real_outputs():
    check("longest_repeat", [text[:400] for text in hostile.real()[:300]])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(hostile.text, hostile.prose), max_size=6))
def test_any_unicode_text(texts):
    for name in DEFINITIONS:
        check(name, texts)


def test_a_slice_a_chunked_and_a_large_array_give_the_same():
    whole = pa.array(["left out", *hostile.EDGES])
    for name in DEFINITIONS:
        scorer = load_scorer(name)
        expected = scorer(hostile.EDGES)
        for texts in (whole.slice(1), pa.chunked_array([whole.slice(1, 7), whole.slice(8)]), whole.slice(1).cast(pa.large_string())):
            result = scorer.run({"output": texts}, {})
            assert as_list(result) == expected, name


@pytest.mark.parametrize("size", [4095, 4096, 4097, 9000])
def test_more_texts_than_one_sort_holds(size):
    texts = [f"a b a {row % 7} b a" if row % 3 else "" for row in range(size)]
    check("distinct_2", texts)
    check("repetition", texts)
