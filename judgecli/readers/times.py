"""Time stamps of logs to microseconds since 1970 in UTC, whatever the TZ of the machine.

Read: ISO 8601 (any offset, `Z`, a space for the T, date only, `20230716`), RFC 2822 and HTTP dates,
`Jul 26, 2023 21:03`, dates with the year last (`07/26/2023, 9:03 PM`, `26.07.2023`), and seconds,
milli-, micro- or nanoseconds since 1970 as number or text. A number is told by its size:

    below 2.6e11 seconds (to the year 9999) · below 2.6e14 ms · below 2.6e17 us · below 2.6e20 ns

and eight digits that are a date between 1990 and 2100 (20230716) are that date. Missing (null, "",
"nan", "null") is None. Anything else, a leap second, 24:00, a two-digit year, a year outside
1970 to 9999: BadTime.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from judgecli.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253402300799999999  # 9999-12-31T23:59:59.999999Z
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 100  # characters of a time; what is longer would only cost time to refuse
_MISSING = frozenset(("", "nan", "nat", "none", "null"))
_MONTHS = {name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}
_US_ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}  # RFC 2822, 4.3

_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE]\+?[0-9]{1,2})?", re.ASCII)
_CLOCK = (
    r"(?:[,T\s]+(?:at\s+)?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>[A-Za-z]{1,3}|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DATE_NUMBERS = re.compile(r"(?P<a>[0-9]{1,4})([/.-])(?P<b>[0-9]{1,2})\2(?P<c>[0-9]{1,4})" + _CLOCK, re.ASCII)
_DAY_MONTH = re.compile(r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>[0-9]{1,2})[\s-](?P<month>[A-Za-z]{3,9})\.?,?[\s-](?P<year>[0-9]{4})" + _CLOCK, re.ASCII)
_MONTH_DAY = re.compile(r"(?:[A-Za-z]{3,9},?\s+)?(?P<month>[A-Za-z]{3,9})\.?\s+(?P<day>[0-9]{1,2}),?\s+(?P<year>[0-9]{4})" + _CLOCK, re.ASCII)
_ASCTIME = re.compile(r"[A-Za-z]{3} (?P<month>[A-Za-z]{3}) +(?P<day>[0-9]{1,2}) (?P<rest>[0-9:]{8}) (?P<year>[0-9]{4})", re.ASCII)
_ISO_TAIL = re.compile(r"\s+(UTC|GMT|Z|[+-][0-9]{2}:?[0-9]{2})$", re.ASCII | re.IGNORECASE)


class BadTime(ValueError):
    """A value that is no time; says which value."""


def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises: UsageError."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"there is no time zone {name!r}", hint="use a name such as UTC or Europe/Berlin") from None


def micros(value: object, zone: tzinfo = UTC, day_first: bool | None = None) -> int | None:
    """Microseconds since 1970 in UTC; None where the value is missing. Raises: BadTime.

    `zone` is that of times without one. `day_first` reads 03/04/2026 as 3 April (True) or March 4th
    (False); with None such a value is a BadTime, while 13/04/2026 is clear by itself.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _MISSING:
            return None
        if len(text) > _LONGEST:
            raise BadTime(f"{_shown(text)} and more is no time")
        if _NUMBER.fullmatch(text):  # before ISO: fromisoformat takes any character for the T, a digit too
            return _from_number(Decimal(text), text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return _from_text(text, zone, day_first)
        return _from_datetime(moment, zone)
    if isinstance(value, bool):
        raise BadTime(f"{value} is no time")
    if isinstance(value, int | float):
        return _from_number(Decimal(repr(value)) if value == value else None, value)
    if isinstance(value, datetime):
        return _from_datetime(value, zone)
    if isinstance(value, date):
        return _from_datetime(datetime(value.year, value.month, value.day), zone)  # noqa: DTZ001 - the zone follows
    raise BadTime(f"a {type(value).__name__} is no time")


def column(values: Sequence[object], zone: tzinfo, day_first: bool | None) -> tuple[list[int | None], dict[int, str]]:
    """Each value as microseconds, and the message of each row that is no time."""
    times: list[int | None] = []
    bad: dict[int, str] = {}
    for row, value in enumerate(values):
        try:
            times.append(micros(value, zone, day_first))
        except BadTime as error:
            times.append(None)
            bad[row] = str(error)
    return times, bad


def day_order(values: Iterable[object]) -> tuple[bool | None, bool]:
    """(day_first, sure) over the dates with the year last: unsure where each could be either, None where there are none.

    Dots mean the day first, where nothing in the file speaks against it; slashes and dashes the month.
    """
    seen: bool | None = None
    for value in values:
        found = _DATE_NUMBERS.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or len(found["a"]) > 2:
            continue
        if int(found["a"]) > 12:
            return True, True
        if int(found["b"]) > 12:
            return False, True
        seen = (found[2] == ".") if seen is None else seen
    return seen, seen is None


def _from_text(text: str, zone: tzinfo, day_first: bool | None) -> int:
    found = _DATE_NUMBERS.fullmatch(text)
    if found:
        year, month, day = _ordered(found, day_first, text)
        return _assemble(found, year, month, day, zone, text)
    found = _DAY_MONTH.fullmatch(text) or _MONTH_DAY.fullmatch(text)
    if found:
        return _assemble(found, int(found["year"]), _month(found["month"], text), int(found["day"]), zone, text)
    found = _ASCTIME.fullmatch(text)
    if found:
        return _from_text(f"{found['day']} {found['month']} {found['year']} {found['rest']}", zone, day_first)
    tail = _ISO_TAIL.search(text)
    if tail or text[-1:] == "z" or "t" in text:
        offset = "" if tail is None else "+00:00" if tail[1][0] not in "+-" else tail[1]
        try:
            return _from_datetime(datetime.fromisoformat((text[: tail.start()] if tail else text).upper() + offset), zone)
        except ValueError:
            pass
    raise BadTime(f"{_shown(text)} is no time")


def _ordered(found: re.Match[str], day_first: bool | None, text: str) -> tuple[int, int, int]:
    a, b, c = int(found["a"]), int(found["b"]), int(found["c"])
    if len(found["a"]) == 4 and len(found["c"]) <= 2:
        return a, b, c
    if len(found["a"]) > 2 or len(found["c"]) != 4:
        raise BadTime(f"{_shown(text)} has no year of four digits")
    if day_first is None:
        if a <= 12 and b <= 12 and a != b:
            raise BadTime(f"{_shown(text)} may be day or month first, and this log does not say which")
        day_first = a > 12
    return (c, b, a) if day_first else (c, a, b)


def _month(name: str, text: str) -> int:
    number = _MONTHS.get(name[:3].lower())
    if number is None:
        raise BadTime(f"{_shown(text)} names no month")
    return number


def _assemble(found: re.Match[str], year: int, month: int, day: int, zone: tzinfo, text: str) -> int:
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    half = (found["half"] or "").lower()[:1]
    if half:
        if not 1 <= hour <= 12:
            raise BadTime(f"{_shown(text)} has no such hour")
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = int(((found["fraction"] or "") + "000000")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, fraction, tzinfo=_zone_of(found["zone"], text))
    except ValueError as error:
        raise BadTime(f"{_shown(text)}: {error}") from None
    return _from_datetime(moment, zone)


def _zone_of(name: str | None, text: str) -> tzinfo | None:
    from datetime import timezone

    if name is None:
        return None
    if name[0] in "+-":
        hours, minutes = int(name[1:3]), int(name[-2:])
        return timezone((timedelta(hours=hours, minutes=minutes)) * (-1 if name[0] == "-" else 1))
    if name.lower() in ("z", "ut", "utc", "gmt"):
        return UTC
    if name.lower() in _US_ZONES:
        return timezone(timedelta(hours=_US_ZONES[name.lower()]))
    raise BadTime(f"{_shown(text)}: '{name}' is no zone that means one offset")


def _from_number(number: Decimal | None, shown: object) -> int:
    if number is None or not number.is_finite() or number < 0:
        raise BadTime(f"{shown} is no time since 1970")
    whole = int(number)
    if whole == number and 19900101 <= whole <= 21001231 and (moment := _calendar_date(whole)):
        return _from_datetime(moment, UTC)
    for limit, factor in ((Decimal("2.6e11"), 10**6), (Decimal("2.6e14"), 10**3), (Decimal("2.6e17"), 1)):
        if number < limit:
            return _in_range(round(number * factor), shown)
    return _in_range(int(number) // 1000, shown)


def _calendar_date(digits: int) -> datetime | None:
    try:
        return datetime(digits // 10000, digits // 100 % 100, digits % 100, tzinfo=UTC)
    except ValueError:
        return None


def _from_datetime(moment: datetime, zone: tzinfo) -> int:
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return _in_range((moment - _EPOCH) // _MICROSECOND, moment)
    except (OverflowError, InvalidOperation):
        raise BadTime(f"{moment} is outside the years 1970 to 9999") from None


def _in_range(number: int, shown: object) -> int:
    if not 0 <= number <= _LAST:
        raise BadTime(f"{_shown(str(shown))} is outside the years 1970 to 9999")
    return number


def _shown(text: str) -> str:
    return repr(text[:60])
