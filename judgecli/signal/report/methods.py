"""How a report's numbers were made, in plain words, with the numbers that were used."""

from collections.abc import Sequence

from judgecli.report import MethodText, ReportChange
from judgecli.signal.report.slices import ALPHA, MIN_CLUSTERS, Slice
from judgecli.signal.summary import MetricSummary

BY_CHANCE = (
    "How likely a difference is by chance is asked twice, and the less certain answer counts: by the spread within each side (Welch's t by cluster), and by "
    "how often as many clusters, drawn at random from both sides, differ as much. The second keeps a small group from looking certain only because it missed "
    "what is rare; the first keeps one that varies more from doing so."
)


def methods_of(
    metrics: Sequence[MetricSummary],
    changes: Sequence[ReportChange],
    slices: Sequence[Slice],
    *,
    cluster: str | None,
    clusters: int,
    gates: int,
    alarms: str | None,
    judges: int = 0,
) -> list[MethodText]:
    """A paragraph for each thing that the report decides. `cluster` is the configured column; `alarms` the budget in words, None without a monitor."""
    unit = cluster or "conversation (else user, else prompt)"
    found = [
        MethodText(
            "Means",
            f"A mean is over the scored answers, and n of N stands beside it. Its 95 % interval treats the {clusters:,} clusters, one a {unit}, as the "
            "independent units, not the single answers: answers of one conversation resemble each other. Rates, and columns of zeros and ones, have "
            "Wilson's interval; other numbers Student's t, with the limit on the side of a long tail moved out. On a scale with two ends no limit is "
            "nearer than values that so many clusters may have missed; equal values on an open scale have no interval.",
        ),
        MethodText(
            "What is missing",
            "An answer without a score is never counted as 0 and never left out in silence: the bounds say what the mean would be if all that failed or waits "
            "stood at the worst, or at the best, end of the scale.",
        ),
    ]
    if changes:
        found.append(
            MethodText(
                "Changes",
                f"{len(changes):,} differences were tested, and the one-in-{round(1 / ALPHA)} chance of a false alarm is shared among all of them (Holm). "
                f"{BY_CHANCE} Each side needs {MIN_CLUSTERS} clusters.",
            )
        )
    if slices:
        share = f"Of the {len(slices):,} slices that are listed about {100 * ALPHA:g} % may be there by chance (Benjamini and Hochberg)."
        found.append(MethodText("Slices", f"{share} {BY_CHANCE}"))
    if judges:
        found.append(
            MethodText(
                "Judges",
                "Scores of two judges are no one series. Anchors, frozen outputs that both rated, give the straight line between the two scales; "
                "the error of that line is in the interval of every linked number. A step is the judge's where the anchors' interval leaves 0 out "
                "on its side, the app's where it rules out half the step, and else unclear; fewer than 20 anchors are no verdict.",
            )
        )
    if gates:
        found.append(MethodText("Gates", "A gate passes only where the whole 95 % interval is on the right side of its threshold, whatever is missing."))
    if alarms:
        found.append(
            MethodText(
                "Alarms",
                f"Each chart bets against the claim that nothing changed and is looked at after every cluster, so looking daily costs nothing. {alarms} "
                "The date behind `since` is where the bets began to win.",
            )
        )
    categories = sum(summary.kind == "category" for summary in metrics)
    return [*found, *([MethodText("Categories", f"{categories:,} metrics are categories: they have counts and no mean.")] if categories else [])]
