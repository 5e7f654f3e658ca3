"""What drift gathers batch by batch is what a plain loop over the rows counts, however rows are ordered and cut; no column needs pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from judgecli.stats.distances import BINS
from judgecli.store.drift_rows import DriftGathering, Extent


@pytest.mark.parametrize("order", ["runs", "mixed"])
@pytest.mark.parametrize("cuts", [[], [1, 700], list(range(97, 1000, 97))])
@pytest.mark.parametrize("segments", [1, 3])
def test_sums_and_grids_are_those_of_a_loop(order: str, cuts: list[int], segments: int) -> None:
    chance = np.random.default_rng(3)
    rows = 1000
    cluster = np.repeat(chance.integers(-(2**62), 2**62, rows // 4), 4)
    code = chance.integers(0, 2 * segments, rows).astype(np.int16)
    if order == "mixed":
        cluster = chance.permutation(cluster)
    else:
        code = np.repeat(code[::4], 4)
    values = [chance.random(rows).round(4), np.where(chance.random(rows) < 0.2, np.nan, chance.random(rows))]
    lost = (np.isnan(values[1]) & (chance.random(rows) < 0.5)).astype(np.int8)
    table = pa.table({"code": code, "cluster": cluster, "v0": values[0], "v1": values[1], "x1": lost})
    gathered = DriftGathering(segments, [Extent(), Extent()], [False, True], rows)
    for first, end in zip([0, *cuts], [*cuts, rows], strict=True):
        for batch in table.slice(first, end - first).combine_chunks().to_batches():
            gathered.add(batch)
    for seg in (None, *range(segments)):
        wanted = [(code % 2 == side) & (np.ones(rows, dtype=bool) if seg is None else code // 2 == seg) for side in (0, 1)]
        places = {key: place for place, key in enumerate(sorted({*cluster[wanted[0]].tolist(), *cluster[wanted[1]].tolist()}))}
        for m, scores in enumerate(values):
            for side in (0, 1):
                sums, counts, missing = np.zeros(len(places)), np.zeros(len(places)), np.zeros(len(places))
                grid = np.zeros(BINS)
                for place in np.flatnonzero(wanted[side]).tolist():
                    number = places[int(cluster[place])]
                    if np.isnan(scores[place]):
                        missing[number] += lost[place]
                    else:
                        sums[number] += scores[place]
                        counts[number] += 1
                        grid[round(scores[place] * (BINS - 1))] += 1
                found = gathered.side(m, seg, side)
                assert found[0] == pytest.approx(sums, abs=1e-11)
                assert found[1].tolist() == counts.tolist()
                assert found[2].tolist() == missing.tolist()
                assert (int(found[3].sum()), found[4]) == (int(wanted[side].sum()), pytest.approx(sums.sum(), abs=1e-9))
                shape = gathered.grid(m, seg)
                assert (shape.reference, shape.current)[side].sum(axis=0).tolist() == grid.tolist()


def test_gathering_leaves_pandas_out() -> None:
    """pyarrow would bring it: 33 MB of the 300 that drift may take."""
    code = (
        "import sys, numpy as np, duckdb, judgecli.pipeline.drift, judgecli.pipeline.alarms\n"
        "from judgecli.store.drift_rows import DriftGathering, Extent\n"
        "gathered = DriftGathering(1, [Extent()], [False], 4)\n"
        "query = 'SELECT CAST(range % 2 AS SMALLINT) AS code, range // 2 AS cluster, range / 4 AS v0 FROM range(4)'\n"
        "for batch in duckdb.connect().sql(query).to_arrow_reader(2): gathered.add(batch)\n"
        "assert gathered.side(0, None, 1)[4] == 1.0\n"
        "assert 'pandas' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_side_without_rows_is_nothing_however_often_it_is_asked_for() -> None:
    gathered = DriftGathering(1, [Extent()], [False], 2)
    gathered.add(pa.RecordBatch.from_pydict({"code": pa.array([0, 0], pa.int16()), "cluster": pa.array([7, 9]), "v0": pa.array([0.5, 1.0])}))
    for seg in (None, 0, None):
        sums, counts, _, rows, total = gathered.side(0, seg, 1)
        assert (sums.tolist(), counts.tolist(), rows.tolist(), total) == ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], 0.0)
        assert gathered.side(0, seg, 0)[0].tolist() == [0.5, 1.0]
