"""Which records become training data: pairs (a better and a worse answer to the same prompt) and single examples (good or bad).

A user's or a rater's verdict wins over a reward. Every record that was looked at is either used or
dropped for exactly one reason: candidates = used + dropped.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

GROUP_PAIRS = 10_000  # with all pairs wanted, so many of one prompt at most: a prompt of 1,000 answers has 499,500
DIGITS = 12  # gaps are compared and written in units of 10**-12, so that 0.7 - 0.5 reaches 0.2

Basis = Literal["label", "reward"]

# Why something did not become training data. All count records; those of a label alone say so.
DROPPED = {
    "flagged": "marked as an attempt to influence a judge (injection_suspected)",
    "app_error": "the app logged an error",
    "no_output": "there is no answer",
    "no_prompt": "there is no question, or it does not end with one",
    "media": "images, sound or files, which a text trainer cannot read",
    "unknown_role": "a message of a role that no chat template has",
    "bad_tool_call": "a tool call without a name or without an object of arguments",
    "not_plain": "more than one question and one answer: no plain text (--standard)",
    "conflicting_labels": "labels of the same record that disagree",
    "raters_disagree": "the same answer to the same prompt was called good and bad",
    "label_disagrees": "the reward prefers what a label calls worse",
    "no_opposite": "no answer to the same prompt to compare with",
    "small_margin": "the rewards of its prompt lie closer than the margin",
    "equal_texts": "the best and the worst answer are the same text",
    "not_chosen": "another pair or example stands for its prompt",
    "between_thresholds": "the reward is neither good enough nor bad enough",
    "no_thumb": "a label (not a record) that is no thumb and no rating, or of a name that was not asked for",
    "neutral": "a label (not a record) that says neither good nor bad, or lies beyond its scale",
    "no_record": "a label (not a record) of which the store has no answer",
    "shared_id": "a label (not a record) whose id several records have",
}


@dataclass(frozen=True, slots=True)
class TrainingCandidate:
    """A record that may be used. `state` is equal where the prompt is, `text` where the answer is (conversation.py).

    `verdict` is what labels say (None: nothing), `source` who said it; `reward` is in [0, 1], higher is better.
    """

    key: bytes
    state: bytes
    text: bytes
    question: bytes
    verdict: bool | None = None
    source: str = ""
    reward: float | None = None
    has_tools: bool = False


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """A better and a worse answer. `margin` is the gap of their rewards; of labels it is 1 (up is 1, down is 0)."""

    chosen: TrainingCandidate
    rejected: TrainingCandidate
    margin: float
    basis: Basis

    @property
    def source(self) -> str:
        """Who said so: a rater kind, two of them, or `reward`."""
        return "reward" if self.basis == "reward" else "+".join(sorted({self.chosen.source, self.rejected.source}))


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One answer that is good or bad by itself."""

    record: TrainingCandidate
    good: bool
    basis: Basis

    @property
    def source(self) -> str:
        """Who said so: a rater kind, or `reward`."""
        return "reward" if self.basis == "reward" else self.record.source


def choose_pairs(candidates: Iterable[TrainingCandidate], *, min_margin: float, all_pairs: bool = False) -> tuple[list[TrainingPair], Counter[str]]:
    """The pairs within each prompt, and the records dropped by reason.

    Where labels call some answers good and others bad, one of each; else the answers with the best and
    the worst reward, at least `min_margin` apart. With `all_pairs` every such combination of different texts.
    """
    pairs: list[TrainingPair] = []
    dropped: Counter[str] = Counter()
    for group in _groups(candidates):
        agreed = _without_disagreement(group, dropped)
        good, bad = ([one for one in agreed if one.verdict is said] for said in (True, False))
        found, reason = (_labelled(good, bad, all_pairs), "not_chosen") if good and bad else _rewarded(agreed, min_margin, all_pairs)
        used = {one.key for pair in found for one in (pair.chosen, pair.rejected)}
        for one in agreed:
            if one.key not in used:
                dropped[reason if reason == "not_chosen" or one.reward is not None else "no_opposite"] += 1
        pairs += found
    return pairs, dropped


def choose_examples(candidates: Iterable[TrainingCandidate], *, good: float | None, bad: float | None) -> tuple[list[TrainingExample], Counter[str]]:
    """Each answer that is good or bad by itself, once a text, and the records dropped by reason.

    A label decides; without one, a reward of at least `good` or at most `bad` (None: rewards do not decide that side).
    """
    examples: list[TrainingExample] = []
    dropped: Counter[str] = Counter()
    for group in _groups(candidates):
        judged = [(one, _judged(one, good, bad)) for one in group]
        dropped["between_thresholds"] += sum(said is None for _, said in judged)
        said_of: dict[bytes, set[bool]] = {}
        for one, said in judged:
            if said is not None:
                said_of.setdefault(one.text, set()).add(said)
        seen: set[bytes] = set()
        for one, said in judged:
            if said is None:
                continue
            if len(said_of[one.text]) > 1:
                dropped["raters_disagree"] += 1
            elif one.text in seen:
                dropped["not_chosen"] += 1
            else:
                seen.add(one.text)
                examples.append(TrainingExample(one, said, "reward" if one.verdict is None else "label"))
    return examples, +dropped


