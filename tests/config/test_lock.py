"""judge.lock: what is written reads back the same; what is damaged is refused with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.config.lock import lock_text, read_lock
from judgecli.errors import ConfigError
from judgecli.reward.normalise import Frozen

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
GRIDS = st.lists(NUMBERS, min_size=1, max_size=30).map(lambda found: tuple(sorted((found * 1001)[:1001])))
ENTRIES = st.builds(Frozen, st.text(), st.integers(0), NUMBERS, st.floats(1e-300, 1e300), GRIDS, st.none() | st.text(), st.none(), st.text(), st.text())
ENTRY = Frozen(
    "1a2b", 120, 3.5, 1.25, tuple(float(step) for step in range(1001)), "2026-09-01T00:00:00+00:00", None, "all records", "2026-10-01T00:00:00+00:00"
)


@given(frozen=st.dictionaries(st.text(), ENTRIES, max_size=3))
def test_text_reads_back(tmp_path_factory, frozen):
    path = tmp_path_factory.mktemp("lock") / "judge.lock"
    path.write_text(lock_text(frozen), encoding="utf-8")
    assert read_lock(path) == frozen
    assert lock_text(dict(reversed(frozen.items()))) == lock_text(frozen)


def test_no_file_is_no_statistics(tmp_path):
    assert read_lock(tmp_path / "judge.lock") == {}


def change(**changes):
    document = json.loads(lock_text({"words": ENTRY}))
    document["normalisers"]["words"].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("<<<<<<< HEAD\n{}", "1:1", "not valid JSON"),
        ('{\n  "judge_lock": 1,,', "2:19", "not valid JSON"),
        ("[]", "1:1", "no judge.lock of format 1"),
        ('{"judge_lock": 2, "normalisers": {}}', "1:1", "no judge.lock of format 1"),
        (change(mean=float("nan")), "1:1", "NaN is no number"),
        (change(mean="3"), "1:1", "lacks a number"),
        (change(mean=True), "1:1", "lacks a number"),
        (change(mean=10**400), "1:1", "a number is too large"),
        (change(identity=None), "1:1", "lacks a number"),
        (change(sd=0), "1:1", "sd is 0"),
        (change(quantiles=[0.0] * 1000), "1:1", "1000 quantiles"),
        (change(quantiles=[1.0] + [0.0] * 1000), "1:1", "do not ascend"),
        (change(quantiles=None), "1:1", "lacks a number"),
    ],
)
def test_damaged_lock_is_refused(tmp_path, text, place, message):
    path = tmp_path / "judge.lock"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_lock(path)
    assert caught.value.where == f"{path}:{place}"
    assert "judge reward freeze" in caught.value.hint
