"""Numbers as spreadsheets write them, read by the rule of their whole column: `1,850`, `1.850,00`, `$3.20`, `12 %`.

A mark is a point or a comma. Which of them is the decimal mark is told by the values that can only
be read in one way: two kinds of mark (the last one is decimal), a mark that repeats (it parts
thousands), digits behind it that are not three, or more than three or a zero before it. Where no
value tells: whole numbers (`tokens_in`) have thousands, a comma among whole numbers parts
thousands, a point is the decimal mark, and else the column is not read and named. No value is ever
read against the rule of its column.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Rule = Literal[".", ",", ".%", ",%", "?", "!"]
"""The decimal mark of a column, with % where it holds percentages; ? where it does not tell a mark; ! where its numbers are of several kinds."""

WHOLE = ("tokens_in", "tokens_out")
DOLLARS = ("", "$", "us$", "usd")
CLEAR = 0.95  # share of the telling values that must agree
_CURRENCY = r"US\$|[$€£¥₹₩₽₺]|USD|EUR|GBP|JPY|CHF|CNY|INR"
_GAPS = "'’ \u00a0\u202f"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s*(?P<before>{_CURRENCY})?\s*(?P<digits>(?:[0-9]|[.,][0-9])[0-9.,{_GAPS}]*?)\s*(?P<behind>{_CURRENCY})?(?P<percent>%?)", re.IGNORECASE
)
_PARTED = re.compile(rf"(?<=[0-9])[{_GAPS}](?=[0-9]{{3}}(?![0-9]))")


@dataclass(frozen=True, slots=True)
class _SpreadsheetNumber:
    """The parts of a written number: `digits` holds its points and commas."""

    digits: str
    sign: int
    currency: str
    percent: bool


def written(value: Any) -> bool:
    """Whether a value is text of a number, whatever its decimal mark."""
    return isinstance(value, str) and _parts(value) is not None


def needs_rule(values: Sequence[Any], name: str) -> bool:
    """Whether a plain reading of a column's texts would miss numbers of it or might mistake them."""
    texts = [value for value in values if written(value)]
    leans = {_lean(number.digits) for text in texts if (number := _parts(text))}
    return any(not is_plain(text) for text in texts) or ("?" in leans and ("." not in leans or name in WHOLE))


@dataclass
class _Seen:
    """What the values of a column tell: values by decimal mark, by mark that could be either, whole ones, currencies, percentages."""

    telling: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    unclear: dict[str, int] = field(default_factory=lambda: {".": 0, ",": 0})
    whole: int = 0
    percent: int = 0
    total: int = 0
    currencies: set[str] = field(default_factory=set)

    def add(self, number: _SpreadsheetNumber) -> None:
        self.total += 1
        self.percent += number.percent
        if number.currency:
            self.currencies.add("$" if number.currency in DOLLARS else number.currency)
        lean = _lean(number.digits)
        if lean in self.telling:
            self.telling[lean] += 1
        elif lean == "?":
            self.unclear["," if "," in number.digits else "."] += 1
        else:
            self.whole += 1


def rule_of(values: Iterable[Any], name: str, *, semicolons: bool = False) -> Rule:
    """The rule of a column. `semicolons`: the file parts its fields so, as spreadsheets do where the comma is the decimal mark."""
    seen = _Seen()
    for value in values:
        number = _parts(value) if isinstance(value, str) else None
        if number is not None:
            seen.add(number)
    several = len(seen.currencies) > 1 or (seen.percent not in (0, seen.total))
    if several or (name == "cost_usd" and seen.currencies - {"$"}) or (seen.percent and not name.startswith("score.")):
        return "!"
    mark = _mark(seen, name, semicolons=semicolons)
    return ("?" if mark == "?" else ".%" if mark == "." else ",%") if seen.percent else mark


def _mark(seen: _Seen, name: str, *, semicolons: bool) -> Literal[".", ",", "?"]:
    telling = sum(seen.telling.values())
    if telling:
        mark: Literal[".", ","] = "." if seen.telling["."] >= seen.telling[","] else ","
        return mark if seen.telling[mark] >= CLEAR * telling else "?"
    if name in WHOLE:
        return "?" if all(seen.unclear.values()) else "," if seen.unclear["."] else "."
    if seen.unclear[","]:
        return "." if seen.whole and not seen.unclear["."] and not semicolons else "?"
    return "."


def read_number(value: Any, rule: str) -> Any:
    """The value as a number by the rule of its column; as it is where it is no text of a number.

    Text that is a number, but not by the rule, comes back with the reason in it, so that it is a number to nobody.

    >>> [read_number(text, ",") for text in ("1.850,00", "3,2 €", "12", "1,850.00")]
    [1850.0, 3.2, 12.0, '1,850.00 (not as the rest of its column)']
    >>> read_number("12 %", ".%")
    0.12
    """
    number = _parts(value) if isinstance(value, str) else None
    if number is None:
        return value
    if rule == "!":
        return f"{value} (of another kind than the rest of its column)"
    mark, thousands = rule[0], "," if rule[0] == "." else "."
    if mark == "?":
        return f"{value} (comma or point?)" if _lean(number.digits) else float(number.sign * int(number.digits))
    grouped = rf"(?:[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|[0-9]*)(?:{re.escape(mark)}[0-9]*)?"
    if not re.fullmatch(grouped, number.digits):
        return f"{value} (not as the rest of its column)"
    found = number.sign * float(number.digits.replace(thousands, "").replace(mark, "."))
    return found / 100 if number.percent else found


def is_plain(text: str) -> bool:
    """Whether a text is a number without any rule."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _parts(text: str) -> _SpreadsheetNumber | None:
    found = _NUMBER.fullmatch(text.strip())
    if found is None or (found["before"] and found["behind"]):
        return None
    digits = _PARTED.sub("", found["digits"])
    if any(gap in digits for gap in _GAPS):
        return None
    return _SpreadsheetNumber(digits, -1 if found["sign"] == "-" else 1, (found["before"] or found["behind"] or "").lower(), bool(found["percent"]))


def _lean(digits: str) -> Literal["", "?", ".", ","]:
    """The decimal mark that these digits can only have; ? where either could be, nothing where they hold no mark."""
    marks = [character for character in digits if character in ".,"]
    if not marks:
        return ""
    last: Literal[".", ","] = "." if marks[-1] == "." else ","
    if len(set(marks)) == 2:
        return last
    if len(marks) > 1:
        return "," if last == "." else "."
    before, _, after = digits.partition(last)
    return last if len(after) != 3 or not 1 <= len(before) <= 3 or before.startswith("0") else "?"