def in_validation(question: bytes, share: float) -> bool:
    """Whether a prompt belongs to the validation part: by its hash, so that a prompt is never in both and stays where it is."""
    place = int.from_bytes(hashlib.blake2b(question, digest_size=8, person=b"judge.split").digest(), "big")
    return place < share * 2**64


def settle(verdicts: Sequence[tuple[str, bool]]) -> tuple[bool | None, str]:
    """What labels (source, up or down) say of one record, and who; (None, "") where they disagree."""
    said = {verdict for _, verdict in verdicts}
    return (said.pop(), "+".join(sorted({source for source, _ in verdicts}))) if len(said) == 1 else (None, "")


def _groups(candidates: Iterable[TrainingCandidate]) -> Iterator[list[TrainingCandidate]]:
    """The records of each prompt, in an order that no shard changes."""
    groups: dict[bytes, list[TrainingCandidate]] = {}
    for one in candidates:
        groups.setdefault(one.state, []).append(one)
    for state in sorted(groups):
        yield sorted(groups[state], key=lambda one: one.key)


def _without_disagreement(group: Sequence[TrainingCandidate], dropped: Counter[str]) -> list[TrainingCandidate]:
    """The records whose text is not called good here and bad there."""
    said_of: dict[bytes, set[bool]] = {}
    for one in group:
        if one.verdict is not None:
            said_of.setdefault(one.text, set()).add(one.verdict)
    agreed = [one for one in group if len(said_of.get(one.text, ())) < 2]
    if len(agreed) < len(group):
        dropped["raters_disagree"] += len(group) - len(agreed)
    return agreed


def _labelled(good: Sequence[TrainingCandidate], bad: Sequence[TrainingCandidate], all_pairs: bool) -> list[TrainingPair]:
    found = (TrainingPair(better, worse, 1.0, "label") for better in good for worse in bad)
    return list(islice(_different(found), GROUP_PAIRS if all_pairs else 1))


def _rewarded(group: Sequence[TrainingCandidate], min_margin: float, all_pairs: bool) -> tuple[list[TrainingPair], str]:
    """The pairs by reward, and why the rest of the group is in none."""
    rewarded = [one for one in group if one.reward is not None]
    ranked = sorted(rewarded, key=lambda one: (-_reward(one), one.key))
    if len(ranked) < 2 or _gap(ranked[0], ranked[-1]) < min_margin or _gap(ranked[0], ranked[-1]) <= 0:
        return [], "small_margin" if len(ranked) > 1 else "no_opposite"
    better = [one for one in ranked if one.verdict is not False]
    worse = sorted((one for one in rewarded if one.verdict is not True), key=lambda one: (_reward(one), one.key))
    if not all_pairs:
        better, worse = better[:1], worse[:1]
    apart = [TrainingPair(up, down, _gap(up, down), "reward") for up, down in _apart(better, worse, min_margin)]
    if not apart:
        return [], "label_disagrees"
    found = list(_different(apart))
    return found, "not_chosen" if found else "equal_texts"


def _apart(better: Sequence[TrainingCandidate], worse: Sequence[TrainingCandidate], min_margin: float) -> Iterator[tuple[TrainingCandidate, TrainingCandidate]]:
    """Best with worst first; at most GROUP_PAIRS."""
    found = ((up, down) for up in better for down in worse if _gap(up, down) >= min_margin and _gap(up, down) > 0)
    return islice(found, GROUP_PAIRS)


def _different(pairs: Iterable[TrainingPair]) -> Iterator[TrainingPair]:
    """The pairs whose two texts differ, each two texts once."""
    seen: set[tuple[bytes, bytes]] = set()
    for pair in pairs:
        texts = (pair.chosen.text, pair.rejected.text)
        if texts[0] != texts[1] and texts not in seen:
            seen.add(texts)
            yield pair


def _judged(one: TrainingCandidate, good: float | None, bad: float | None) -> bool | None:
    if one.verdict is not None:
        return one.verdict
    if one.reward is None:
        return None
    return True if good is not None and one.reward >= good else False if bad is not None and one.reward <= bad else None


def _reward(one: TrainingCandidate) -> float:
    assert one.reward is not None
    return one.reward


def _gap(better: TrainingCandidate, worse: TrainingCandidate) -> float:
    return round(_reward(better) - _reward(worse), DIGITS)
