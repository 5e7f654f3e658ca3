"""Window, for units other than records: what the store gives of sessions, prompts and outputs, made into rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from judgecli.signal import units
from judgecli.signal.cells import Cells, MetricCells
from judgecli.signal.comparisons import Outcome, outcome_items, without_contained
from judgecli.signal.diversity import cut_words
from judgecli.signal.served import split_models
from judgecli.signal.sessions import SessionMetrics, Turn, measure_session
from judgecli.signal.windows import SignalRow
from judgecli.store.comparisons import Compared, read_comparisons
from judgecli.store.folder import Store
from judgecli.store.units_query import GROUPED, SAMPLE, compared_records, output_sample, prompt_groups, session_turns
from judgecli.store.windows_query import WindowReduction

if TYPE_CHECKING:
    from judgecli.config.settings import Settings


def session_rows(store: Store, reduction: WindowReduction, cells: Cells, places: Sequence[int], settings: "Settings") -> list[SignalRow]:
    """Conversations, each in the window, segment and cluster of its first record; `places` are the rewards that are summed along it."""
    gamma = settings.project.value.gamma
    found = list(_sessions(store, reduction, places, gamma))
    rewards = [(reduction.metrics[place].name, reduction.metrics[place].identity) for place in places]
    return units.unit_rows(cells, units.session_metrics(found, rewards, gamma=gamma)) if found else []


def _sessions(store: Store, reduction: WindowReduction, places: Sequence[int], gamma: float) -> Iterator[tuple[int, int, SessionMetrics]]:
    of_row, table = session_turns(store, reduction, places)
    rows = zip(of_row.tolist(), _plain_rows(table), strict=True)
    for _, own in groupby(rows, key=lambda item: item[1]["session"]):
        turns = list(own)
        yield turns[0][0], turns[0][1]["cluster"], measure_session([_turn(row, places) for _, row in turns], gamma=gamma)


def _plain_rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _turn(row: dict[str, Any], places: Sequence[int]) -> Turn:
    values, reasons = tuple(row[f"v{place}"] for place in places), tuple(row[f"r{place}"] for place in places)
    return Turn(row["input"], row["output"], row["error"], (row["up"], row["down"]), values, reasons)


def prompt_rows(reduction: WindowReduction, cells: Cells, teaches: Sequence[str], settings: "Settings") -> list[SignalRow]:
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


def comparison_rows(store: Store, reduction: WindowReduction, cells: Cells, metrics: Sequence[tuple[str, str, str]]) -> list[SignalRow]:
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
            outcomes.append(Outcome(one.prompt, one.places, of_cell, of_segment, one.value, one.reason))
        items = outcome_items(outcomes, "pair" if unit == "pair" else "prompt")
        title = "pair.win_rate" if unit == "pair" else "prompt.best_share"
        if items:
            metric = units.unit_metric(f"{title}.{name}", unit, "number", True, items, scale=(0.0, 1.0), parameters=identity)
            found.append(replace(metric, served=_served(whole, place)))
    return units.unit_rows(cells, found) if found else []


def _served(compared: Sequence[Compared], place: Mapping[bytes, tuple[int, int]]) -> dict[int, list[str]]:
    """By cell, the models that judged its comparisons."""
    found: dict[int, set[str]] = {}
    for one in compared:
        for member in one.members if one.served_model else ():
            found.setdefault(place[member][0], set()).add(str(one.served_model))
    return {cell: split_models(models) for cell, models in found.items()}


def corpus_rows(reduction: WindowReduction, cells: Cells) -> list[SignalRow]:
    """The diversity of the outputs of each window and segment."""
    of_row, table = output_sample(reduction)
    samples: dict[int, units.CorpusSample] = {}
    for cell, own in groupby(zip(of_row.tolist(), _plain_rows(table), strict=True), key=lambda item: item[0]):
        rows = [(cut_words(row["output"]), row) for _, row in own]
        by_prompt = sorted((item for item in rows if item[1]["by_prompt"] <= GROUPED), key=lambda item: item[1]["by_prompt"])
        words = [text for text, row in rows if row["by_key"] <= SAMPLE]
        samples[cell] = units.CorpusSample(words, [text for text, _ in by_prompt], [row["prompt"] for _, row in by_prompt], cells.cells[cell].rows)
    return units.corpus_rows(cells, samples)
