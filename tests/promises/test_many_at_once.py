"""P7: several processes on one store with overlapping logs: no "locked", every line in one state, the same table for all."""

import json
import time
from pathlib import Path

import pytest
from promise_runs import Bench, check_quiet, check_whole, finish, run_here, score_words, start

SEED = 20_260_907
ROWS = 300


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("many"), files=4, records=3_000, seed=SEED, rows=ROWS)


def _score_together(bench: Bench, store: str, count: int, *, watch: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """`count` runs at once, each beginning with another file; every one ends with the table of a run alone."""
    orders = [[*bench.logs[turn % 4 :], *bench.logs[: turn % 4]] for turn in range(count)]
    runs = [start(score_words(logs, store, "--json"), bench.folder, rows=ROWS) for logs in orders]
    while watch and any(process.poll() is None for process in runs):
        if (bench.folder / store / "ledger.db").exists():
            seen = finish(start(["store", "info", "--store", store, "--json"], bench.folder))
            assert seen.code == 0, seen.err
            assert json.loads(seen.out)["records"] <= bench.counts["accepted"]
        time.sleep(0.05)
    new = 0
    for process in runs:
        found = finish(process)
        check_quiet(found)
        assert found.code == 0, found.err
        assert "locked" not in found.err
        document = json.loads(found.out)
        new += document["records"]["new"]
        assert document["metrics"] == bench.metrics
        assert {**document["records"], "new": None} == bench.counts
    assert new == bench.counts["accepted"], "a record was stored twice, or not at all"
    check_whole(bench.folder / store)
    last = run_here(score_words(bench.logs, store, "--json"), bench.folder, capsys)
    assert json.loads(last.out)["metrics"] == bench.metrics
    assert json.loads(last.out)["records"]["new"] == 0
    bench.drop(store)


def test_four_runs_at_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _score_together(bench, "four", 4, watch=False, capsys=capsys)


@pytest.mark.long
def test_ten_runs_at_once_beside_a_loop_of_info(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for turn in range(20):
        _score_together(bench, f"ten{turn}", 10, watch=True, capsys=capsys)


def test_a_second_run_of_other_files_counts_what_the_first_gave(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "shared")
    parts = [bench.logs[:3], bench.logs[1:]]
    runs = [start(score_words(logs, store, "--json"), bench.folder, rows=ROWS) for logs in parts]
    together = [json.loads(finish(process).out) for process in runs]
    for logs, document in zip(parts, together, strict=True):
        alone = json.loads(run_here(score_words(logs, str(tmp_path / logs[0]), "--json"), bench.folder, capsys).out)
        assert document["metrics"] == alone["metrics"]
        assert {**document["records"], "new": None} == {**alone["records"], "new": None}
    check_whole(Path(store))
