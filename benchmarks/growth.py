"""Every scorer of the output against texts that make bad patterns explode: milliseconds per 100 KB.

    python benchmarks/growth.py    prints each scorer's worst text; the promise is 50 ms for patterns

A text is one short seed repeated to 100,000 characters: openings without an end, marks in a row,
prefixes of keys, numbers and tags. Scorers that parse whole languages (SQL, Python) take longer by nature.
"""

import time

from judgecli.catalog import load_scorer, scorer_names
from judgecli.errors import EnvironmentFailure
from judgecli.scorer import Scorer

SIZE = 100_000
SEEDS = [
    *("a", "1", "1,", "1.", "-", " ", "\n", "\t", "(", "[", "[1]", "{", '"', "'", "“", "«", "„", "`", "?", "%", "&", "é", "你", "\u202e"),
    *(
        "```\n",
        "sk-",
        "eyJ",
        "eyJ-",
        "eyJaaaaaaaaaaaa.",
        "AKIA",
        "ghp_",
        "xoxb-",
        "SG.",
        "postgres://a:",
        "://",
        "-----BEGIN ",
        "[secret",
        "hooks.slack.com/services/",
    ),
    *("<", "<a>", "</a>", "<!--", "<![CDATA[", "<?", "&amp;", '{"a":', "- ", ": ", "** ", "1. ", "1e", "+1", "a,", "x=", "def ", "? "),
    *("A", "Aa ", "Aa-", "the ", " the A", "Of the ", "May 3, ", "answer is ", "list the ", "\\boxed{", "score: ", "ignore the ", "give ", "yes ", "I'm a "),
]
OPTIONS: dict[str, object] = {"values": "zz", "pattern": "a+b", "schema": '{"required": ["a"]}', "tag": "a"}


def worst(scorer: Scorer) -> tuple[float, str]:
    """The longest time over all seeds, in milliseconds of CPU, and its seed."""
    options = {name: OPTIONS[name] for name, parameter in scorer.options.items() if parameter.default is parameter.empty}
    scorer(**columns_of(scorer, "warm up"), **options)
    slowest = (0.0, "")
    for seed in SEEDS:
        columns = columns_of(scorer, (seed * (SIZE // len(seed) + 1))[:SIZE])
        start = time.process_time()
        scorer(**columns, **options)
        slowest = max(slowest, ((time.process_time() - start) * 1e3, seed))
    return slowest


def columns_of(scorer: Scorer, text: str) -> dict[str, list[object]]:
    return {column.source: [[text]] if column.source == "contexts" else [text] for column in scorer.columns if column.required}


def main() -> None:
    print(f"{'scorer':26} {'worst ms':>9}  on")
    for scorer in map(load_scorer, scorer_names()):
        if not any(column.source == "output" for column in scorer.columns):
            continue
        try:
            taken, seed = worst(scorer)
        except (EnvironmentFailure, KeyError) as skipped:
            print(f"{scorer.name:26} {'left out':>9}  {skipped}")
            continue
        print(f"{scorer.name:26} {taken:9.0f}  {seed!r}")


if __name__ == "__main__":
    main()
