"""What a linear reward model sees of an output: dense features, hashed n-grams, and an embedding where one is given.

A `FeatureSpec` is data: it is stored in the card of a model, and a model reads texts by the spec it was trained with.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from judgecli.reward_model import guards, ngrams, surface

Floats = npt.NDArray[np.float64]
Embed = Callable[[Sequence[str], Sequence[str]], npt.NDArray[np.floating]]  # inputs, outputs -> N x size

VERSION = 1
LONGEST = 20_000  # characters of an input or output that n-grams are cut from; its length counts in full
TEXTS_AT_ONCE = 512  # keeps the sorts in the processor's cache
BLOCKS = ("characters", "words", "copied")  # of hashed n-grams: of the output; of the output; words of the output that the input holds
# The turns of a dialogue as dialogue.py writes it.
_USER = re.compile(r"(?:\A|\n\n)User: ")
_OTHER = re.compile(r"\n\n(?:Assistant|System|Tool): ")


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
        """The dense features in their order."""
        return (*surface.OUTPUT_NAMES, *surface.INPUT_NAMES, *(f"embedding_{place}" for place in range(self.embedding_size)))

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
    """Of N outputs: `dense` N x d as counted; `hashed` N x buckets, each n-gram's count over the root of 1 + the number of n-grams of its block;
    `guards` N x 6 (guards.NAMES), zeros where the spec has none.
    """

    dense: Floats
    hashed: sparse.csr_matrix
    guards: Floats


def extract(spec: FeatureSpec, inputs: Sequence[str | None], outputs: Sequence[str], *, embed: Embed | None = None) -> Iterator[Features]:
    """The features of outputs given as answers to inputs, in parts of at most `TEXTS_AT_ONCE` rows; rows are independent.

    Of an input that is a dialogue (dialogue.py) the last turn of the user is read.
    Raises: ValueError where the spec names an embedding and none is given, or one of another size.
    """
    for start in range(0, len(outputs), TEXTS_AT_ONCE):
        asked = [question(text or "") for text in inputs[start : start + TEXTS_AT_ONCE]]
        yield _extract(spec, asked, list(outputs[start : start + TEXTS_AT_ONCE]), embed)


def _extract(spec: FeatureSpec, inputs: list[str], given: list[str], embed: Embed | None) -> Features:
    outputs, counted = guards.read(given) if spec.guarded else (given, np.zeros((len(given), len(guards.NAMES))))
    ours = ngrams.space([text[:LONGEST] for text in outputs])
    words = ngrams.word_hashes(ours)
    asked = ngrams.word_hashes(ngrams.space([text[:LONGEST] for text in inputs]))
    dense = [surface.output_features(outputs, words), surface.input_features(inputs, outputs, asked, words)]
    if spec.embedding:
        dense.append(_embedded(spec, inputs, given, embed))
    return Features(np.hstack(dense), _hashed(spec, ours, words, asked), counted)


def _embedded(spec: FeatureSpec, inputs: list[str], outputs: list[str], embed: Embed | None) -> Floats:
    if embed is None:
        raise ValueError(f"the features need the embedding {spec.embedding}, which was not given")
    found = np.asarray(embed(inputs, outputs), np.float64)
    if found.shape != (len(outputs), spec.embedding_size):
        raise ValueError(f"the embedding {spec.embedding} gave {found.shape}, not {(len(outputs), spec.embedding_size)}")
    return found


def _hashed(spec: FeatureSpec, ours: ngrams.Spaced, words: ngrams.Grams, asked: ngrams.Grams) -> sparse.csr_matrix:
    if not spec.bits:
        return sparse.csr_matrix((len(ours), 0))
    copied = ngrams.held_by(words, asked)
    held = ngrams.Grams(words.text[copied], words.hashes[copied], words.total)
    parts = (ngrams.character_grams(ours, spec.character_sizes), ngrams.join([ngrams.word_grams(words, size) for size in spec.word_sizes]), held)
    texts = np.concatenate([part.text for part in parts])
    column = np.concatenate([_buckets(part, block, spec.bits) for block, part in enumerate(parts)])
    counts = sparse.csc_matrix(sparse.coo_matrix((np.ones(len(texts)), (texts, column)), (len(ours), spec.buckets)))  # equal places are added up
    found = sparse.csr_matrix(counts)
    norms = 1 / np.sqrt(1 + np.column_stack([part.total for part in parts]))
    found.data *= norms[np.repeat(np.arange(len(ours)), np.diff(found.indptr)), found.indices >> spec.bits]
    return found


def _buckets(grams: ngrams.Grams, block: int, bits: int) -> npt.NDArray[np.int32]:
    """The column of each n-gram."""
    return (grams.hashes >> np.uint64(64 - bits)).astype(np.int32) + np.int32(block << bits)


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
    turns = list(_USER.finditer(prompt))
    if not turns:
        return prompt
    said = prompt[turns[place].end() :]
    other = _OTHER.search(said)
    return said[: other.start()] if other else said
