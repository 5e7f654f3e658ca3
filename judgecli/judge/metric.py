"""A rubric as a scorer: what the metric is called, reads, and means."""

from judgecli.errors import JudgeUnavailable
from judgecli.judge.rubric import Rubric, higher_is_better, metric_kind, metric_range
from judgecli.scorer import Cell, Column, Scorer


def rubric_scorer(rubric: Rubric) -> Scorer:
    """The scorer of a rubric: columns, kind, range and direction. It is declared here and asked by a Judge; called, it raises JudgeUnavailable."""
    rival = ["reference"] if rubric.scale.kind == "pairwise" and "reference" not in rubric.inputs else []
    required = {**dict.fromkeys(rubric.optional, False), **dict.fromkeys([*rubric.inputs, *rival], True)}
    if rubric.media:
        required.setdefault("messages", False)
    return Scorer(
        name=f"rubric.{rubric.name}",
        function=_ask_nobody,
        kind=metric_kind(rubric.scale),
        range=metric_range(rubric.scale),
        higher_is_better=higher_is_better(rubric.scale),
        version=rubric.version,
        unit="prompt" if rubric.scale.kind == "listwise" else "record",
        columns=tuple(Column(name, name, needed) for name, needed in required.items()),
    )


async def _ask_nobody(*columns: object, **options: object) -> list[Cell]:  # noqa: ARG001 - the contract of a scorer
    raise JudgeUnavailable("a rubric is scored by a judge, not by calling it", hint="judge score LOGS -s rubric:NAME --judge-model MODEL")
