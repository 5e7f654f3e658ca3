"""Sessions, prompts and corpora as rows of their own, by the window and segment of what they are made of."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from judgecli.signal import diversity
from judgecli.signal.cells import MetricCells, WindowCells
from judgecli.signal.groups import pass_all_k, pass_at_k
from judgecli.signal.sessions import SessionMetrics
from judgecli.signal.windows import SignalRow, window_signals

DRAWS = (1, 2, 4, 8)  # the k of pass@k
SESSION_METRICS: dict[str, tuple[str, bool | None]] = {  # kind and direction
    "turns": ("number", None),
    "user_repeats": ("number", False),
    "user_corrections": ("number", False),
    "thumbs_up": ("number", True),
    "thumbs_down": ("number", False),
    "abandoned": ("rate", False),
}


@dataclass(frozen=True)
class PromptGroup:
    """The outputs to one prompt in one cell under one metric: how many were scored, are 1, are neither 0 nor 1, and the ends."""

    cell: int
    prompt: int
    scored: int
    ones: int
    others: int
    least: float | None
    most: float | None


def unit_metric(
    name: str,
    unit: str,
    kind: str,
    direction: bool | None,
    items: Sequence[tuple[int, int, float | str]],
    *,
    scale: tuple[float | None, float | None] = (0.0, None),
    parameters: object = None,
) -> MetricCells:
    """One metric of a unit from (cell, cluster, value or reason) of every item; same result in any order of the items."""
    scored = sorted((cell, cluster, value) for cell, cluster, value in items if not isinstance(value, str))
    reasons: dict[int, dict[str, int]] = {}
    for cell, _, value in items:
        if isinstance(value, str):
            reasons.setdefault(cell, {})[value] = reasons.get(cell, {}).get(value, 0) + 1
    size = 1 + max((cell for cell, _, _ in items), default=-1)
    cells, clusters = (np.array([item[side] for item in scored], dtype=np.int64) for side in (0, 1))
    values = np.array([item[2] for item in scored], dtype=float)
    new = np.flatnonzero(np.r_[True, (np.diff(cells) != 0) | (np.diff(clusters) != 0)]) if len(scored) else np.empty(0, dtype=np.int64)
    return MetricCells(
        name=name,
        identity=_identity(name, parameters),
        kind=kind,
        scale=(0.0, 1.0) if kind == "rate" else scale,
        higher_is_better=direction,
        cells=cells[new],
        clusters=clusters[new],
        counts=np.diff(np.r_[new, len(scored)]),
        sums=np.add.reduceat(values, new) if len(new) else values,
        totals=np.bincount(cells, values, size).astype(float) if len(scored) else np.zeros(size),
        decayed_sums=np.zeros(size),
        decayed_counts=np.zeros(size),
        reasons=reasons,
        unit=unit,
    )


def unit_rows(cells: WindowCells, metrics: Sequence[MetricCells]) -> list[SignalRow]:
    """The rows of metrics made by `unit_metric`; they have no V."""
    return window_signals(replace(cells, metrics=[_padded(metric, len(cells.cells)) for metric in metrics]), half_life_us=1.0, prior=0.0)


def _padded(metric: MetricCells, size: int) -> MetricCells:
    def pad(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros(size - len(values))])

    return replace(metric, totals=pad(metric.totals), decayed_sums=pad(metric.decayed_sums), decayed_counts=pad(metric.decayed_counts))


def _identity(name: str, parameters: object) -> str:
    return hashlib.blake2b(json.dumps([name, 1, parameters], default=str).encode(), digest_size=8).hexdigest()


def session_metrics(sessions: Sequence[tuple[int, int, SessionMetrics]]) -> list[MetricCells]:
    """session.turns, ... of (cell, cluster, metrics) of every session."""
    found = []
    for name, (kind, direction) in SESSION_METRICS.items():
        items = [(cell, cluster, _number(getattr(measured, name), "not_applicable")) for cell, cluster, measured in sessions]
        found.append(unit_metric(f"session.{name}", "session", kind, direction, items))
    return found


def _number(value: float | bool | None, reason: str) -> float | str:
    return reason if value is None else float(value)


def prompt_metrics(
    groups: Mapping[tuple[str, str, str], Sequence[PromptGroup]], sizes: Sequence[tuple[int, int, int]], teaches: Sequence[str]
) -> list[MetricCells]:
    """prompt.group_size, and by (name, identity, kind): prompt.signal_density.NAME of the metrics in `teaches`, pass@k and pass^k of rates
    (each a chance from 0 to 1, so with Wilson's interval).

    `sizes` holds (cell, prompt, outputs). A group of one output has no density, one of fewer than k no pass@k,
    one with values between 0 and 1 neither.
    """
    found = [unit_metric("prompt.group_size", "prompt", "number", None, [(cell, prompt, float(size)) for cell, prompt, size in sizes])]
    for (name, identity, kind), own in groups.items():
        if name in teaches:
            items = [(one.cell, one.prompt, "not_applicable" if one.scored < 2 else float(one.least != one.most)) for one in own]
            found.append(unit_metric(f"prompt.signal_density.{name}", "prompt", "rate", True, items, parameters=identity))
        if kind == "rate":
            found += _passes(name, identity, own)
    return found


def _passes(name: str, identity: str, groups: Sequence[PromptGroup]) -> list[MetricCells]:
    found = []
    for title, chance in (("pass_at", pass_at_k), ("pass_all", pass_all_k)):
        for k in DRAWS:
            items = [(one.cell, one.prompt, _number(None if one.others else chance(one.scored, one.ones, k), "not_applicable")) for one in groups]
            if any(not isinstance(value, str) for _, _, value in items) and (title, k) != ("pass_all", 1):  # which is pass@1
                found.append(unit_metric(f"prompt.{title}_{k}.{name}", "prompt", "rate", True, items, parameters=[identity, k]))
    return found


@dataclass(frozen=True)
class CorpusSample:
    """A sample of the outputs of one cell (words, in the order of their hashes), and one by prompt; `outputs` counts all."""

    words: Sequence[Sequence[str]]
    grouped: Sequence[Sequence[str]]
    prompts: Sequence[int | None]
    outputs: int


def corpus_rows(cells: WindowCells, samples: Mapping[int, CorpusSample]) -> list[SignalRow]:
    """corpus.distinct_1, ... of each cell; novelty is against the first window of the same segment."""
    first: dict[tuple[str | None, ...], int] = {}
    for place in sorted(samples):
        if cells.cells[place].window is not None:
            first.setdefault(cells.cells[place].segment, place)
    found = []
    for name, (direction, measure) in CORPUS_METRICS.items():
        for place, sample in sorted(samples.items()):
            found.append(_corpus_row(cells, place, f"corpus.{name}", direction, measure(sample), sample))
    for place, sample in sorted(samples.items()):
        reference = first.get(cells.cells[place].segment)
        if reference is not None and reference != place:
            found.append(_corpus_row(cells, place, "corpus.novelty", True, diversity.novelty(sample.words, samples[reference].words), sample))
    return found


CORPUS_METRICS: dict[str, tuple[bool | None, Callable[[CorpusSample], diversity.MeasuredDiversity | None]]] = {
    "distinct_1": (True, lambda sample: diversity.distinct_n(sample.words, 1)),
    "distinct_2": (True, lambda sample: diversity.distinct_n(sample.words, 2)),
    "compression_ratio": (False, lambda sample: diversity.compression_ratio(sample.words)),
    "self_bleu": (False, lambda sample: diversity.self_bleu(sample.words)),
    "opener_share": (False, lambda sample: diversity.opener_share(sample.words)),
    "spread_within_prompt": (True, lambda sample: diversity.spread(sample.grouped, sample.prompts, same_prompt=True)),
    "spread_across_prompts": (True, lambda sample: diversity.spread(sample.grouped, sample.prompts, same_prompt=False)),
}


def _corpus_row(cells: WindowCells, place: int, name: str, direction: bool | None, made: diversity.MeasuredDiversity | None, sample: CorpusSample) -> SignalRow:
    cell = cells.cells[place]
    end = None if cell.window is None else cells.window.start(cell.window + 1)
    used = 0 if made is None else made.outputs
    rest = {} if used == sample.outputs else {"not_applicable" if made is None else "not_sampled": sample.outputs - used}
    nulls = ("se", "low", "high", "worst", "best", "value", "advantage", "regret")
    return SignalRow(
        window_start=None if cell.window is None else cells.window.start(cell.window),
        window_end=end,
        policy=dict(zip(cells.by, cell.segment, strict=True)),
        metric=name,
        n=used,
        unscored=rest,
        clusters=used,
        mean=None if made is None else made.value,
        **dict.fromkeys(nulls),  # type: ignore[arg-type]
        identity=_identity(name, [diversity.CUT, diversity.BUDGET, diversity.BLEU_SAMPLE, diversity.BLEU_WORDS]),
        late=cell.late,
        final=end is not None and cells.newest is not None and cells.newest - end >= cells.lateness,
        higher_is_better=direction,
        reasons=dict.fromkeys(nulls, "one number a corpus")
        | ({} if made is not None else {"mean": "too few outputs, or too short ones, for a sample of the fixed size"}),
        unit="corpus",
    )
