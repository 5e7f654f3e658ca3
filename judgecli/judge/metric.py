"""A rubric as a scorer: what the metric is called, reads, and means."""

from judgecli.errors import JudgeUnavailable
from judgecli.judge.rubric import Rubric, Scale, higher_is_better, metric_kind, metric_range
from judgecli.scorer import ScoreLike, Scorer, ScorerColumn, Unit


def rubric_unit(scale: Scale) -> Unit:
    """What a scale judges: one answer, two answers to one prompt, or all answers to it."""
    units: dict[str, Unit] = {"pairwise": "pair", "listwise": "prompt"}
    return units.get(scale.kind, "record")


def rubric_scorer(rubric: Rubric, unit: Unit | None = None) -> Scorer:
    """The scorer of a rubric: columns, kind, range and direction. It is declared here and asked by a Judge; called, it raises JudgeUnavailable.

    `unit` is that of its scale unless it is given: a pairwise rubric of unit `record` compares each output with its reference.
    The answers that are compared stand in the column `outputs`, which no log has.
    """
    unit = unit or rubric_unit(rubric.scale)
    compared = {"outputs": False} if unit != "record" else {"reference": True} if rubric.scale.kind == "pairwise" else {}
    required = {**dict.fromkeys(rubric.optional, False), **dict.fromkeys(rubric.inputs, True), **compared}
    if rubric.media:
        required.setdefault("messages", False)
    return Scorer(
        name=f"rubric.{rubric.name}",
        function=_ask_nobody,
        kind=metric_kind(rubric.scale),
        range=metric_range(rubric.scale),
        higher_is_better=higher_is_better(rubric.scale),
        version=rubric.version,
        unit=unit,
        columns=tuple(ScorerColumn(name, name, needed) for name, needed in required.items()),
    )


async def _ask_nobody(*columns: object, **options: object) -> list[ScoreLike]:  # noqa: ARG001 - the contract of a scorer
    raise JudgeUnavailable("a rubric is scored by a judge, not by calling it", hint="judge score LOGS -s rubric:NAME --judge-model MODEL")
