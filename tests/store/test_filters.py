"""Filters: what is read, what is refused, and that the machine's own time zone does not matter."""

# ruff: noqa: ARG001

import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from judgecli.errors import UsageError
from judgecli.store.filters import compile_filter, mask_of

NEWEST = datetime(2026, 10, 1, 7, tzinfo=UTC)
TABLE = pa.table(
    {
        "model": ["a", "b", None],
        "latency_ms": [5.0, 6.5, None],
        "time": pa.array([NEWEST - timedelta(hours=5), NEWEST, None], pa.timestamp("us", tz="UTC")),
        "tags": pa.array([[("country", "de")], [], None], pa.map_(pa.string(), pa.string())),
    }
)


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("model = 'a'", "a"),
        ("model=a", "a"),
        ("model = 'a' or latency_ms > 6", "ab"),
        ("not model = 'a'", "b"),
        ("model is null", "-"),
        ("model in ('a', 'z')", "a"),
        ("model like 'B%' or lower(model) = 'b'", "b"),
        ("model ~ 'a|b'", "ab"),
        ("latency_ms=5", "a"),
        ("latency_ms=5.0", "a"),
        ("latency_ms between 1 and 6", "a"),
        ("latency_ms::INTEGER = 5", "a"),
        ("tags['country'] = 'de'", "a"),
        ("tags.country=de", "a"),
        ("tags.country = 'de'", "a"),
        ("tags['nowhere'] = 'de'", ""),
        ("time < '2026-10-01 03:00:00'", "a"),
        ("hour(time) = 2", "a"),
        ("strftime(time, '%H') = '07'", "b"),
        ("date_trunc('day', time) = '2026-10-01'", "ab"),
        ("CAST(time AS DATE) = '2026-10-01'", "ab"),
        ("1h", "b"),
        ("7d", "ab"),
        ("0.5w", "ab"),
        ("6h..1h", "a"),
        ("5h..1h", ""),
        ("coalesce(model, 'x') = 'x'", "-"),
        ("case when model = 'a' then true else false end", "a"),
    ],
)
def test_filters_select_by_hand(zone, text, chosen):
    mask = mask_of(TABLE, compile_filter(text, newest=NEWEST))
    assert "".join(name or "-" for name, held in zip(TABLE["model"].to_pylist(), mask, strict=True) if held) == chosen


HOSTILE = [
    "COPY (select 1) TO 'JUDGE_MARK'",
    "model = 'a'; SELECT 2",
    "model = 'a';",
    "(select count(*) from records) > 0",
    "exists (select 1)",
    "model in (select model from records)",
    "model = any (select 'a')",
    "read_csv('JUDGE_MARK') is null",
    "model = (from read_text('JUDGE_MARK') select content)",
    "read_text('JUDGE_MARK') = 'a'",
    "read_parquet('x') is null",
    "glob('JUDGE_MARK*') = 'a'",
    "getenv('JUDGE_MARK') = 'a'",
    "current_setting('home_directory') = 'a'",
    "pragma_version() = 'a'",
    "PRAGMA database_list",
    "ATTACH 'JUDGE_MARK'",
    "INSTALL judge_mark",
    "LOAD judge_mark",
    "SET threads = 1",
    "model = 'a') from records where (true",
    "true) union select (true",
    "true) order by (1",
    "true) limit (1",
    "true), (false",
    "true) as x from (select 1",
    "*",
    "#1 = 1",
    "? = 1",
    "$1 = 1",
    "count(*) > 0",
    "sum(latency_ms) > 0",
    "row_number() over () = 1",
    "list_transform([1], x -> x)[1] = 1",
    "random() > 0.5",
    "now() > time",
    "sleep_ms(1) is null",
    "nextval('s') = 1",
    "repeat('a', 2) = 'a'",
    "query('select 1') = 1",
    "error('x')",
    "model::JSON is null",
    "CAST(model AS records) is null",
    "model collate nocase = 'A'",
    "records.model = 'a'",
    "key = 'a'",
    "source.file = 'a'",
    "nosuch = 1",
    "nosuch=1",
    "time=2026-10-01",
    "latency_ms=fast",
    "model=a or true",
    "1",
    "'x'",
    "latency_ms",
    "null",
    "",
    " ",
    "(" * 1_025 + "true" + ")" * 1_025,
    "model = 'a",
    "model = 'a' --",
    "/*",
    "\x00",
    "true\x00",
    "\ud800",
    "99999999999999d",
    "9999999999w..1d",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_filters_are_refused(text):
    with pytest.raises(UsageError) as caught:
        mask_of(TABLE, compile_filter(text, newest=NEWEST))
    assert caught.value.hint


def test_a_value_with_quotes_stays_a_value():
    table = pa.table({"model": ["it's", "x' or 'a'='a"], "time": TABLE["time"][:2]})
    assert mask_of(table, compile_filter("model = 'it''s'", newest=None)).tolist() == [True, False]
    assert mask_of(table, compile_filter("7d", newest=None)).tolist() == [False, False]


def test_a_condition_that_cannot_be_evaluated_says_so():
    with pytest.raises(UsageError, match="cannot be evaluated"):
        mask_of(TABLE, compile_filter("CAST(model AS INTEGER) > 1", newest=None))
