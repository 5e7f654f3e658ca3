"""Two reads of a filtered selection give its rows in one order: values meet the time, the traits and the cluster of their own record."""

import numpy as np
import pytest
from harness import score, write_lines

from judgecli.signal.cells import Window
from judgecli.store.folder import Store
from judgecli.store.selection import select_records
from judgecli.store.windows_query import WindowQuestion, WindowReduction


def line(number: int) -> dict[str, object]:
    """An answer of as many words as its minute says; all of one session, so that clusters cannot tell rows apart."""
    return {"id": f"r{number}", "time": 1_790_000_000 + 60 * number, "session": "s", "input": "q", "output": "word " * (number + 1)}


@pytest.mark.parametrize("on", ["run:last", "id != 'r7'"])
def test_values_belong_to_their_rows(tmp_path, on):
    """The second run holds its own lines and adopts every third of the first; the order of the lines is mixed."""
    mixed = np.random.default_rng(5).permutation(300).tolist()
    score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", [line(n) for n in mixed[:200]])])
    score(tmp_path / "s", [write_lines(tmp_path / "b.jsonl", [line(n) for n in [*mixed[200:], *mixed[:200:3]]])])
    with Store(tmp_path / "s", create=False) as store:
        for _ in range(8):
            with WindowReduction(store, select_records(store, on), ["words"], WindowQuestion((), Window.of("all"), cluster="session")) as found:
                rows = found.read_rows(())
                minutes = (rows.moments // 1_000_000 - 1_790_000_000) // 60
                assert found.values([0], rows)[0].tolist() == (minutes + 1).tolist()
                told = found.records(["length(output) AS size", "id AS id"], "size > 0")
                assert told.column("size").to_pylist() == [5 * (minute + 1) for minute in minutes.tolist()]
                assert len(set(told.column("id").to_pylist())) == rows.count == (167 if on == "run:last" else 299)
