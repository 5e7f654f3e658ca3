"""Where the model behind a judge changed: an endpoint may serve another one under the same name, and means do not compare across that line."""

from collections.abc import Iterable, Sequence

from judgecli.signal.windows import SignalRow


def split_models(served: Iterable[str]) -> list[str]:
    """The models that stand beside scores, each once; of a jury all of them stand in one text."""
    return sorted({model for text in served for model in text.split(", ") if model})


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
