"""Every cell of docs/truth.md: a short form here, the whole of it in `make test-long`."""

import pytest
from cell import Cell, all_cells, kept, observe

CELLS = all_cells()


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_a_promise_holds_in_short(cell: Cell):
    seen = observe(cell, cell.short)
    assert kept(cell, seen), seen


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_a_promise_holds(cell: Cell):
    seen = observe(cell, cell.long)
    assert kept(cell, seen), seen
