"""The golden values: what each version of each scorer gives for the corpus of samples.py.

    python tests/scorers/golden.py      adds scorers and versions that tests/data/golden_scores.json lacks

It never changes values that are there: where a scorer gives others, its `version` has to go up (the old
version's line is then dropped). A row added to samples.py changes all: delete the file and write it anew.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import samples

from judgecli.catalog import load_scorer, scorer_names
from judgecli.errors import EnvironmentFailure
from judgecli.scorer import Score, ScoreLike, Scorer

FILE = Path(__file__).parents[1] / "data" / "golden_scores.json"
Item = float | str | None


def name_of(scorer: Scorer) -> str:
    return f"{scorer.name} {scorer.version}"


def item_of(cell: ScoreLike) -> Item:
    """A number to 12 digits, a category, a reason in brackets, or None."""
    if isinstance(cell, Score):
        cell = cell.value if cell.value is not None else cell.label or (f"<{cell.reason}>" if cell.reason else None)
    return cell if cell is None or isinstance(cell, str) else float(f"{cell:.12g}")


def values_of(scorer: Scorer) -> list[Item]:
    return [item_of(cell) for cell in scorer(**samples.columns(scorer), **samples.options(scorer))]


def stored() -> dict[str, list[Item]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def write() -> None:
    known, golden = stored(), {}
    for scorer in map(load_scorer, scorer_names()):
        name = name_of(scorer)
        try:
            golden[name] = known[name] if name in known else values_of(scorer)
        except EnvironmentFailure as missing:
            sys.stderr.write(f"left out: {missing}\n")
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(values, ensure_ascii=False)}" for name, values in sorted(golden.items()))
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
