"""Since when and by how much: against the sums written out in plain loops, and in cases whose answer is plain."""

import numpy as np
import pytest

from judgecli.stats.change_point import LEVEL, Pieces, _means_before, locate


def pieces_of(x, effect=1.0):
    x = np.asarray(x, float)
    one = np.ones(len(x))
    return Pieces(np.arange(len(x)), one, x, x, one * effect)


def plain(pieces, mean, weight, dispersion, smallest=0.002, sizes=64):
    """The posterior by loops: the weight of each (moment, size), from the likelihood of every piece."""
    found = {}
    for before in _means_before(mean, weight):
        for place in range(sizes):
            share = place / (sizes - 1)
            size = float(np.exp(np.log(smallest) * (1 - share)) * before**share)
            after = max(before - size, 1e-9)
            for start in range(len(pieces.count)):
                fit = 0.0
                for piece, (n, t, effect) in enumerate(zip(pieces.count, pieces.total, pieces.effect, strict=True)):
                    p = after if piece >= start else before
                    fit += (t * np.log(p) + (n - t) * np.log1p(-p)) / (dispersion * effect)
                found[start, size] = found.get((start, size), 0.0) + pieces.count[start] * np.exp(fit)
    return found


def quantile(weights, share):
    order = sorted(weights)
    sums = np.cumsum([weights[value] for value in order])
    return order[int(np.searchsorted(sums, share * sums[-1]))]


@pytest.mark.parametrize("effect", [1.0, 3.0])
def test_against_plain_loops(effect):
    chance = np.random.default_rng(1)
    pieces = Pieces(np.arange(9), np.array([1, 2, 1, 3, 1, 1, 2, 1, 1.0]), chance.uniform(0.2, 0.9, 9), np.zeros(9), np.full(9, effect))
    found, wanted = locate(pieces, 0.8, weight=40.0, dispersion=0.5), plain(pieces, 0.8, 40.0, 0.5)
    moments, sizes = {}, {}
    for (start, size), weight in wanted.items():
        moments[start] = moments.get(start, 0.0) + weight
        sizes[size] = sizes.get(size, 0.0) + weight
    tail = (1 - LEVEL) / 2
    assert (found.piece, found.first, found.last) == tuple(quantile(moments, share) for share in (0.5, tail, 1 - tail))
    assert (found.size, found.low, found.high) == pytest.approx([quantile(sizes, share) for share in (0.5, tail, 1 - tail)])


def test_a_step_is_found_where_it_is():
    found = locate(pieces_of([0.9] * 50 + [0.3] * 30), 0.9, weight=1000.0, dispersion=0.05)
    assert (found.first, found.piece, found.last) == (50, 50, 50)
    assert found.low < 0.6 < found.high
    assert found.size == pytest.approx(0.6, abs=0.04)


def test_the_stretch_that_raised_an_alarm_is_not_taken_for_the_change():
    """99 % good, then 93 %, and the alarm came where two failed of the last four: the answer is some points, not fifty."""
    x = np.ones(400)
    x[[300, 330, 350, 372, 388, 396, 399]] = 0
    found = locate(pieces_of(x), 0.99, weight=2300.0, dispersion=1.0)
    assert found.first < 300 <= found.last
    assert found.low < 0.06 < found.high
    assert found.size < 0.12


def test_what_depends_tells_less():
    x = np.r_[np.full(60, 0.8), np.full(20, 0.5)]
    sure, doubtful = (locate(pieces_of(x, effect), 0.8, weight=500.0, dispersion=0.3) for effect in (1.0, 8.0))
    assert doubtful.high - doubtful.low > sure.high - sure.low
    assert doubtful.last - doubtful.first > sure.last - sure.first


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_a_reference_without_a_single_failure(mean):
    found = locate(pieces_of([1.0] * 20 + [0.0] * 5 if mean else [0.0] * 25), mean, weight=100.0, dispersion=1.0)
    assert 0 < found.low <= found.size <= found.high <= 1
