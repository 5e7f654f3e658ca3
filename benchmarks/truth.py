"""How often each statistical promise was kept in worlds whose truth is known: nominal against observed. Writes docs/truth.md.

`python benchmarks/truth.py [--short] [--share 0.1]`: --short plays few repetitions and writes nothing; --share plays a part of the full ones.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "truth")]

from cell import Cell, Observed, all_cells, kept, observe  # noqa: E402
from power import PRICES, Paid, pay  # noqa: E402

PAGE = ROOT / "docs" / "truth.md"
MARK = "<!-- written by benchmarks/truth.py from here on -->"


def main() -> None:
    """Play all cells and show the table."""
    short = "--short" in sys.argv[1:]
    share = float(sys.argv[sys.argv.index("--share") + 1]) if "--share" in sys.argv else 1.0
    cells = list(all_cells())
    played = [cell.short if short else max(cell.short, round(share * cell.long)) for cell in cells]
    with ProcessPoolExecutor() as pool:
        seen = list(pool.map(_play, range(len(cells)), played))
        shares = pool.map(_pay, range(len(PRICES)), [200 if short else max(200, round(share * 3000))] * len(PRICES))
        paid = [Paid(price, *found) for price, found in zip(PRICES, shares, strict=True)]
    text = f"{table(cells, seen)}\n{price_table(paid)}"
    print(text)
    if not short:
        head = PAGE.read_text(encoding="utf-8").partition(MARK)[0] if PAGE.exists() else "# Truth\n\n"
        PAGE.write_text(f"{head}{MARK}\n\n{text}\n", encoding="utf-8")


def _play(place: int, repetitions: int) -> Observed:
    return observe(all_cells()[place], repetitions)


def _pay(place: int, repetitions: int) -> tuple[float, float, float]:
    found = pay(PRICES[place], repetitions)  # without its world, whose function cannot travel between processes
    return found.textbook, found.ours, found.ratio


def price_table(paid: Sequence[Paid]) -> str:
    """What the guarantees cost where a textbook method holds, as a Markdown table."""
    counted = [one.ratio for one in paid if one.counts]
    lines = [
        "## What it costs",
        "",
        "The half-width of the interval that a column gets, over that of the textbook method. The textbook method holds where it covers at least 93.5 %; "
        f"over those worlds the mean ratio is {sum(counted) / len(counted):.3f}, the largest {max(counted):.2f}.",
        "",
        "| world | textbook | covers | ours covers | half-width, ours over textbook | |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.price.world} | {one.price.textbook} | {100 * one.textbook:.1f} % | {100 * one.ours:.1f} % | {one.ratio:.2f} "
        f"| {'' if one.counts else 'the textbook method does not hold'} |"
        for one in paid
    ]
    return "\n".join([*lines, ""])


def table(cells: Sequence[Cell], seen: Sequence[Observed]) -> str:
    """A Markdown table, one section a promise."""
    lines: list[str] = []
    for promise in dict.fromkeys(cell.promise for cell in cells):
        lines += [
            f"### {promise[0].upper()}{promise[1:]}",
            "",
            "| world | promised | observed | without an answer | repetitions | |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(cell, one) for cell, one in zip(cells, seen, strict=True) if cell.promise == promise]
        lines.append("")
    return "\n".join(lines)


def _row(cell: Cell, seen: Observed) -> str:
    promised = f"at most {100 * cell.at_most:g} %" if cell.at_most is not None else f"at least {100 * (cell.at_least or 0):g} %"
    share = "none" if seen.share is None or seen.error is None else f"{100 * seen.share:.1f} ± {100 * seen.error:.1f} %"
    silent = f"{100 * (1 - seen.answered / seen.repetitions):.0f} %"
    return f"| {cell.world} | {promised} | {share} | {silent} | {seen.repetitions:,} | {'' if kept(cell, seen) else '**broken**'} |"


if __name__ == "__main__":
    main()
