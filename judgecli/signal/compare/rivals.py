"""Which answers to one prompt are compared with one another, and what came of it for each of them."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MOST_ANSWERS = 20  # of one prompt
SYSTEM = ("system", "developer")

RivalKind = Literal["pair", "prompt"]


@dataclass(frozen=True, slots=True)
class RivalAnswer:
    """One record: its prompt, the history before it (`history_of`), the policy that gave it, and what it says."""

    key: bytes
    prompt: int
    history: bytes
    policy: tuple[str | None, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RivalPair:
    """Answers to one prompt that are put side by side, ordered by key.

    `members` are places among the answers it was made of; `places` says which of the shown texts each of them gave, from 1: equal
    texts of a list are shown once.
    """

    key: bytes
    prompt: int
    members: tuple[int, ...]
    places: tuple[int, ...]


def history_of(messages: Sequence[Mapping[str, object]] | None) -> bytes:
    """A hash of the conversation before the last user message, without system messages, in lower case with single spaces; empty where there is none."""
    said = [(message.get("role"), message.get("parts")) for message in messages or () if message.get("role") not in SYSTEM]
    if said and said[-1][0] == "user":
        said.pop()
    if not said:
        return b""
    return hashlib.blake2b(" ".join(json.dumps(said, default=str).casefold().split()).encode(), digest_size=16).digest()


def without_system(messages: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """The messages that are no instructions of the app."""
    return [message for message in messages if message.get("role") not in SYSTEM]


def comparisons_of(answers: Sequence[RivalAnswer], kind: RivalKind) -> Iterator[RivalPair]:
    """The comparisons of answers that share a prompt and a history: pairs, or one list of each prompt.

    Pairs are of different policies; where all answers to a prompt come from one policy, of any two of
    them. Of more than 20 answers those with the smallest keys are taken (`left_out` counts the rest).
    """
    for group in _groups(answers):
        taken = group[:MOST_ANSWERS]
        if kind == "prompt":
            yield _comparison(answers, taken, kind)
            continue
        several = len({answers[place].policy for place in taken}) > 1
        for first, second in itertools.combinations(taken, 2):
            if not several or answers[first].policy != answers[second].policy:
                yield _comparison(answers, (first, second), kind)


def left_out(answers: Sequence[RivalAnswer]) -> int:
    """How many answers are in no comparison because their prompt has more than 20."""
    return sum(max(0, len(group) - MOST_ANSWERS) for group in _groups(answers))


def _groups(answers: Sequence[RivalAnswer]) -> list[list[int]]:
    """The places of answers that can be compared, each group ordered by key."""
    groups: dict[tuple[int, bytes], list[int]] = {}
    for place in sorted(range(len(answers)), key=lambda place: answers[place].key):
        groups.setdefault((answers[place].prompt, answers[place].history), []).append(place)
    return [groups[name] for name in sorted(groups) if len(groups[name]) > 1]


def _comparison(answers: Sequence[RivalAnswer], members: Sequence[int], kind: RivalKind) -> RivalPair:
    prompt = answers[members[0]].prompt
    said = b"".join(answers[member].key for member in members)
    key = hashlib.blake2b(said, digest_size=16, person=kind.encode()).digest()
    if kind == "pair":  # each text in its own place, equal or not
        return RivalPair(key, prompt, tuple(members), (1, 2))
    shown = {text: place for place, text in enumerate(dict.fromkeys(answers[member].text for member in members), 1)}
    return RivalPair(key, prompt, tuple(members), tuple(shown[answers[member].text] for member in members))


def without_contained(lists: Sequence[tuple[bytes, ...]]) -> list[int]:
    """The places of lists that no longer list contains: once more answers to a prompt are known, the list of fewer counts no more."""
    of_member: dict[bytes, list[int]] = {}
    sets = [frozenset(members) for members in lists]
    for place, members in enumerate(lists):
        for member in members:
            of_member.setdefault(member, []).append(place)
    return [place for place, own in enumerate(sets) if not any(own < sets[other] for other in of_member.get(lists[place][0], ()))]


def shares(kind: str, value: float, places: Sequence[int]) -> list[float]:
    """What each member won: of a pair the value and the rest of 1; of a list 1 for the best answer, divided among those who gave it.

    >>> shares("pair", 1.0, (1, 2)), shares("prompt", 2.0, (1, 2, 2))
    ([1.0, 0.0], [0.0, 0.5, 0.5])
    """
    if kind == "pair":
        return [value, 1.0 - value]
    best = round(value)
    return [(place == best) / max(1, list(places).count(best)) for place in places]


@dataclass(frozen=True, slots=True)
class RivalOutcome:
    """A comparison as it counts: its prompt, which text each member gave, the cell and the segment of each member, and a value or a reason."""

    prompt: int
    places: tuple[int, ...]
    cells: tuple[int, ...]
    segments: tuple[int, ...]
    value: float | None
    reason: str | None


def outcome_items(outcomes: Sequence[RivalOutcome], kind: RivalKind) -> list[tuple[int, int, float | str]]:
    """(cell, prompt, what it won or the reason) of every cell that takes part in a comparison of two or more segments.

    A comparison within one segment says nothing of segments and is no item. Of a list a cell wins what its answers won together.
    """
    items: list[tuple[int, int, float | str]] = []
    for one in outcomes:
        if len(set(one.segments)) < 2:
            continue
        won: dict[int, float] = dict.fromkeys(one.cells, 0.0)
        if one.value is None:
            items += [(cell, one.prompt, one.reason or "not_asked") for cell in won]
            continue
        for cell, share in zip(one.cells, shares(kind, one.value, one.places), strict=True):
            won[cell] += share
        items += [(cell, one.prompt, share) for cell, share in won.items()]
    return items
