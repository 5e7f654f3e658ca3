"""What a linear reward model sees of an output: dense features, hashed n-grams, and an embedding where one is given.

A `FeatureSpec` is data: it is stored in the card of a model, and a model reads texts by the spec it was trained with.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.reward_model import guards, ngrams, surface
from judgecli.reward_model.buckets import Buckets
from judgecli.reward_model.spacing import single_spaced

Embed = Callable[[Sequence[str]], npt.NDArray[np.floating]]  # N texts -> N x size, rows of length 1

VERSION = 1
LONGEST = 20_000  # characters of an input or output that n-grams are cut from; its length counts in full
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 512, 1 << 18  # keep the tables of n-grams in the processor's cache
BLOCKS = ("characters", "words", "copied")  # of hashed n-grams: of the output; of the output; words of the output that the input holds
EMBEDDED = ("embedding", "relation")  # of the output; its product, number by number, with that of the question
# The turns of a dialogue as dialogue.py writes it.
_USER, _OTHERS = "User: ", ("Assistant: ", "System: ", "Tool: ")


@dataclass(frozen=True)
class FeatureSpec:
    """Which features a model reads. `bits`: each block of n-grams has 2**bits buckets, 0 = none. `embedding` names what embeds, "" = nothing.

    `guarded`: features are read from the core of an output (guards.py) and its guards are counted; else from the whole of it.
    """

    version: int = VERSION
    bits: int = 14
    character_sizes: tuple[int, ...] = (4,)
    word_sizes: tuple[int, ...] = (1, 2)
    embedding: str = ""
    embedding_size: int = 0
    guarded: bool = True

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The dense features in their order, those of the embedding last."""
        embedded = (f"{kind}_{place}" for kind in EMBEDDED for place in range(self.embedding_size))
        return (*surface.OUTPUT_NAMES, *surface.INPUT_NAMES, *embedded)

    @property
    def embedded(self) -> int:
        """How many of the dense features are of the embedding."""
        return len(EMBEDDED) * self.embedding_size

    @property
    def buckets(self) -> int:
        """The number of hashed features."""
        return len(BLOCKS) << self.bits if self.bits else 0

    @property
    def code(self) -> str:
        """16 hex digits over all that shapes a feature."""
        said = json.dumps([asdict(self), self.dense_names, BLOCKS, LONGEST, surface.WORD_GROUPS, surface.KNOTS, guards.SHAPING], sort_keys=True)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Features:
    """Of N outputs: `dense` N x d as counted; `hashed` their n-grams in buckets; `guards` N x 6 (guards.NAMES), zeros where the spec has none."""

    dense: Floats
    hashed: Buckets
    guards: Floats


def extract(spec: FeatureSpec, inputs: Sequence[str | None], outputs: Sequence[str], *, embed: Embed | None = None) -> Iterator[Features]:
    """The features of outputs given as answers to inputs, in parts of some rows each; rows are independent.

    Of an input that is a dialogue (dialogue.py) the last turn of the user is read.
    Raises: ValueError where the spec names an embedding and none is given, or one of another size.
    """
    start = 0
    while start < len(outputs):
        size = len(outputs[start])
        end = start + 1
        while end < min(len(outputs), start + TEXTS_AT_ONCE) and size + len(outputs[end]) <= CHARACTERS_AT_ONCE:
            size += len(outputs[end])
            end += 1
        yield _extract(spec, [question(text or "") for text in inputs[start:end]], list(outputs[start:end]), embed)
        start = end


def _extract(spec: FeatureSpec, inputs: list[str], given: list[str], embed: Embed | None) -> Features:
    outputs, counted = guards.read(given) if spec.guarded else (given, np.zeros((len(given), len(guards.NAMES))))
    spaced = outputs if spec.guarded else [single_spaced(text) for text in outputs]
    ours = ngrams.space([_cut(text, long) for text, long in zip(spaced, outputs, strict=True)])
    words = ngrams.word_hashes(ours)
    asked = ngrams.word_hashes(ngrams.space([single_spaced(text[:LONGEST]) for text in inputs]))
    copied = ngrams.held_by(words, asked)
    dense = [surface.output_features(outputs, spaced, words), surface.input_features(inputs, outputs, asked, words, copied)]
    if spec.embedding:
        dense.append(_embedded(spec, inputs, outputs, embed))
    return Features(np.hstack(dense), _hashed(spec, ours, words, copied), counted)


def _cut(spaced: str, text: str) -> str:
    """What n-grams are cut from: a text single-spaced, or where it is long the beginning of it."""
    return spaced if len(text) <= LONGEST else single_spaced(text[:LONGEST])


def _embedded(spec: FeatureSpec, inputs: list[str], outputs: list[str], embed: Embed | None) -> Floats:
    """The embedding of each output as its other features are read from it, and what it has to do with the question: nothing where none is asked."""
    if embed is None:
        raise ValueError(f"the features need the embedding {spec.embedding}, which was not given")
    texts = list(dict.fromkeys([*inputs, *outputs]))
    found = np.asarray(embed(texts), np.float64)
    if found.shape != (len(texts), spec.embedding_size):
        raise ValueError(f"the embedding {spec.embedding} gave {found.shape}, not {(len(texts), spec.embedding_size)}")
    rows = dict(zip(texts, found * np.sqrt(spec.embedding_size), strict=True))  # each number is about 1 in size, whatever the width
    answers = np.array([rows[text] for text in outputs])
    asked = np.array([rows[text] if text.strip() else np.zeros(spec.embedding_size) for text in inputs])
    return np.hstack([answers, asked * answers])


def _hashed(spec: FeatureSpec, ours: ngrams.Spaced, words: ngrams.Grams, copied: npt.NDArray[np.bool_]) -> Buckets:
    if not spec.bits:
        return Buckets(len(ours), 0, ())
    runs = [
        [ngrams.character_grams(ours, size) for size in spec.character_sizes],
        [ngrams.word_grams(words, size) for size in spec.word_sizes],
        [words.where(copied)],
    ]
    totals = [np.sum([grams.total for grams in block], axis=0) for block in runs[:2]] + [words.total]
    return Buckets.of(spec.bits, runs, totals)


def question(prompt: str) -> str:
    r"""What was asked: the last turn of the user where the prompt is a dialogue (dialogue.py), else all of it.

    >>> question("User: Hi\n\nAssistant: Hello!\n\nUser: Why?")
    'Why?'
    >>> question("Why?")
    'Why?'
    """
    return _turn(prompt, -1)


def opening(prompt: str) -> str:
    """What was asked first: the first turn of the user of a dialogue, else all of it. Dialogues with one opening stay on one side of every split."""
    return _turn(prompt, 0)


def _turn(prompt: str, place: int) -> str:
    if _USER not in prompt:
        return prompt
    turns = f"\n\n{prompt}".split(f"\n\n{_USER}")[1:]
    if not turns:
        return prompt
    said = turns[place]
    return said[: min((found for role in _OTHERS if (found := said.find(f"\n\n{role}")) >= 0), default=len(said))]
