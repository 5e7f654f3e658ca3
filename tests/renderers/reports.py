"""Reports made by hand, with texts of the test's choice in every field that data can reach."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from judgecli.report import (
    ContrastText,
    ConversationSummary,
    Distribution,
    MeasureText,
    MethodText,
    PolicyStanding,
    Report,
    ReportChange,
    ReportExample,
    Series,
    SeriesPoint,
)
from judgecli.signal.report.slices import Slice
from judgecli.signal.summary import MetricSummary
from judgecli.stats.intervals import Estimate

START = datetime(2026, 9, 7, tzinfo=UTC)


def summary(name: str, *, identity: str = "0123456789abcdef", pending: int = 0, kind: str = "number", category: str = "") -> MetricSummary:
    """A metric with a mean of 0.5, or a category."""
    estimate = Estimate(None, None, None, None) if category else Estimate(0.5, 0.05, 0.4, 0.6)
    unscored = {"not_applicable": 3}
    kind = "category" if category else kind
    categories = {category: 60, "other": 40} if category else {}
    return MetricSummary(name, identity, kind, True, 100, unscored, pending, estimate, 0.3, 0.7, 0.0, 0.5, 1.0, categories, {})


def report_of(texts: Sequence[str], *, pending: int = 0, windows: int = 3, policies: int = 6, verdict: str = "fail") -> Report:
    """A report in which every field that data can reach holds one of `texts`, each text in every kind of field as far as it has room."""
    names = list(dict.fromkeys(texts))
    variants = [f"{name} · {other}" for name, other in zip(names, names[::-1], strict=True)][:policies]
    metrics = [summary(name, identity=name, pending=pending, category=name if place % 5 == 4 else "") for place, name in enumerate(names)]
    points = [
        SeriesPoint(START + timedelta(days=day), START + timedelta(days=day + 1), 30, 0.5 + day / 1000, 0.4, 0.6, name)
        for day, name in zip(range(windows), names * windows, strict=False)
    ]
    examples = [ReportExample("00", name, START, name, 0.5, name, name, len(name) + 9, len(name), name, 7) for name in names]
    return Report(
        verdict=verdict,
        headline=[*names, *(f"{name} is worse than {name} on {name}: 1 against 2 ({name})." for name in names)],
        complete=not pending,
        partial=[f"{name}: 100 of {103 + pending} scored (pending {pending})" for name in names] if pending else [],
        selection=names[0],
        counts={"lines": 103, "accepted": 103, "quarantined": 0, "duplicate": 0, "forgotten": 0, "selected": 103},
        first_time=START,
        last_time=START + timedelta(days=windows),
        by=tuple(names[:2]),
        window="1d",
        subject=names[0],
        metrics=metrics,
        policies=variants,
        standings=[PolicyStanding(name, policy, 100, 103, 50, 0.5, 0.4, 0.6) for name in names for policy in variants]
        + [PolicyStanding(names[0], variants[0], 0, 3, 0, None, None, None, names[-1])],
        series=[Series(name, policy, identity, points) for name in names for policy in variants for identity in (name, "other")],
        changes=[
            ReportChange(name, name, name, name[::-1], 50, 50, 50, 50, 0.5, 0.4, 0.1, 0.05, 0.15, 0.001, 0.01, 0.5, place % 2 == 0)
            for place, name in enumerate(names)
        ],
        distributions=[Distribution(name, 3, (0.0, 1.0, 2.0), (1, 2), 1, 1) for name in names]
        + [Distribution(names[0], 100, categories=dict.fromkeys(names, 1))],
        slices=[Slice(name, name, name, 30, 100, 30, 0.4, 0.6, -0.2, -0.3, -0.1, 0.001, 0.01, 0.01, -0.5) for name in names],
        worst=examples[: len(examples) // 2],
        best=examples[len(examples) // 2 :],
        measures=[MeasureText(name, name, 1, "number", (0.0, 1.0), True, name, name) for name in names],
        gates=[{"gate": name, "verdict": name, "value": 0.5, "low": 0.4, "high": 0.6, "threshold": 0.7, "n": 100, "message": name} for name in names],
        notes=names,
        sentence=names[-1],
        tone=names[0],
        contrasts=[ContrastText(name, name, one, one) for name, one in zip(names, examples, strict=True)],
        quarantine=dict.fromkeys(names, 1),
        methods=[MethodText(name, name) for name in names],
        conversations=[
            *(ConversationSummary(name, variants[0], 9, 10, 0.5, 0.4, 0.6, 0.5, START, 30, -0.1, -0.2, 0.0, {1: -0.2}, name) for name in names),
            ConversationSummary(names[0], variants[0], 0, 3, None, None, None, None, None, 0, None, None, None, {}, names[-1]),
        ],
        judge_changes=[judge_change(name, place) for place, name in enumerate(names)],
        alarms=[alarm(name, place) for place, name in enumerate(names)],
    )


def judge_change(name: str, place: int) -> dict[str, object]:
    """A change of a judge, linked or not, with a text of the test's choice where data can reach it."""
    numbers = dict.fromkeys(("live", "shift", "shift_low", "shift_high", "rest", "rest_low", "rest_high"), 0.1 if place % 2 else None)
    judges = {side: {"identity": name, "served": [name]} for side in ("from", "to")}
    told = {"metric": name, "window_start": (START + timedelta(days=1)).isoformat(), "verdict": ("judge", "app", "unclear")[place % 3], "message": name}
    return {**told, **numbers, **judges, "set": name, "anchors": 50, "reasons": {"shift": name}}


def alarm(name: str, place: int) -> dict[str, object]:
    """An open alarm with a text of the test's choice where data can reach it."""
    times = {"time": "2026-09-22T10:00:00+00:00", "since": "2026-09-20T10:00:00+00:00", "recovered": None, "closed": None}
    told = {"kind": ("value", "missing")[place % 2], "direction": ("drop", "rise")[place % 3 // 2], "worse": (True, False, None)[place % 3]}
    numbers = {"size": -0.2, "before": 0.9, "after": 0.7, "n": 30}
    said = {"id": f"{place:010x}", "state": "open", "comment": name, "accepted": False, "identity": name}
    return {"metric": name, "policy": {name: name}, **times, **told, **numbers, **said}
