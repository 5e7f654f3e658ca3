"""A worker process: reads tasks as JSON lines, scores shards, writes score files, answers JSON lines.

Started by local.py with its own interpreter, so that no state, lock or file handle of the parent
comes along. It ends when its input ends: a parent that was killed leaves no worker behind.
"""

import json
import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from judgecli.catalog import Spec, bind
from judgecli.engine.columns import needed_columns
from judgecli.engine.shard import score_table
from judgecli.errors import JudgeError
from judgecli.scorer import Metric
from judgecli.store import tables


def score_shard(root: Path, shard: str, metrics: Sequence[Metric]) -> int:
    """Score one stored shard and publish its score file; returns its rows."""
    path = root / "records" / f"{shard}.parquet"
    records = tables.read_parquet(path, needed_columns(metrics))
    scores = score_table(records, metrics)
    tables.write_scores(root, shard, scores, [metric_info(metric) for metric in metrics])
    return int(records.num_rows)


def metric_info(metric: Metric) -> tables.MetricInfo:
    """What a score file says of this metric."""
    scorer = metric.scorer
    return tables.MetricInfo(metric.name, metric.identity, scorer.kind, scorer.range, scorer.higher_is_better, scorer.version)


def main() -> None:
    """Serve tasks until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a scorer prints must not look like an answer
    tasks = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)  # what a scorer reads must not be our tasks
    for line in _lines_until_end(tasks):
        task = json.loads(line)
        answers.write(json.dumps(_answer(task)) + "\n")
        answers.flush()


def _lines_until_end(stream: IO[str]) -> Iterator[str]:
    """Lines as they come. When they end this process ends at once, in the middle of a task too: whoever asked for it is gone."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def _answer(task: dict[str, object]) -> dict[str, object]:
    try:
        metrics = [bind(Spec(**spec)) for spec in task["specs"]]  # type: ignore[attr-defined]
        return {"shard": task["shard"], "rows": score_shard(Path(str(task["root"])), str(task["shard"]), metrics)}
    except JudgeError as error:
        return {"shard": task["shard"], "error": str(error), "hint": error.hint, "exit_code": error.exit_code}
    except FileNotFoundError as error:
        return {"shard": task["shard"], "gone": str(error)}
    except Exception as error:  # noqa: BLE001 - the parent reports it as a bug of ours, with this traceback
        return {"shard": task["shard"], "bug": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
