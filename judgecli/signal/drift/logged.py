"""What a log says of its records beside scores and texts: columns of few values, by which a change can be taken apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from judgecli.arrays import Bools, Floats, Integers
from judgecli.signal.traits import language_guess, length_bucket

MOST_VALUES = 50  # of a column: more are no kinds but names
LANGUAGE, LENGTH = "input language", "input length"
SHIFTED = 0.1  # share of records that have to move before a column of the app counts as changed


@dataclass(frozen=True)
class LoggedColumn:
    """One column: the code of every record from 0 up, and what each code says (None: nothing was logged).

    `app` tells that it names a variant of the app (model, prompt_version, `policy:`), so that its mix is no traffic.
    """

    name: str
    codes: Integers
    values: Sequence[str | None]
    app: bool = False


@dataclass(frozen=True)
class Logged:
    """N records: which are current, cluster codes from 0 up, columns by name, by metric a value (NaN = none), and a code of every prompt (None: not known)."""

    current: Bools
    clusters: Integers
    columns: Sequence[LoggedColumn]
    values: Mapping[str, Floats]
    prompts: Integers | None = None

    def part(self, own: Bools) -> "Logged":
        """Some of the records; codes stay as they are."""
        return Logged(
            self.current[own],
            self.clusters[own],
            [LoggedColumn(column.name, column.codes[own], column.values, column.app) for column in self.columns],
            {name: values[own] for name, values in self.values.items()},
            None if self.prompts is None else self.prompts[own],
        )

    def where(self, segment: Mapping[str, str | None]) -> Bools | None:
        """Which records have these values; None where a column is not there."""
        own = np.ones(len(self.current), dtype=bool)
        for name, value in segment.items():
            column = next((column for column in self.columns if column.name == name), None)
            if column is None or value not in column.values:
                return None
            own &= column.codes == column.values.index(value)
        return own


def coded(name: str, values: Sequence[str | None], *, app: bool = False) -> LoggedColumn | None:
    """A column of texts as codes in the order of their values; None where it has one value, or too many.

    >>> found = coded("tags.country", ["de", None, "de"])
    >>> found.codes.tolist(), found.values
    ([1, 0, 1], [None, 'de'])
    """
    distinct = set(values)
    if not 1 < len(distinct) <= MOST_VALUES:
        return None
    ordered = sorted(distinct, key=lambda value: (value is not None, value or ""))
    place = {value: number for number, value in enumerate(ordered)}
    return LoggedColumn(name, np.array([place[value] for value in values], dtype=np.int64), ordered, app)


def input_columns(inputs: Sequence[str | None]) -> list[LoggedColumn]:
    """Language and length of the input of every record; none where no record has an input."""
    if all(text is None for text in inputs):
        return []
    told = ((LANGUAGE, language_guess), (LENGTH, length_bucket))
    made = [coded(name, [None if text is None else measure(text) for text in inputs]) for name, measure in told]
    return [column for column in made if column is not None]


@dataclass(frozen=True)
class Switched:
    """A column of the app whose values stand for other shares of the records now: by value the share before and now, the largest move first."""

    column: str
    shares: Sequence[tuple[str | None, float, float]]


def switched(logged: Logged) -> list[Switched]:
    """The columns of the app that changed between the sides."""
    found = []
    for column in logged.columns:
        if not column.app or logged.current.all() or not logged.current.any():
            continue
        old, new = (np.bincount(column.codes[side], minlength=len(column.values)) / side.sum() for side in (~logged.current, logged.current))
        if float(np.abs(new - old).sum()) / 2 >= SHIFTED:
            order = sorted(range(len(column.values)), key=lambda code: (-abs(float(new[code] - old[code])), code))
            found.append(Switched(column.name, [(column.values[code], float(old[code]), float(new[code])) for code in order]))
    return found
