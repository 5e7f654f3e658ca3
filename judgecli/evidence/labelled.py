"""The labels of the store as preferences: what users' and raters' thumbs say of the answers that they stand at."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from judgecli.evidence.answered import DEFAULT_SOURCES, AnsweredRecords, find_candidates
from judgecli.evidence.work import Work
from judgecli.labels import conversation
from judgecli.labels.conversation import Message, conversation_of
from judgecli.labels.pairs import TrainingCandidate
from judgecli.labels.rating import RatingScale
from judgecli.readers.preferences import repetition_notes, with_secrets
from judgecli.reward_model.dialogue import dialogue_text
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences
from judgecli.store.labels import flagged_keys, read_thumbs

if TYPE_CHECKING:
    pass

SAID = ("model", "prompt_version")  # become tags

Texts = Mapping[bytes, tuple[str, str, dict[str, str]]]  # key -> prompt, answer, tags


def read_labelled(
    work: Work, *, on: str | None = None, sources: Sequence[str] = DEFAULT_SOURCES, labels: Sequence[str] = (), scale: RatingScale | None = None
) -> Preferences:
    """The preferences that labels of the store hold, for these kinds of raters; `scale` is that of their ratings, where it is named.

    Where labels call some answers to a prompt good and others bad, every good one is preferred to every bad one
    (the pairs of a prompt weigh 1 together); all other labelled answers are verdicts. Records that cannot be
    trained on, contradict themselves or hold secrets are dropped by reason: read = comparisons + verdicts + dropped.
    Raises: UnknownName, UsageError (several labels hold thumbs and none is named), StoreError.
    """
    selection = work.select(on)
    thumbs = read_thumbs(work.store, sources, labels, scale=scale)
    records = AnsweredRecords(work.store, selection, None)
    candidates, dropped = find_candidates(records, thumbs, flagged_keys(work.store, selection.scope.shards), standard=False)
    texts = _texts(records, candidates)
    dropped += thumbs.dropped
    comparisons, verdicts = _items(candidates, texts, dropped)
    secret = with_secrets([*comparisons, *verdicts])
    dropped["secret"] += len(secret)
    kept = [one for one in comparisons if id(one) not in secret], [one for one in verdicts if id(one) not in secret]
    read = len(comparisons) + len(verdicts) + dropped.total() - len(secret)
    return Preferences(*kept, dropped=+dropped, notes=repetition_notes(*kept), read=read)


def _texts(records: AnsweredRecords, candidates: Sequence[TrainingCandidate]) -> Texts:
    wanted = pa.array(sorted({one.key for one in candidates}), pa.binary(16))
    found = {}
    for table in records([*conversation.COLUMNS, *SAID]):
        for row in table.filter(pc.is_in(table["key"], wanted)).to_pylist():
            talk = conversation_of(row)
            tags = {name: row[name] for name in SAID if row[name] is not None}
            found[row["key"]] = (_told(talk.prompt), _answer(talk.completion), tags)
    return found


def _items(candidates: Sequence[TrainingCandidate], texts: Texts, dropped: Counter[str]) -> tuple[list[PreferencePair], list[GoodOrBad]]:
    comparisons: list[PreferencePair] = []
    verdicts: list[GoodOrBad] = []
    groups: dict[bytes, list[TrainingCandidate]] = {}
    for one in candidates:
        if texts[one.key][1].strip():
            groups.setdefault(one.state, []).append(one)
        else:
            dropped["empty_text"] += 1
    for group in groups.values():
        good, bad = ([one for one in group if one.verdict is said] for said in (True, False))
        pairs = [(better, worse) for better in good for worse in bad if better.text != worse.text]
        same = len(good) * len(bad) - len(pairs)
        if same:
            dropped["raters_disagree"] += same
        for better, worse in pairs:
            (prompt, chosen, tags), (_, rejected, _) = texts[better.key], texts[worse.key]
            source = "+".join(sorted({better.source, worse.source}))
            comparisons.append(PreferencePair(prompt, chosen, rejected, weight=1 / len(pairs), tags=tags, source=source))
        if not (good and bad):
            verdicts += [GoodOrBad(texts[one.key][0], texts[one.key][1], float(bool(one.verdict)), tags=texts[one.key][2], source=one.source) for one in group]
    return comparisons, verdicts


def _told(messages: Sequence[Message]) -> str:
    return dialogue_text([(message["role"], _said(message)) for message in messages])


def _answer(messages: Sequence[Message]) -> str:
    return _said(messages[0]) if len(messages) == 1 else _told(messages)


def _said(message: Message) -> str:
    """What a message says: its text, then its tool calls."""
    calls = [_call(call["function"]) for call in message.get("tool_calls", ())]
    return "\n".join([*([message["content"]] if message.get("content") else []), *calls])


def _call(function: Mapping[str, Any]) -> str:
    import orjson

    return f"{function['name']}({orjson.dumps(function['arguments']).decode()})"
