"""Rewards of rows: worked by hand, then what must hold of any cells."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewards import Facts, Known, Term, Veto, cells, reward

from judgecli.errors import ConfigError, StoreCorrupt
from judgecli.reward.compose import compose
from judgecli.reward.normalise import STEPS, Frozen
from judgecli.schema import REASONS

SPEC = reward({"a": Term(3), "b": Term(1), "c": Term(1, optional=True)}, [Veto("v", at_most=0)])
CELL = st.one_of(st.floats(0, 1), st.sampled_from(sorted(REASONS)))
VETO = st.one_of(st.sampled_from([0.0, 1.0, 7.0]), st.sampled_from(sorted(REASONS)))


def one(spec=SPEC, **row):
    """Value, reason and detail of one row."""
    made = compose(spec, cells(**{name: [item] for name, item in row.items()})).to_pylist()[0]
    return made["reward.q"], made["reward.q.reason"], json.loads(made["reward.q.detail"] or "null")


@pytest.mark.parametrize(
    ("row", "value", "reason", "detail"),
    [
        ({"a": 0.5, "b": 0.25, "c": 1.0, "v": 0.0}, (3 * 0.5 + 0.75 + 1) / 5, None, None),  # b: lower is better
        ({"a": 0.5, "b": 0.25, "c": "timeout", "v": 0.0}, (3 * 0.5 + 0.75) / 4, None, {"left_out": ["c"]}),
        ({"a": 1.0, "b": 0.0, "c": 1.0, "v": 2.0}, 0.0, None, {"vetoed_by": ["v"]}),
        ({"a": 1.0, "b": 0.0, "c": "budget", "v": 2.0}, 0.0, None, {"left_out": ["c"], "vetoed_by": ["v"]}),
        ({"a": 1.0, "b": 0.0, "c": 1.0, "v": "not_applicable"}, None, "input_missing_field", {"blocked_by": ["v"]}),  # nobody knows whether it vetoes
        ({"a": 1.0, "b": 0.0, "c": 1.0, "v": "metric_error"}, None, "metric_error", {"blocked_by": ["v"]}),
        ({"a": 1.0, "b": 0.0, "c": 1.0, "v": "not_sampled"}, None, "not_sampled", {"blocked_by": ["v"]}),
        ({"a": "timeout", "b": "not_sampled", "c": 1.0, "v": 0.0}, None, "not_sampled", {"blocked_by": ["a", "b"]}),
        ({"a": "timeout", "b": "not_applicable", "c": 1.0, "v": 0.0}, None, "input_missing_field", {"blocked_by": ["a", "b"]}),
        ({"a": "not_applicable", "b": "not_sampled", "c": 1.0, "v": 0.0}, None, "not_sampled", {"blocked_by": ["a", "b"]}),
        ({"a": "timeout", "b": "budget", "c": 1.0, "v": 0.0}, None, "timeout", {"blocked_by": ["a", "b"]}),
        ({"a": "timeout", "b": 0.0, "c": 1.0, "v": 5.0}, None, "timeout", {"blocked_by": ["a"]}),  # a veto makes no reward where there is none
    ],
)
def test_reward_by_hand(row, value, reason, detail):
    got = one(**row)
    assert got == (pytest.approx(value, abs=1e-15) if value is not None else None, reason, detail)


def test_all_terms_optional_need_one():
    spec = reward({"a": Term(1, optional=True), "b": Term(3, optional=True)})
    assert one(spec, a=0.25, b="timeout") == (0.25, None, {"left_out": ["b"]})
    assert one(spec, a="connection", b="timeout") == (None, "connection", {"blocked_by": ["a", "b"]})


def test_an_optional_veto_vetoes_nothing_where_it_does_not_apply():
    spec = reward({"a": Term()}, [Veto("v", at_most=0, optional=True)])
    assert one(spec, a=0.5, v="not_applicable") == (0.5, None, None)
    assert one(spec, a=0.5, v=1.0)[0] == 0.0
    assert one(spec, a=0.5, v="timeout")[1] == "timeout"
    both = reward({"a": Term()}, [Veto("v", at_most=0, optional=True), Veto("v", at_least=-1)])
    assert one(both, a=0.5, v="not_applicable")[1] == "input_missing_field"
    assert spec.identity != reward({"a": Term()}, [Veto("v", at_most=0)]).identity


def test_at_least_and_two_bounds_of_one_metric():
    spec = reward({"a": Term()}, [Veto("v", at_least=1), Veto("v", at_most=2)])
    assert [one(spec, a=0.5, v=v)[0] for v in (0.0, 1.0, 2.0, 3.0)] == [0.0, 0.5, 0.5, 0.0]


def test_no_rows():
    assert compose(SPEC, cells(a=[], b=[], c=[], v=[])).num_rows == 0


def test_cell_without_a_state_is_refused():
    table = cells(a=[0.5], b=[0.5], c=[0.5], v=[math.nan])
    with pytest.raises(StoreCorrupt, match="1 cells of 'v'"):
        compose(SPEC, table)


@settings(max_examples=300)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL, VETO), min_size=1, max_size=12))
def test_every_row_has_one_state_whatever_stands_beside_it(rows):
    """I7: unscored never enters a number; a row alone is what it is among others."""
    table = cells(**{name: [row[place] for row in rows] for place, name in enumerate("abcv")})
    made = compose(SPEC, table).to_pylist()
    for row, got in zip(rows, made, strict=True):
        a, b, c, v = row
        exists = not any(isinstance(item, str) for item in (a, b, v))
        assert (got["reward.q"] is not None) == exists
        assert (got["reward.q.reason"] is None) == exists
        if not exists:
            assert got["reward.q.reason"] in {"input_missing_field" if item == "not_applicable" else item for item in row if isinstance(item, str)}
        elif not isinstance(v, str) and v > 0:
            assert got["reward.q"] == 0
        else:
            parts = [(3, a), (1, 1 - b), *([] if isinstance(c, str) else [(1, c)])]
            assert got["reward.q"] == pytest.approx(sum(w * u for w, u in parts) / sum(w for w, _ in parts), abs=1e-12)
        assert compose(SPEC, cells(**{name: [item] for name, item in zip("abcv", row, strict=True)})).to_pylist() == [got]


@given(a=st.floats(0, 1), b=st.floats(0, 1), c=st.one_of(st.floats(0, 1), st.just("timeout")), more=st.floats(0, 1), factor=st.floats(1e-6, 1e6))
def test_monotone_and_scale_free(a, b, c, more, factor):
    value = one(a=a, b=b, c=c, v=0.0)[0]
    assert one(a=max(a, more), b=b, c=c, v=0.0)[0] >= value
    assert one(a=a, b=min(b, more), c=c, v=0.0)[0] >= value
    scaled = reward({"a": Term(3 * factor), "b": Term(factor), "c": Term(factor, optional=True)}, [Veto("v", at_most=0)])
    assert one(scaled, a=a, b=b, c=c, v=0.0)[0] == pytest.approx(value, abs=1e-12)


FROZEN = Frozen("1111", 200, 0.0, 1.0, tuple(float(step) for step in range(STEPS + 1)))
OPEN = [Facts("a"), Facts("m", (None, None))]


def test_identity_follows_what_gives_the_numbers():
    terms = {"a": Term(1), "m": Term(1, normalise="frozen_z")}
    known = Known(OPEN, {"m": FROZEN})
    spec = reward(terms, known=known)
    assert len(spec.identity) == 16
    assert spec.identity == reward(dict(reversed(terms.items())), known=known).identity
    date = Frozen("1111", 900, 0.0, 1.0, tuple([0.0] * (STEPS + 1)), frozen="later")  # frozen_z uses mean and sd only
    assert spec.identity == reward(terms, known=Known(OPEN, {"m": date})).identity
    others = [
        reward({**terms, "a": Term(2)}, known=known),
        reward({**terms, "a": Term(1, optional=True)}, known=known),
        reward({**terms, "a": Term(1, range=[0, 2])}, known=known),
        reward({**terms, "a": Term(1, higher_is_better=False)}, known=known),
        reward({**terms, "m": Term(1, normalise="frozen_quantile")}, known=known),
        reward(terms, [Veto("a", at_least=0.1)], known=known),
        reward(terms, known=Known([Facts("a", identity="2222"), OPEN[1]], {"m": FROZEN})),
        reward(terms, known=Known(OPEN, {"m": Frozen("1111", 200, 0.5, 1.0, FROZEN.quantiles)})),
    ]
    assert len({spec.identity, *(other.identity for other in others)}) == 9


def test_statistics_of_another_identity_do_not_count():
    known = Known([Facts("m", (None, None), identity="2222")], {"m": FROZEN})
    spec = reward({"m": Term(1, normalise="frozen_z")}, known=known)
    assert (spec.unfrozen, spec.identity) == (("m",), None)
    with pytest.raises(ValueError, match="lacks the frozen statistics of m"):
        compose(spec, cells(m=[1.0]))


@pytest.mark.parametrize(
    ("terms", "vetoes", "where", "message"),
    [
        ({"x": Term()}, [], "reward.terms.x", "the reward needs 'x', which no scorer provides"),
        ({"a": Term()}, [Veto("x", at_most=0)], "reward.vetoes[0].metric", "the reward needs 'x'"),
        ({"v": Term(higher_is_better=False)}, [], "reward.terms.v", r"has no end \(0 to open\)"),
        ({"v": Term(range=[0, 9])}, [], "reward.terms.v", "no direction of 'v'"),
        ({"k": Term()}, [], "reward.terms.k", "gives categories"),
        ({"reward.q": Term()}, [], "reward.terms.reward.q", "is a reward"),
        ({"a": Term(range=[1, 1])}, [], "reward.terms.a.range", "is no range"),
        ({"a": Term(normalise="zscore")}, [], "reward.terms.a.normalise", "no normaliser 'zscore'"),
        ({"a": Term(normalise="frozen_z", range=[0, 1])}, [], "reward.terms.a.normalise", "two normalisers"),
        ({"a": Term(1), "c": Term(1e-12)}, [], "reward.terms.c.weight", "has no say"),
    ],
)
def test_what_is_no_reward(terms, vetoes, where, message):
    known = Known([*Known().metrics, Facts("k", kind="category"), Facts("reward.q")])
    with pytest.raises(ConfigError, match=message) as caught:
        reward(terms, vetoes, known)
    assert caught.value.where == f"judge.yaml:{where}"
