"""The terminal page of signals: PARTIAL first, newest last, nothing hostile passes; and the flat table."""

from datetime import UTC, datetime

import pytest

from judgecli.renderers.signals import MOST_LINES, signals_page, signals_table
from judgecli.renderers.table_file import write_rows
from judgecli.renderers.terminal import Page
from judgecli.signal.windows import SignalRow, Signals

GOLDEN = """\
PARTIAL   not fully measured: quality; 'bounds' shows what the mean would be at worst and at best
quality
window              model       n  mean  95 % interval        bounds  value  advantage  regret
2026-09-07 +2 late  a      2 of 3   0.5     0.4 to 0.6  0.3 to 0.667    0.5          -    0.25
2026-09-08 open     -      2 of 2   0.5     0.4 to 0.6                  0.5       -0.1    0.25
unscored  timeout 1
-         regret: a reason
note      a note
"""


def row(day: int = 7, **given: object) -> SignalRow:
    values: dict[str, object] = {
        "window_start": datetime(2026, 9, day, tzinfo=UTC),
        "window_end": datetime(2026, 9, day + 1, tzinfo=UTC),
        "policy": {"model": "a"},
        "metric": "quality",
        "n": 2,
        "unscored": {},
        "clusters": 2,
        "mean": 0.5,
        "se": 0.05,
        "low": 0.4,
        "high": 0.6,
        "worst": 0.5,
        "best": 0.5,
        "value": 0.5,
        "advantage": None,
        "regret": 0.25,
        "identity": "aaaa",
        "late": 0,
        "final": True,
    }
    return SignalRow(**{**values, **given})  # type: ignore[arg-type]


def document(*rows: SignalRow, notes: tuple[str, ...] = ()) -> dict[str, object]:
    return Signals(rows, ("model",), "1d", notes=notes).to_json()


def test_the_page_as_it_is_shown() -> None:
    first = row(unscored={"timeout": 1}, worst=0.3, best=0.667, late=2, reasons={"regret": "a reason", "advantage": "none before"})
    page = signals_page(document(first, row(8, policy={"model": None}, final=False, advantage=-0.1), notes=("a note",)), Page(width=120))
    assert page == GOLDEN


def test_what_is_by_design_is_not_partial() -> None:
    assert "PARTIAL" not in signals_page(document(row(unscored={"not_applicable": 5})), Page())


def test_the_newest_rows_are_shown_and_the_rest_is_counted() -> None:
    rows = [row(1 + place % 28, n=place) for place in range(MOST_LINES + 3)]
    page = signals_page(document(*rows), Page())
    assert "3 older rows are not shown" in page
    assert f"{MOST_LINES + 2} of {MOST_LINES + 2}" in page


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "x\ny", "[bold]x[/bold]"])
def test_hostile_text_stays_text(text: str) -> None:
    page = signals_page(document(row(policy={"model": text}, metric=text)), Page(colour=False))
    assert not set(page) & set("\x1b\u202e")
    assert "[bold]" in page or "[bold]" not in text


def test_every_row_stands_in_the_table(tmp_path) -> None:
    table = signals_table(document(row(unscored={"timeout": 1}, policy={"model": "=1+1"}), row(8)))
    assert table.column("unscored").to_pylist() == ['{"timeout":1}', "{}"]
    assert write_rows([table], tmp_path / "s.csv") == 2
    assert '"\'=1+1"' in (tmp_path / "s.csv").read_text()
    for suffix in ("jsonl", "parquet", "tsv"):
        assert write_rows([signals_table(document(row()))], tmp_path / f"s.{suffix}") == 1
