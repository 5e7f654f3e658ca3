"""Window, for units other than records: what the store gives of sessions, prompts and outputs, made into rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from judgecli.evidence.work import Work
from judgecli.signal import units
from judgecli.signal.cells import MetricCells, WindowCells, duration
from judgecli.signal.compare.rivals import RivalOutcome, outcome_items, without_contained
from judgecli.signal.diversity import cut_words
from judgecli.signal.returns import Episode, episode_rows
from judgecli.signal.sessions import SessionMetrics, SessionTurn, measure_session
from judgecli.signal.windows import SignalRow
from judgecli.store.comparisons import KeptComparison, read_comparisons
from judgecli.store.folder import Store
from judgecli.store.units_query import GROUPED, SAMPLE, compared_records, output_sample, prompt_groups, session_rewards, session_turns
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


def session_rows(work: Work, reduction: WindowReduction, cells: WindowCells, places: Sequence[int]) -> list[SignalRow]:
    """Conversations, each in the window, segment and cluster of its first record; `places` are the rewards that are summed along it."""
    found = list(_sessions(work.store, reduction))
    return units.unit_rows(cells, units.session_metrics(found)) + episode_rows_of(reduction, cells, places, work.settings) if found else []


def episode_rows_of(reduction: WindowReduction, cells: WindowCells, places: Sequence[int], settings: "Settings") -> list[SignalRow]:
    """Returns with value and advantage, and TD errors, of the rewards at these places; no text is read."""
    if not places:
        return []
    value = settings.project.value
    half_life_us = duration(value.half_life).total_seconds() * 1e6
    of_row, table = session_rewards(reduction, places)
    sessions = table.column("session").combine_chunks().dictionary_encode().indices.to_numpy()
    edges = [*np.flatnonzero(np.r_[True, np.diff(sessions) != 0]).tolist(), len(sessions)] if len(sessions) else []
    clusters, times = table.column("cluster").to_pylist(), table.column("moment").to_pylist()
    rows: list[SignalRow] = []
    for place in places:
        metric = reduction.metrics[place]
        rewards, reasons = table.column(f"v{place}").to_pylist(), table.column(f"r{place}").to_pylist()
        episodes = [Episode(int(of_row[at]), clusters[at], times[at], rewards[at:end], reasons[at:end]) for at, end in pairwise(edges)]
        if episodes:
            known = {"better": True if metric.higher_is_better is None else metric.higher_is_better, "gamma": value.gamma}
            rows += episode_rows(cells, episodes, metric.name, metric.identity, half_life_us=half_life_us, prior=value.prior, **known)  # type: ignore[arg-type]
    return rows


def _sessions(store: Store, reduction: WindowReduction) -> Iterator[tuple[int, int, SessionMetrics]]:
    of_row, table = session_turns(store, reduction)
    rows = zip(of_row.tolist(), _plain_rows(table), strict=True)
    for _, own in groupby(rows, key=lambda item: item[1]["session"]):
        turns = list(own)
        yield turns[0][0], turns[0][1]["cluster"], measure_session([_turn(row) for _, row in turns])


def _plain_rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _turn(row: dict[str, Any]) -> SessionTurn:
    return SessionTurn(row["input"], row["output"], row["error"], (row["up"], row["down"]))


def prompt_rows(reduction: WindowReduction, cells: WindowCells, teaches: Sequence[str], settings: "Settings") -> list[SignalRow]:
    """Prompt groups of each window and segment; `teaches` names the metrics whose signal density is asked; pass@k is of rates where 1 is good."""
    passing = [place for place, metric in enumerate(reduction.metrics) if metric.kind == "rate" and metric.higher_is_better]
    places = [place for place, metric in enumerate(reduction.metrics) if place in passing or (metric.name in teaches and metric.kind != "category")]
    of_row, table = prompt_groups(reduction, places, settings.group)
    if table.num_rows == 0:
        return []
    of_cell, prompts = of_row.tolist(), table.column("prompt").to_pylist()
    groups = {}
    for place in places:
        metric = reduction.metrics[place]
        parts = (table.column(f"{part}{place}").to_pylist() for part in "ncolh")
        own = [units.PromptGroup(*row) for row in zip(of_cell, prompts, *parts, strict=True)]
        groups[metric.name, metric.identity, "rate" if place in passing else "number"] = [group for group in own if group.scored]
    sizes = list(zip(of_cell, prompts, table.column("n").to_pylist(), strict=True))
    return units.unit_rows(cells, units.prompt_metrics({key: own for key, own in groups.items() if own}, sizes, teaches))


def comparison_rows(store: Store, reduction: WindowReduction, cells: WindowCells, metrics: Sequence[tuple[str, str, str]]) -> list[SignalRow]:
    """pair.win_rate.NAME and prompt.best_share.NAME of each window and segment, from (name, identity, unit); comparisons with a record
    that is not selected are left out, and so are lists that a longer list contains."""
    found: list[MetricCells] = []
    for name, identity, unit in metrics:
        compared = list(read_comparisons(store.ledger, identity))
        place = compared_records(reduction, list({member for one in compared for member in one.members}))
        whole = [one for one in compared if all(member in place for member in one.members)]
        if unit == "prompt":
            whole = [whole[kept] for kept in without_contained([one.members for one in whole])]
        outcomes = []
        for one in whole:
            of_cell, of_segment = zip(*(place[member] for member in one.members), strict=True)
            outcomes.append(RivalOutcome(one.prompt, one.places, of_cell, of_segment, one.value, one.reason))
        items = outcome_items(outcomes, "pair" if unit == "pair" else "prompt")
        title = "pair.win_rate" if unit == "pair" else "prompt.best_share"
        if items:
            metric = units.unit_metric(f"{title}.{name}", unit, "number", True, items, scale=(0.0, 1.0), parameters=identity)
            found.append(replace(metric, served=_served(whole, place)))
    return units.unit_rows(cells, found) if found else []


def _served(compared: Sequence[KeptComparison], place: Mapping[bytes, tuple[int, int]]) -> dict[int, list[str]]:
    """By cell, the models that judged its comparisons."""
    found: dict[int, set[str]] = {}
    for one in compared:
        for member in one.members if one.served_model else ():
            found.setdefault(place[member][0], set()).add(str(one.served_model))
    return {cell: sorted(models) for cell, models in found.items()}


def corpus_rows(reduction: WindowReduction, cells: WindowCells) -> list[SignalRow]:
    """The diversity of the outputs of each window and segment."""
    of_row, table = output_sample(reduction)
    samples: dict[int, units.CorpusSample] = {}
    for cell, own in groupby(zip(of_row.tolist(), _plain_rows(table), strict=True), key=lambda item: item[0]):
        rows = [(cut_words(row["output"]), row) for _, row in own]
        by_prompt = sorted((item for item in rows if item[1]["by_prompt"] <= GROUPED), key=lambda item: item[1]["by_prompt"])
        words = [text for text, row in rows if row["by_key"] <= SAMPLE]
        samples[cell] = units.CorpusSample(words, [text for text, _ in by_prompt], [row["prompt"] for _, row in by_prompt], cells.cells[cell].rows)
    return units.corpus_rows(cells, samples)
