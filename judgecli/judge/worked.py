"""The worked examples of a rubric as rows and as the score that they ought to get."""

from collections.abc import Mapping

from judgecli.judge.form import NotAgreed, example_object, form_of
from judgecli.judge.prompt import split_steps
from judgecli.judge.rubric import CategoriesScale, ChecklistScale, ClaimsScale, Example, ListwiseScale, PairwiseScale, Rubric, StepsScale
from judgecli.judge.scales import checklist_share, steps_value
from judgecli.scorer import Score


def check_example(rubric: Rubric, example: Example) -> object:
    """What the verdict of an example says, None where it cannot be judged. Raises: NotAgreed."""
    extra = {"claims"} if isinstance(rubric.scale, ClaimsScale) else set()
    count = _count(rubric, example)
    form = form_of(rubric, count=count)
    unknown = sorted(set(example.verdict) - {form.key} - extra)
    if unknown or form.key not in example.verdict:
        raise NotAgreed(f"the verdict of an example has the key {form.key}, found {', '.join(example.verdict)}")
    if extra and not isinstance(example.verdict.get("claims"), list):
        raise NotAgreed("the verdict of an example names its claims too")
    return form.read(example_object(rubric, example.verdict, example.why))[0]


def _count(rubric: Rubric, example: Example) -> int:
    """How many verdicts or places the example must hold."""
    scale = rubric.scale
    if isinstance(scale, ClaimsScale):
        claims = example.verdict.get("claims")
        return len(claims) if isinstance(claims, list) else 0
    if isinstance(scale, StepsScale):
        given = example.given.get(scale.of)
        return len(split_steps(given)) if isinstance(given, str) else len(given) if isinstance(given, list) else 0
    outputs = example.given.get("outputs")
    return len(outputs) if isinstance(outputs, list) else 0


def expected_score(rubric: Rubric, example: Example) -> Score | None:
    """The score that an example ought to get; None where it depends on claims of the other side. Raises: NotAgreed."""
    said, scale = check_example(rubric, example), rubric.scale
    if said is None:
        return Score(reason=rubric.cannot_judge.reason)
    if isinstance(scale, ChecklistScale) and isinstance(said, Mapping):
        return Score(value=checklist_share(scale, said))
    if isinstance(scale, CategoriesScale):
        return Score(value=None if scale.points is None else scale.points[str(said)], label=str(said))
    if isinstance(scale, PairwiseScale):
        return Score(value={"A": 1.0, "B": 0.0, "tie": 0.5}[str(said)])
    if isinstance(scale, ListwiseScale) and isinstance(said, list):
        return Score(value=float(said[0]))
    if isinstance(scale, StepsScale) and isinstance(said, list):
        return Score(value=steps_value(scale, said)[0])
    if isinstance(scale, ClaimsScale) and isinstance(said, list):
        return None if scale.measure == "f1" else Score(value=said.count(scale.measure) / len(said)) if said else Score(reason="not_applicable")
    return Score(value=float(said)) if isinstance(said, float) else None


def agrees(rubric: Rubric, expected: Score, score: Score) -> bool:
    """Whether a judge's score is the one that was written down: exactly, or by at most one point on a number scale, 0.2 on a share."""
    if expected.reason is not None or score.reason is not None:
        return expected.reason == score.reason
    if expected.value is None or score.value is None:
        return expected.label == score.label
    slack = {"number": 1.0, "checklist": 0.2, "claims": 0.2, "steps": 0.2}.get(rubric.scale.kind, 1e-9)
    return abs(expected.value - score.value) <= slack + 1e-9
