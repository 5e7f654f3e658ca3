"""Times by hand, against datetime, email.utils and pandas, and under many machine zones."""

import email.utils
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from judgecli.errors import UsageError
from judgecli.readers.times import BadTime, column, day_order, micros, zone_named


def us(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


NOON = us(2026, 3, 4, 12, 30, 5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-04T12:30:05Z", NOON),
        ("2026-03-04t12:30:05z", NOON),
        ("2026-03-04 12:30:05", NOON),
        ("2026-03-04 12:30:05 UTC", NOON),
        ("2026-03-04 12:30:05 GMT", NOON),
        ("2026-03-04 14:30:05 +0200", NOON),
        ("2026-03-04T14:30:05+02:00", NOON),
        ("2026-03-04T12:30:05.000000-00:00", NOON),
        ("2026-03-04T12:30:05.123456789Z", NOON + 123456),
        ("2026-03-04T18:00:05+05:30", NOON),
        ("20260304T123005Z", NOON),
        ("2026-03-04", us(2026, 3, 4)),
        ("20260304", us(2026, 3, 4)),
        (20260304, us(2026, 3, 4)),
        ("2026/03/04 12:30:05", NOON),
        ("03/04/2026, 12:30:05", NOON),
        ("03/04/2026 12:30:05 PM", NOON),
        ("3/4/2026 12:30 AM", us(2026, 3, 4, 0, 30)),
        ("07/26/2023, 21:03:32", us(2023, 7, 26, 21, 3, 32)),
        ("Wed, 04 Mar 2026 12:30:05 GMT", NOON),
        ("Wed, 04 Mar 2026 07:30:05 EST", NOON),
        ("4 Mar 2026 12:30:05 +0000", NOON),
        ("Mar 4, 2026 12:30:05", NOON),
        ("March 4, 2026 at 12:30:05 PM", NOON),
        ("Wed Mar  4 12:30:05 2026", NOON),
        ("04/Mar/2026", None),
        (NOON // 10**6, NOON),
        (NOON / 10**6, NOON),
        (NOON // 1000, NOON),
        (NOON, NOON),
        (NOON * 1000, NOON),
        (str(NOON // 10**6), NOON),
        (f"{NOON // 10**6}.25", NOON + 250_000),
        (str(NOON * 1000), NOON),
        (1774963563.9, us(2026, 3, 31, 13, 26, 3, 900_000)),
        (0, 0),
        (253402300799, us(9999, 12, 31, 23, 59, 59)),
        ("1712012341230", us(2024, 4, 1, 22, 59, 1, 230_000)),
        ("9999-12-31T23:59:59.999999Z", us(9999, 12, 31, 23, 59, 59, 999999)),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T00:00:00Z", us(2024, 2, 29)),
        (datetime(2026, 3, 4, 12, 30, 5), NOON),  # noqa: DTZ001
        (datetime(2026, 3, 4, 14, 30, 5, tzinfo=timezone(timedelta(hours=2))), NOON),
        (datetime(2026, 3, 4).date(), us(2026, 3, 4)),  # noqa: DTZ001
    ],
)
def test_by_hand(value, expected):
    if expected is None:
        with pytest.raises(BadTime):
            micros(value, day_first=False)
    else:
        assert micros(value, day_first=False) == expected


@pytest.mark.parametrize("missing", [None, "", "  ", "NaN", "nat", "null", "None"])
def test_missing_is_null_and_not_bad(missing):
    assert micros(missing) is None


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2026-13-01",
        "2026-02-29",
        "2026-03-04T24:00:00",
        "2026-03-04T23:59:60Z",
        "2026-03-04T25:00:00Z",
        "31/04/2026",
        "04.03.26",
        "1969-12-31T23:59:59Z",
        "0001-01-01",
        "9999-12-31T23:59:59-05:00",
        "2026-03-04 12:30 PST8",
        "2026-03-04T12:30:05 IST",
        "13:00 PM",
        "3/4/2026 13:00 PM",
        "12:30",
        -1,
        -1.5,
        True,
        float("nan"),
        float("inf"),
        1e30,
        [1],
        {"a": 1},
        "1" * 5000,
        "2026-W60-1",
        "Foo 4, 2026",
        "1/1/2026 1:00" + " " * 10**6 + "x",
    ],
)
def test_what_is_no_time_is_refused(value):
    with pytest.raises(BadTime) as caught:
        micros(value, day_first=False)
    assert 0 < len(str(caught.value)) < 200


def test_random_times_in_every_notation_against_the_standard_library():
    rng = random.Random(11)  # noqa: S311
    for _ in range(300):
        moment = datetime(1971, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(3 * 10**9), microseconds=rng.randrange(10**6))
        local = moment.astimezone(timezone(timedelta(minutes=rng.randrange(-720, 840, 15))))
        exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        whole = exact // 10**6 * 10**6
        assert micros(local.isoformat()) == exact
        assert micros(local.isoformat(sep=" ")) == exact
        assert micros(local.strftime("%Y%m%dT%H%M%S.%f%z")) == exact
        assert micros(email.utils.format_datetime(local)) == whole
        assert micros(email.utils.format_datetime(moment, usegmt=True)) == whole
        assert micros(local.strftime("%d.%m.%Y %H:%M:%S %z"), day_first=True) == whole
        assert micros(local.strftime("%m/%d/%Y, %I:%M:%S %p %z"), day_first=False) == whole
        assert micros(local.strftime("%B %d, %Y %H:%M:%S %z")) == whole
        assert micros(exact) == exact if exact >= 2.6e14 else True
        assert abs(micros(exact / 10**6) - exact) <= 1
        assert pd.Timestamp(local.isoformat()).tz_convert("UTC").value // 1000 == micros(local.isoformat())


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_naive_times_are_of_the_zone_that_was_said(name):
    zone = zone_named(name)
    for day in range(0, 365, 9):
        naive = datetime(2026, 1, 1, 9, 30) + timedelta(days=day)  # noqa: DTZ001
        assert micros(naive.isoformat(), zone) == us(*naive.replace(tzinfo=ZoneInfo(name)).astimezone(UTC).timetuple()[:6])
        assert micros(naive.isoformat() + "Z", zone) == us(*naive.timetuple()[:6])


def test_unknown_zone_is_a_usage_error():
    for name in ("Mars/Olympus", "../x/JUDGE_MARK", ""):
        with pytest.raises(UsageError, match="no time zone"):
            zone_named(name)


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["03/04/2026", "13/04/2026"], (True, True)),
        (["03/04/2026", "03/14/2026"], (False, True)),
        (["03/04/2026"], (False, False)),
        (["03.04.2026"], (True, False)),
        (["03.14.2026"], (False, True)),
        (["2026-03-04", None, 5, ""], (None, True)),
        ([], (None, True)),
    ],
)
def test_day_and_month_are_ordered_by_the_whole(values, order):
    assert day_order(values) == order


def test_a_date_that_could_be_either_is_bad_where_the_order_is_not_known():
    times, bad = column(["13/04/2026", "03/04/2026", "04/04/2026", None, "x"], UTC, None)
    assert times == [us(2026, 4, 13), None, us(2026, 4, 4), None, None]
    assert set(bad) == {1, 4}
    assert micros("03/04/2026", day_first=True) == us(2026, 4, 3)
    assert micros("03/04/2026", day_first=False) == us(2026, 3, 4)
    with pytest.raises(BadTime):
        micros("13/04/2026", day_first=False)


def test_the_machines_zone_changes_nothing():
    code = "from judgecli.readers.times import micros; print(micros('2026-03-04 12:30:05'), micros('Wed Mar  4 12:30:05 2026'), micros(1772627405))"
    said = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True).stdout
        for zone in ("UTC", "Asia/Tokyo", "America/St_Johns")
    }
    assert said == {f"{NOON} {NOON} {NOON}\n"}
