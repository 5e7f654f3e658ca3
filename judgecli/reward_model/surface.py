"""Dense features: what can be counted of an output, and of how an output and its input overlap."""

import string
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats, Integers
from judgecli.reward_model import ngrams

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
_BREAK = 10

OUTPUT_NAMES = (
    "characters", *(f"beyond_{knot}" for knot in KNOTS), "word_length", "words_per_stop", "lines", "digits", "capitals", "wide", "ends", "begins",
    "repeated_words", "repeated_triples", *SIGNS, *MARKS, *WORD_GROUPS,
)  # fmt: skip
INPUT_NAMES = ("has_input", "length_ratio", *OVERLAPS)


def output_features(texts: Sequence[str], spaced: Sequence[str], words: ngrams.Grams) -> Floats:
    """One row a text, columns `OUTPUT_NAMES`: logarithms of counts, and shares. An empty text is zeros. `spaced`: the texts single-spaced."""
    raw = [text.encode("utf-8", "replace") for text in texts]
    sizes = [len(text) for text in raw]
    places = np.repeat(np.arange(len(raw)) << 8, sizes) + np.frombuffer(b"".join(raw), np.uint8)
    bytes_of = np.bincount(places, minlength=len(raw) << 8).reshape(-1, 256)
    size = np.array([len(text) for text in texts], np.float64)
    blanks = bytes_of[:, ord(" ")] if spaced is texts else np.array([text.count(" ") for text in spaced])
    number = blanks + np.array([text != "" for text in spaced])
    count, some = np.maximum(number, 1), np.maximum(size, 1)
    log_size = np.log1p(size)
    signs = {name: bytes_of[:, ord(sign)].astype(np.float64) for name, sign in SIGNS.items()}
    lines = 1 + bytes_of[:, ord("\n")].astype(np.float64)
    columns = [
        log_size,
        *(np.maximum(log_size - np.log1p(knot), 0) for knot in KNOTS),
        size / count / 10,
        np.log1p(number / (1 + signs["stops"] + signs["questions"] + signs["exclamations"])),
        np.log(lines),
        _counted(bytes_of, string.digits) / some,
        _counted(bytes_of, string.ascii_uppercase) / np.maximum(_counted(bytes_of, string.ascii_letters), 1),
        bytes_of[:, 128:].sum(axis=1) / some,
        np.array([text.rstrip(CLOSERS)[-1:] in ENDS and text != "" for text in spaced], np.float64),
        np.array([text[:1].isupper() for text in spaced], np.float64),
        *(-np.log(np.maximum(ngrams.distinct(grams), 1) / np.maximum(grams.total, 1)) for grams in (words, ngrams.word_grams(words, 3))),
        *(value / count for value in signs.values()),
        *(value / lines for value in _marks(raw)),
        *_word_shares(words),
    ]
    return np.column_stack(columns)


def _counted(bytes_of: Integers, characters: str) -> Integers:
    return np.asarray(bytes_of[:, np.frombuffer(characters.encode(), np.uint8)].sum(axis=1))


def _marks(raw: Sequence[bytes]) -> list[Floats]:
    """How many of the lines of each text begin as an item of a list, with a number, as a heading; then pairs of `**`."""
    data = np.frombuffer(b"".join(raw) + bytes(3), np.uint8)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in raw], dtype=np.int64)])
    starts = np.unique(np.concatenate([offsets[:-1], np.flatnonzero(data[: offsets[-1]] == _BREAK) + 1]))  # a text may end in a break
    starts = starts[starts < offsets[-1]]
    where = np.searchsorted(offsets, starts, "right") - 1
    first, second, third = data[starts], data[starts + 1], data[starts + 2]
    digit = (first >= 48) & (first < 58)
    closes = (second == 46) | (second == 41) | ((second >= 48) & (second < 58) & ((third == 46) | (third == 41)))
    item = ((first == 45) | (first == 42) | (first == 43)) & (second == 32)
    found = [np.bincount(where[chosen], minlength=len(raw)).astype(np.float64) for chosen in (item, digit & closes, first == 35)]
    return [*found, np.array([text.count(b"**") for text in raw]) / 2]


@cache
def _listed() -> ngrams.Lookup:
    """The hash of each word of `WORD_GROUPS`, and 1 + its group."""
    listed = [(group, word) for group, members in enumerate(WORD_GROUPS.values()) for word in members]
    return ngrams.Lookup.of(ngrams.word_hashes(ngrams.space([" ".join(word for _, word in listed)])).hashes, [1 + group for group, _ in listed])


def _word_shares(words: ngrams.Grams) -> list[Floats]:
    """For each group of words its share of a text."""
    groups = _listed().get(words.hashes)
    hit, number = np.flatnonzero(groups), len(WORD_GROUPS)
    counts = np.bincount(words.text[hit] * number + groups[hit] - 1, minlength=number * len(words.total)).reshape(-1, number)
    return list((counts / np.maximum(words.total, 1)[:, None]).T)


def input_features(inputs: Sequence[str], outputs: Sequence[str], asked: ngrams.Grams, words: ngrams.Grams, copied: npt.NDArray[np.bool_]) -> Floats:
    """One row a pair, columns `INPUT_NAMES`: how much of the output stands in the input (held) and of the input in the output (found).

    `copied`: of each word of the outputs whether its input has it. Zeros where the input is "".
    """
    given = np.array([bool(text.strip()) for text in inputs])
    columns = [given.astype(np.float64), np.log1p([len(text) for text in outputs]) - np.log1p([len(text) for text in inputs])]
    for ours, theirs, some in ((words, asked, words.where(copied)), (pairs := ngrams.word_grams(words, 2), ngrams.word_grams(asked, 2), pairs)):
        both = ngrams.shared(some, theirs)
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
