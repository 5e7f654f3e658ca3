"""Whether the texts themselves changed: a classifier that tries to tell current from reference by their words, without embeddings.

Word 1- and 2-grams are hashed, weighed by TF-IDF and given to a logistic regression, trained on one half of the clusters and
asked about the other. An AUC of 0.5 means that it cannot tell. Then the words and openings whose share of texts changed.
"""

import itertools
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from judgecli.arrays import Bools, Floats, Integers
from judgecli.stats.auc import Auc, auc, auc_permutation
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.logistic import fit_logistic
from judgecli.stats.permutation import permutation_p

COLUMNS = 1 << 15
MOST_WORDS = 200  # of a text
LEAST_TEXTS = 5  # a word must stand in so many texts to be named
CANDIDATES = 100  # the most changed words by a quick count are looked at closely
SHOWN = 10
FEW_CLUSTERS = 200  # on the smaller side
OPENING = 3  # words
ALPHA = 0.05
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Shift:
    """A word or opening: the shares of texts that have it, and p corrected for all that were looked at."""

    text: str
    reference: float
    current: float
    p: float


@dataclass(frozen=True)
class TextDrift:
    """AUC with interval and p (None: too little), texts and clusters on each side, and what changed, the largest change of share first."""

    auc: Auc | None
    p: float | None
    texts: tuple[int, int]
    clusters: tuple[int, int]
    words: Sequence[Shift]
    openings: Sequence[Shift]


def text_drift(texts: Sequence[str], current: Bools, clusters: Integers) -> TextDrift:
    """Columns: N texts, whether each is current, and its cluster (codes from 0 up).

    Clusters are halved by their hash, so a conversation never trains on itself. The p-value permutes clusters within
    each half under scores that the other half made; the two are joined by twice the smaller.
    Source: Ben-David et al. 2010 (domain classifier); Rabanser et al. 2019, arXiv:1810.11953; Vovk & Wang 2020 (joining).
    """
    tokens = [_TOKEN.findall(text.casefold()[: 20 * MOST_WORDS])[:MOST_WORDS] for text in texts]
    sizes = (int((~current).sum()), int(current.sum()))
    held = (len(np.unique(clusters[~current])), len(np.unique(clusters[current])))
    if min(held) < 4:
        return TextDrift(None, None, sizes, held, [], [])
    scores, half = _cross_fitted(tokens, current, clusters)
    found, p = _joined(scores, current, clusters, half)
    grams = [{word for word in own if word[0].isalnum()} for own in tokens]
    openings = [{" ".join(own[:OPENING])} if len(own) >= OPENING else set() for own in tokens]
    return TextDrift(found, p, sizes, held, _shifts(grams, current, clusters), _shifts(openings, current, clusters))


def _cross_fitted(tokens: Sequence[Sequence[str]], current: Bools, clusters: Integers) -> tuple[Floats, Bools]:
    """Scores of every text by the model of the other half, each half's scaled to ranks, and which half a text is in."""
    half = np.array([zlib.crc32(b"half:%d" % code) & 1 for code in range(int(clusters.max()) + 1)], dtype=bool)[clusters]
    counts = _hashed(tokens)
    scores = np.zeros(len(tokens))
    for side in (False, True):
        train, test = half != side, half == side
        if not current[train].any() or current[train].all() or not test.any():
            continue
        weight = np.log((1 + train.sum()) / (1 + np.bincount(counts[train].indices, minlength=COLUMNS))) + 1
        features = _normed(counts.multiply(weight).tocsr())
        weights, _ = fit_logistic(features[train], current[train])
        scores[test] = features[test] @ weights
    return scores, half


def _hashed(tokens: Sequence[Sequence[str]]) -> sparse.csr_array:
    """1 + log count of hashed 1- and 2-grams, texts x COLUMNS."""
    known: dict[tuple[str, ...], int] = {}
    starts, columns, values = [0], [], []
    for own in tokens:
        places: Counter[int] = Counter()
        for gram in (*zip(own), *itertools.pairwise(own)):
            place = known.get(gram)
            if place is None:
                place = known[gram] = zlib.crc32(" ".join(gram).encode("utf-8", "surrogatepass")) % COLUMNS
            places[place] += 1
        columns += sorted(places)
        values += [places[place] for place in sorted(places)]
        starts.append(len(columns))
    weights = 1 + np.log(np.array(values, dtype=float))
    return sparse.csr_array((weights, np.array(columns, dtype=np.int64), np.array(starts, dtype=np.int64)), shape=(len(tokens), COLUMNS))


def _normed(features: sparse.csr_array) -> sparse.csr_array:
    length = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-12)) @ features)


def _joined(scores: Floats, current: Bools, clusters: Integers, half: Bools) -> tuple[Auc | None, float | None]:
    """AUC over both halves, each by its own ranks, and the joined p."""
    parts = []
    for number, side in enumerate((False, True)):
        own = half == side
        found, p = auc(scores[own], current[own], clusters[own]), auc_permutation(scores[own], current[own], clusters[own], seed=number)
        if found is None or found.se is None or found.low is None or found.high is None or p is None:
            return None, None
        parts.append((found, p))
    area = (parts[0][0].auc + parts[1][0].auc) / 2
    se = float(np.hypot(parts[0][0].se or 0.0, parts[1][0].se or 0.0)) / 2
    below = above = 1.959964 * se
    if any(made.auc in (0.0, 1.0) for made, _ in parts):  # a half that was told apart wholly shows no spread: then each half's own limits, never of width 0
        below = math.hypot(*(made.auc - (made.low or 0.0) for made, _ in parts)) / 2
        above = math.hypot(*((made.high or 0.0) - made.auc for made, _ in parts)) / 2
    return Auc(area, se, max(0.0, area - below), min(1.0, area + above)), min(1.0, 2 * min(parts[0][1], parts[1][1]))


def _shifts(held: Sequence[set[str]], current: Bools, clusters: Integers) -> list[Shift]:
    """The words whose share of texts changed for certain: by cluster, after Bonferroni over all words of the texts."""
    counts = [_texts_with(own for own, new in zip(held, current, strict=True) if new == side) for side in (False, True)]
    totals = [max(int((current == side).sum()), 1) for side in (False, True)]
    words = [word for word in counts[0].keys() | counts[1].keys() if word and counts[0][word] + counts[1][word] >= LEAST_TEXTS]
    quick = sorted(words, key=lambda word: (-abs(counts[1][word] / totals[1] - counts[0][word] / totals[0]), word))[:CANDIDATES]
    size = int(clusters.max()) + 1
    rows = [np.bincount(clusters[current == side], minlength=size).astype(float) for side in (False, True)]
    found = []
    for word in quick:
        has = np.array([word in own for own in held], dtype=float)
        sums = [np.bincount(clusters[current == side], has[current == side], size).astype(np.float64) for side in (False, True)]
        contrast = clustered_contrast(sums[1], rows[1], sums[0], rows[0], rate=True)
        if contrast is None or contrast.p is None or contrast.p * len(words) >= ALPHA:
            continue
        p = contrast.p
        if contrast.clusters < FEW_CLUSTERS:  # t alone finds rare words in any small group
            p = max(p, permutation_p(sums[1], rows[1], sums[0], rows[0]))
        if p * len(words) < ALPHA:
            found.append(Shift(word, contrast.mean_b, contrast.mean_a, p * len(words)))
        if len(found) == SHOWN:
            break
    return found


def _texts_with(held: Iterable[set[str]]) -> Mapping[str, int]:
    counted: Counter[str] = Counter()
    for own in held:
        counted.update(own)
    return counted
