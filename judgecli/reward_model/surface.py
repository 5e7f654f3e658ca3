"""Dense features: what can be counted of an output, and of how an output and its input overlap."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from judgecli import derived
from judgecli.reward_model import ngrams

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Words whose share of the output is a feature each. Lower case, apostrophes straight.
WORD_GROUPS: dict[str, tuple[str, ...]] = {
    "first_person": ("i", "i'm", "i'll", "i've", "i'd", "me", "my", "we", "our"),
    "second_person": ("you", "your", "you're", "you'll", "yourself"),
    "refusing": ("sorry", "can't", "cannot", "unable", "won't", "apologize", "unfortunately"),
    "hedging": ("maybe", "perhaps", "might", "may", "possibly", "probably", "seems", "think", "believe", "could"),
    "denying": ("not", "no", "don't", "isn't", "doesn't", "never", "shouldn't", "wouldn't"),
    "praising": ("best", "excellent", "perfect", "great", "amazing", "outstanding", "highest", "correct", "confident", "comprehensive", "accurate"),
    "asking": ("why", "what", "how", "who", "which", "where", "when"),
}
SIGNS = {"questions": "?", "exclamations": "!", "commas": ",", "colons": ":", "stops": ".", "quotes": '"', "brackets": "("}
MARKS = ("list_lines", "numbered_lines", "headings", "bold")  # per line; the first three by how a line begins, without its indent
ENDS, CLOSERS = ".!?…。！？", "\"'”’)]*`"  # of a whole sentence, and what may stand behind them
KNOTS = (20, 100, 400, 1600)  # characters: the effect of length may bend here
OVERLAPS = tuple(f"{what}_{kind}_{n}" for kind, sizes in (("words", (1, 2)), ("characters", (1, 2, 3, 4, 5, 6))) for n in sizes for what in ("held", "found"))
CHARACTERS_COMPARED = 256  # of input and output, for character overlaps

OUTPUT_NAMES = (
    "characters", *(f"beyond_{knot}" for knot in KNOTS), "word_length", "words_per_stop", "lines", "digits", "capitals", "wide", "ends", "begins",
    "repeated_words", "repeated_triples", *SIGNS, *MARKS, *WORD_GROUPS,
)  # fmt: skip
INPUT_NAMES = ("has_input", "length_ratio", *OVERLAPS)


def output_features(texts: Sequence[str], words: ngrams.Grams) -> Floats:
    """One row a text, columns `OUTPUT_NAMES`: logarithms of counts, and shares. An empty text is zeros."""
    block = derived.block(pa.array(texts, pa.large_string()))
    size = np.array([len(text) for text in texts], np.float64)
    count, some = np.maximum(block.words, 1), np.maximum(size, 1)
    log_size = np.log1p(size)
    signs = {name: np.asarray(pc.count_substring(block.texts, sign), np.float64) for name, sign in SIGNS.items()}
    lines, marks = _marks(block)
    stripped = [text.strip() for text in texts]
    columns = [
        log_size,
        *(np.maximum(log_size - np.log1p(knot), 0) for knot in KNOTS),
        size / count / 10,
        np.log1p(block.words / (1 + signs["stops"] + signs["questions"] + signs["exclamations"])),
        np.log(lines),
        block.count(derived.DIGIT) / some,
        block.count(derived.UPPER) / np.maximum(block.count(derived.LETTER), 1),
        block.count(derived.WIDE) / some,
        np.array([text.rstrip(CLOSERS)[-1:] in ENDS and text != "" for text in stripped], np.float64),
        np.array([text[:1].isupper() for text in stripped], np.float64),
        *(-np.log(np.maximum(ngrams.distinct(grams), 1) / np.maximum(grams.total, 1)) for grams in (words, ngrams.word_grams(words, 3))),
        *(value / count for value in signs.values()),
        *(value / lines for value in marks),
        *_word_shares(words),
    ]
    return np.column_stack(columns)


def _marks(block: derived.Block) -> tuple[Floats, list[Floats]]:
    """The lines of each text, and how many of them begin as an item of a list, with a number, as a heading; then pairs of `**`."""
    data = block.data
    breaks = np.flatnonzero(data[: block.offsets[-1]] == 10)
    starts = np.concatenate([block.offsets[:-1], breaks + 1])
    starts = starts[starts < block.offsets[-1]]
    where = np.searchsorted(block.offsets, starts, "right") - 1
    first, second, third = data[starts], data[starts + 1], data[starts + 2]
    digit = (first >= 48) & (first < 58)
    closes = (second == 46) | (second == 41) | ((second >= 48) & (second < 58) & ((third == 46) | (third == 41)))
    item = ((first == 45) | (first == 42) | (first == 43)) & (second == 32)
    found = [np.bincount(where[chosen], minlength=len(block)).astype(np.float64) for chosen in (item, digit & closes, first == 35)]
    bold = np.asarray(pc.count_substring(block.texts, "**"), np.float64) / 2
    lines = 1 + np.bincount(np.searchsorted(block.offsets, breaks, "right") - 1, minlength=len(block)).astype(np.float64)
    return lines, [*found, bold]


def _word_shares(words: ngrams.Grams) -> list[Floats]:
    """For each group of words its share of a text."""
    listed = [(group, word) for group, members in enumerate(WORD_GROUPS.values()) for word in members]
    hashes = ngrams.word_hashes(ngrams.space([" ".join(word for _, word in listed)])).hashes
    order = np.argsort(hashes)
    known, groups = hashes[order], np.array([group for group, _ in listed])[order]
    place = np.minimum(np.searchsorted(known, words.hashes), len(known) - 1)
    hit = known[place] == words.hashes
    number = len(WORD_GROUPS)
    table = np.bincount(words.text[hit] * number + groups[place[hit]], minlength=number * len(words.total)).reshape(-1, number)
    return list((table / np.maximum(words.total, 1)[:, None]).T)


def input_features(inputs: Sequence[str], outputs: Sequence[str], asked: ngrams.Grams, words: ngrams.Grams) -> Floats:
    """One row a pair, columns `INPUT_NAMES`: how much of the output stands in the input (held) and of the input in the output (found).

    Zeros where the input is "".
    """
    given = np.array([bool(text.strip()) for text in inputs])
    columns = [given.astype(np.float64), np.log1p([len(text) for text in outputs]) - np.log1p([len(text) for text in inputs])]
    for size in (1, 2):
        ours, theirs = (ngrams.word_grams(side, size) if size > 1 else side for side in (words, asked))
        both = ngrams.shared(ours, theirs)
        columns += [both / np.maximum(ours.total, 1), both / np.maximum(theirs.total, 1)]
    columns += _character_overlaps(inputs, outputs)
    table = np.column_stack(columns)
    table[~given] = 0
    return table


def _character_overlaps(inputs: Sequence[str], outputs: Sequence[str]) -> list[Floats]:
    """Shares of the character 1- to 6-grams (white space left out) that both sides have: of the output's, then of the input's, for each size."""
    from judgecli.scorers.reference.chrf import shared_characters

    counts, ours, theirs = shared_characters([text[:CHARACTERS_COMPARED] for text in outputs], [text[:CHARACTERS_COMPARED] for text in inputs])
    found = []
    for n in range(counts.shape[1]):
        found += [counts[:, n] / np.maximum(ours - n, 1), counts[:, n] / np.maximum(theirs - n, 1)]
    return found
