"""Scores that a log already holds, as metrics."""

from collections.abc import Sequence

from judgecli.scorer import Score, ScoreLike, Scorer, ScorerColumn


def imported_scorer(name: str) -> Scorer:
    """The metric `score.NAME`: what the log already says, read as a number (true is 1, false is 0); or `label.NAME`: what its users rated."""
    column = f"imported_{name.removeprefix('score.')}"
    return Scorer(
        name=name,
        function=_read_imported,
        kind="number",
        range=(None, None),
        higher_is_better=True if name.startswith("label.") else None,
        version=1,
        columns=(ScorerColumn(column, column, required=True),),
    )


def _read_imported(values: Sequence[str]) -> list[ScoreLike]:
    return [_imported_value(value) for value in values]


def _imported_value(text: str) -> ScoreLike:
    if text in ("true", "false"):
        return float(text == "true")
    try:
        return float(text.strip('"'))
    except ValueError:
        return Score(reason="metric_error", explanation=f"{text[:80]} is not a number")
