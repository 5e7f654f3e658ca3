"""What people said of each record, as one answer a record: the mean, the majority, or Dawid and Skene's model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from judgecli.arrays import Floats
from judgecli.errors import UsageError
from judgecli.stats.dawid_skene import dawid_skene

How = Literal["mean", "majority", "dawid-skene"]
MOST_CLASSES = 50


@dataclass(frozen=True, slots=True)
class Given:
    """One label of one record: the key of the record, who said it, and what. `chance` is the record's chance to be labelled, where known."""

    key: bytes
    rater: str
    value: float | None
    label: str | None
    chance: float | None = None


@dataclass(frozen=True)
class Truths:
    """One answer a record. `values` are numbers, or places in `categories` where people chose among texts.

    `ratings` is R raters x N records (NaN: said nothing), in the units of `values`; `chances` are NaN where unknown.
    `method` says how several raters became one answer; `why` what spoke against the method that was asked for.
    """

    keys: list[bytes]
    values: Floats
    ratings: Floats
    raters: list[str]
    chances: Floats
    categories: tuple[str, ...] | None
    method: str
    dropped: Counter[str]
    why: str | None = None

    @property
    def binary(self) -> bool:
        """Whether every label is 0 or 1."""
        return self.categories is None and bool(np.isin(self.ratings[~np.isnan(self.ratings)], (0.0, 1.0)).all())

    def scaled(self, source: tuple[float, float], target: tuple[float, float]) -> "Truths":
        """Numbers moved from one scale to another. Raises: UsageError where one lies outside the first."""
        low, high = source
        if np.nanmin(self.ratings) < low or np.nanmax(self.ratings) > high:
            raise UsageError(
                f"labels reach from {np.nanmin(self.ratings):g} to {np.nanmax(self.ratings):g}, outside the scale {low:g},{high:g}",
                hint="name the ends of the scale that people were given: --label-scale LOW,HIGH",
            )
        step = (target[1] - target[0]) / (high - low)
        values, ratings = (target[0] + (part - low) * step for part in (self.values, self.ratings))
        return Truths(
            self.keys, values, ratings, raters=self.raters, chances=self.chances, categories=None, method=self.method, dropped=self.dropped, why=self.why
        )


def settle_labels(given: Sequence[Given], how: How | None = None) -> Truths:
    """One answer a record: by default the mean of numbers, the majority where all are 0 or 1 and of texts.

    A record whose raters are evenly split has no majority, and is dropped (`tied`).
    Raises: UsageError where some labels are numbers and others text, or a method does not suit them.
    """
    texts = [one.value is None for one in given]
    if any(texts) and not all(texts):
        raise UsageError("some of these labels are numbers and others are text", hint="import them under two names")
    categories = tuple(sorted({str(one.label) for one in given})) if all(texts) else None
    code = {text: float(place) for place, text in enumerate(categories or ())}
    keys, raters = sorted({one.key for one in given}), sorted({one.rater for one in given})
    row, column = {rater: place for place, rater in enumerate(raters)}, {key: place for place, key in enumerate(keys)}
    ratings, chances = np.full((len(raters), len(keys)), np.nan), np.full(len(keys), np.nan)
    for one in given:
        ratings[row[one.rater], column[one.key]] = code[str(one.label)] if one.value is None else one.value
        if one.chance is not None:
            chances[column[one.key]] = one.chance
    discrete = categories is not None or bool(np.isin(ratings[~np.isnan(ratings)], (0.0, 1.0)).all())
    if how == "mean" and categories is not None:
        raise UsageError("texts have no mean", hint="--consensus majority, or dawid-skene")
    chosen: How = how or ("majority" if discrete else "mean")
    values, method, why = (np.nanmean(ratings, axis=0), "mean", None) if chosen == "mean" else _vote(ratings, chosen)
    kept = ~np.isnan(values)
    dropped = Counter({"tied": int((~kept).sum())})
    held = [key for key, keep in zip(keys, kept, strict=True) if keep]
    return Truths(held, values[kept], ratings[:, kept], raters=raters, chances=chances[kept], categories=categories, method=method, dropped=+dropped, why=why)


def _vote(ratings: Floats, how: How) -> tuple[Floats, str, str | None]:
    """The likeliest level of each record (NaN: tied), how it was found, and what spoke against the method asked for."""
    levels, codes = np.unique(ratings[~np.isnan(ratings)], return_inverse=True)
    if len(levels) > MOST_CLASSES:
        raise UsageError(f"labels have {len(levels)} different values: no majority among so many", hint="--consensus mean")
    coded = np.full(ratings.shape, -1, dtype=np.int64)
    coded[~np.isnan(ratings)] = codes
    why = None
    if how == "dawid-skene":
        found = dawid_skene(coded.T, len(levels))
        shares, method, why = found.shares, found.method, found.why
    else:
        shares, method = (coded.T[:, :, None] == np.arange(len(levels))).sum(axis=1).astype(float), "majority"
    best = shares.max(axis=1, keepdims=True)
    tied = (shares >= best - 1e-12).sum(axis=1) > 1
    return np.where(tied, np.nan, levels[shares.argmax(axis=1)]), method, why
