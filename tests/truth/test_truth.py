"""Every cell of docs/truth.md: a short form here, the whole of it in `make test-long`."""

import pytest
from cell import Cell, all_cells, kept, observe
from power import PRICES, pay

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


def test_what_held_stays_as_sharp_in_short():
    paid = [one for one in (pay(price, 40) for price in PRICES) if one.counts]
    assert sum(one.ratio for one in paid) / len(paid) < 1.1


@pytest.mark.long
def test_what_held_stays_as_sharp():
    paid = [one for one in (pay(price, 2000) for price in PRICES) if one.counts]
    assert sum(one.ratio for one in paid) / len(paid) < 1.1
