"""Where the model behind a judge changed: an endpoint may serve another one under the same name, and means do not compare across that line."""

from collections.abc import Mapping, Sequence

from judgecli.signal.windows import SignalRow

NOT_ONE_MODEL = "not all scores are by one served model"  # what compare, gates and drift say where `served_apart` has something to tell


def served_apart(sides: Mapping[str, Sequence[str]]) -> str | None:
    """What was served on each side, in words, where that was not one and the same model (or one jury, whose models stand in one text).

    Two sides that both hold scores of two models are apart as well, for nobody knows in which shares. None where all were alike, or no endpoint said
    what it serves.
    """
    if len({tuple(models) for models in sides.values()}) == 1 and all(len(models) < 2 for models in sides.values()):
        return None
    return "; ".join(f"{side}: {' and '.join(models) or 'not said'}" for side, models in sides.items())


def served_notes(rows: Sequence[SignalRow]) -> list[str]:
    """One sentence for each window in which a model appears that served no earlier window, and for windows that several served.

    Windows are those of the rows (without a time of their own, one window); segments count together.
    """
    found = []
    for name, identity in dict.fromkeys((row.metric, row.identity) for row in rows if row.served):
        own = sorted((row for row in rows if (row.metric, row.identity) == (name, identity) and row.served), key=_start)
        before: set[str] = set()
        last = ""
        for start in dict.fromkeys(map(_start, own)):
            models = {model for row in own if _start(row) == start for model in row.served}
            new = models - before
            if before and new:
                found.append(
                    f"{name}: served by {', '.join(sorted(models))} in the window from {start}, by {', '.join(sorted(before))} until the one from {last}: "
                    "the judge changed there, so a step in the mean may be the judge's"
                )
            elif not before and len(models) > 1:
                found.append(f"{name}: served by {len(models)} models in one window: {', '.join(sorted(models))}; scores of different models are no one series")
            before, last = before | models, start
    return found


def _start(row: SignalRow) -> str:
    return row.window_start.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00") if row.window_start is not None else "all"
