"""Corrections for many questions: the published example, an independent oracle, the laws that bind them."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from statsmodels.stats.multitest import multipletests

from judgecli.stats.families import benjamini_hochberg, benjamini_yekutieli, bonferroni, hochberg, holm

# Benjamini & Hochberg 1995, section 4: the 15 hypotheses of the thrombolysis trial
TRIAL = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
METHODS = {benjamini_hochberg: "fdr_bh", benjamini_yekutieli: "fdr_by", bonferroni: "bonferroni", hochberg: "simes-hochberg", holm: "holm"}


@pytest.mark.parametrize(("method", "rejected"), [(benjamini_hochberg, 4), (bonferroni, 3), (hochberg, 3), (benjamini_yekutieli, 3)])
def test_the_trial_of_1995(method, rejected):
    assert sum(q <= 0.05 for q in method(TRIAL)) == rejected


def test_adjusted_values_of_the_trial():
    assert benjamini_hochberg(TRIAL)[:5] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625, 0.0603])


@pytest.mark.parametrize("method", METHODS)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_as_statsmodels_says(method, p_values):
    assert method(p_values) == pytest.approx(list(multipletests(p_values, method=METHODS[method])[1]), rel=1e-12, abs=1e-300)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_laws(p_values, random):
    for method in METHODS:
        found = method(p_values)
        assert all(p - 1e-15 <= q <= 1 for p, q in zip(p_values, found, strict=True))
        order = list(range(len(p_values)))
        random.shuffle(order)
        assert method([p_values[place] for place in order]) == [found[place] for place in order]
    stricter = np.array([benjamini_hochberg(p_values), hochberg(p_values), holm(p_values), bonferroni(p_values)])
    assert np.all(np.diff(stricter, axis=0) >= -1e-12)


def test_an_empty_family_has_no_values():
    assert [method([]) for method in METHODS] == [[]] * 5
