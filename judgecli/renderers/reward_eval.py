"""An evaluation of a reward model for a terminal, as Markdown, and as one HTML page with charts.

Every text from data is made visible, cut and escaped. The verdict on length stands first: an accuracy alone says little.
"""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers import charts
from judgecli.renderers.charts import Frame
from judgecli.renderers.curves import Curve, CurvePlace, curve_chart
from judgecli.renderers.report_html import drawn_tables, render_page
from judgecli.renderers.report_markdown import markdown_table, plain
from judgecli.renderers.report_tables import NONE, ReportTable, TableCell, shown
from judgecli.renderers.terminal import Page, number, render, table
from judgecli.report import Distribution
from judgecli.reward_model.process import AGGREGATES
from judgecli.signal.report.headline import plain_number

MOST_SEGMENTS = 60
CARD = Frame(360, 190)
TONES = {"length_only": "worse", "nothing": "worse", "mostly_length": "worse", "beyond_length": "better", "undecided": ""}


def evaluation_page(document: Document, page: Page) -> str:
    """The lines for a terminal."""
    parts: list[RenderableType] = [Text(shown(title(document), 200), "bold")]
    parts += [Text(shown(f"{line['claim']} ({line['evidence']})", 400)) for line in headline(document)]
    for one in tables(document):
        right = [name for place, name in enumerate(one.columns) if any(row[place].style == "n" for row in one.rows)]
        parts += [Text(""), Text(one.title, "bold"), table(one.columns, [[cell.text for cell in row] for row in one.rows], right=right)]
    parts += [Text(""), Text(law(document))]
    parts += [Text(f"note      {shown(note, 300)}") for note in notes(document)]
    return render(parts, page)


def evaluation_markdown(document: Document) -> str:
    """The document for a pull request."""
    lines = [f"# {plain(shown(title(document), 200))}", ""]
    lines += [f"- **{plain(shown(line['claim'], 300))}** {plain(shown(line['evidence'], 300))}".rstrip() for line in headline(document)]
    lines += ["", *(markdown_table(one) for one in tables(document)), plain(law(document)), ""]
    lines += [f"- {plain(shown(note, 300))}" for note in notes(document)]
    return "\n".join(lines).rstrip() + "\n"


def evaluation_html(document: Document) -> str:
    """One page: no script, nothing loaded, a policy that forbids both."""
    page = {
        "title": shown(title(document), 200),
        "scope": shown(f"identity {document['identity']}", 100) if document["identity"] else "rewards as stored in the rows",
        "headline": headline(document),
        "law": law(document),
        "cards": cards(document),
        "tables": drawn_tables(tables(document)),
        "notes": [shown(note, 400) for note in notes(document)],
    }
    return render_page("reward_model.html", page)


def title(document: Document) -> str:
    """What the page is about."""
    return f"Reward model {document['model']}" if document["model"] is not None else "Stored rewards"


def headline(document: Document) -> list[dict[str, str]]:
    """The claims, each with what it rests on; the one on length follows the accuracy at once."""
    found = []
    if document["n"]:
        calibration = f"calibration error {number(document['ece'])}, Brier score {number(document['brier'])}"
        found += [*pair_claims(document), _line(calibration, "0 is perfect for both; a coin has a Brier score of 0.25")]
    for name, key in (("RewardBench", "reward_bench"), ("RewardBench 2", "reward_bench_2")):
        bench = document[key]
        if bench is not None:
            missing = f"without {', '.join(bench['missing'][:4])}{' …' if len(bench['missing']) > 4 else ''}" if bench["missing"] else "complete"
            found.append(_line(f"{name}: {_rate(bench['score'])}", missing))
    if document["best_of_n"]:
        last = document["best_of_n"][-1]
        voted = f", majority {_rate(last['majority']['estimate'])}" if last["majority"] else ""
        evidence = f"blind {_rate(last['first']['estimate'])}{voted}, best there is {_rate(last['passed']['estimate'])}; {last['prompts']:,} prompts"
        found.append(_line(f"best of {last['n']}: {_rate(last['best']['estimate'])}", evidence))
    if document["steps"] is not None:
        steps = document["steps"]
        claim = f"first wrong step: ProcessBench score {_rate(steps['score'])}"
        hits = f"found in {_rate(steps['erroneous']['estimate'])} of {steps['erroneous']['n']:,} answers with one"
        found.append(_line(claim, f"{hits}, none named in {_rate(steps['correct']['estimate'])} of {steps['correct']['n']:,} without"))
    if document["verdicts"] is not None:
        found.append(verdict_claim(document["verdicts"]))
    return found


def pair_claims(document: Document) -> list[dict[str, str]]:
    """How often it is right on pairs, and at once what length has to do with it."""
    matched, bases = document["length_matched"], document["baselines"]
    ties = f", {document['ties']['model']:,} equal rewards" if document["ties"]["model"] else ""
    right = f"prefers what people preferred in {_rate(document['accuracy'])} of {document['n']:,} pairs"
    rests = f"longer wins {_rate(bases['longer'])}, shorter wins {_rate(bases['shorter'])}"
    rests += f"; on {matched['n']:,} pairs of like length {_rate(matched['accuracy'])}"
    beyond = document["beyond_length"]
    rests += f"; beyond length {_signed(beyond)}" if beyond["estimate"] is not None else ""
    accuracy = _line(right, f"95 % interval {_span(document)}, {document['clusters']:,} groups of prompts and answers{ties}")
    return [accuracy, _line(document["told"], rests, TONES[document["length_verdict"]])]


def verdict_claim(judged: Document) -> dict[str, str]:
    """How well it orders answers judged alone."""
    claim = f"puts a good answer above a bad one in {_rate(judged['auroc'])}"
    if judged["auroc"] is None:
        claim = "the answers judged alone are all good or all bad"
    return _line(claim, f"95 % interval {_span(judged)}, {judged['n']:,} answers judged alone, {judged['good']:,} of them good")


def _line(claim: str, evidence: str, tone: str = "") -> dict[str, str]:
    return {"claim": claim, "evidence": evidence, "tone": tone}


def tables(document: Document) -> list[ReportTable]:
    """The tables that this evaluation has."""
    found = [_segments(document)] if document["segments"] else []
    if document["reward_bench"] is not None:
        found.append(_bench(document["reward_bench"]))
    if document["reward_bench_2"] is not None:
        found.append(_bench_2(document["reward_bench_2"]))
    if document["steps"] is not None:
        found.append(_steps(document["steps"]))
    return [*found, _best_of_n(document["best_of_n"])] if document["best_of_n"] else found


def _segments(document: Document) -> ReportTable:
    rows = [
        [TableCell(shown(f"{one['tag']} = {one['value']}")), _n(one["n"]), _r(one["accuracy"]), TableCell(_span(one), "n"), _r(one["longer"])]
        for one in document["segments"][:MOST_SEGMENTS]
    ]
    left = len(document["segments"]) - len(rows)
    caption = "Accuracy by tag, beside always preferring the longer answer." + (f" {left} more segments are in the JSON." if left else "")
    return ReportTable("segments", "Segments", caption, ("segment", "pairs", "accuracy", "95 % interval", "longer wins"), rows)


def _bench(bench: Document) -> ReportTable:
    rows = [[TableCell(shown(name)), TableCell(""), _r(score)] for name, score in bench["sections"].items()]
    rows += [[TableCell(shown(f"  {name}")), _n(one["n"]), _r(one["accuracy"])] for name, one in bench["subsets"].items()]
    rows += [
        [TableCell(f"right answers tend to be {bias}" if bias != "neutral" else "length says nothing"), _n(one["n"]), _r(one["accuracy"])]
        for bias, one in bench["by_length"].items()
    ]
    caption = "Sections weigh subsets by their full size; the score is their mean. Below, the pairs by what length says in their subset."
    return ReportTable("reward-bench", "RewardBench", caption, ("section, subset", "pairs", "accuracy"), rows)


def _bench_2(bench: Document) -> ReportTable:
    rows = [[TableCell(shown(name)), _n(one["n"]), _r(one["score"])] for name, one in bench["domains"].items()]
    rows += [[TableCell(shown(f"  {name}")), TableCell(""), _r(value)] for name, value in bench["ties"].items()]
    caption = "One right answer of four (chance 25 %), equal rewards at the top share; Ties has a rule of its own. The score is the mean."
    return ReportTable("reward-bench-2", "RewardBench 2", caption, ("domain", "prompts", "score"), rows)


def _steps(steps: Document) -> ReportTable:
    rows = [[TableCell("a right step above a wrong one"), _r(steps["auroc"])]]
    rows += [[TableCell(f"a right answer above a wrong one, by the {how} of its steps"), _r(steps["answers"][how])] for how in AGGREGATES]
    caption = "The threshold of a wrong step was found on the other half of the prompts."
    return ReportTable("steps", "Steps", caption, ("orders", "share"), rows)


def _best_of_n(points: Sequence[Document]) -> ReportTable:
    rows = [
        [
            TableCell(str(point["n"]), "n"),
            TableCell(number(point["kl"]), "n"),
            _r(point["best"]["estimate"]),
            TableCell(_span(point["best"]), "n"),
            _r(None if point["majority"] is None else point["majority"]["estimate"]),
            _r(point["passed"]["estimate"]),
        ]
        for point in points
    ]
    caption = "Mean gold of the output that the reward picks among n, of the most common answer, and of the best there is. KL in nats: log n - (n - 1) / n."
    return ReportTable("best-of-n", "Best of n", caption, ("n", "KL", "by reward", "95 % interval", "majority", "best there is"), rows)


def cards(document: Document) -> list[dict[str, str]]:
    """The charts: margins, reliability, best of n."""
    found = []
    bars = document["margin"]["bars"]
    if bars:
        edges = [bar["low"] for bar in bars] + [bars[-1]["high"]]
        spread = Distribution("margin", sum(bar["n"] for bar in bars), edges, [bar["n"] for bar in bars])
        text = "reward of the preferred answer minus that of the other; the outermost columns hold what lies beyond"
        found.append({"name": "Margins", "text": text, "chart": charts.histogram(spread, plain_number, CARD)})
    if document["reliability"]:
        found.append({"name": "Reliability", "text": "how often it is right, by how sure it is; the dashed line is honest", "chart": _reliability(document)})
    if len(document["best_of_n"]) > 1:
        text = "mean gold by n: by reward (circles), by majority (squares), the best there is (triangles)"
        found.append({"name": "Best of n", "text": text, "chart": _curves(document["best_of_n"])})
    return found


def _reliability(document: Document) -> str:
    places = [CurvePlace(bar["confidence"], bar["accuracy"], told=_told(bar)) for bar in document["reliability"]]
    honest = Curve("honest", [CurvePlace(0.5, 0.5), CurvePlace(1.0, 1.0)], 5, plain=True)
    return curve_chart([honest, Curve("model", places)], "reliability", _rate, CARD, x_ticks=[0.5, 0.6, 0.7, 0.8, 0.9, 1.0], show_x=_rate)


def _told(bar: Document) -> str:
    return f"{_rate(bar['confidence'])} sure, {_rate(bar['accuracy'])} right, n {bar['n']:,}"


def _curves(points: Sequence[Document]) -> str:
    curves = []
    for colour, (key, name) in enumerate((("best", "by reward"), ("majority", "majority"), ("passed", "best there is"))):
        held = [(point["n"], point[key]) for point in points if point[key] is not None]
        limits = [(one["low"], one["high"]) if key == "best" else (None, None) for _, one in held]  # three whiskers in one place hide each other
        told = [f"best of {n}: {_rate(one['estimate'])} ({_span(one)})" for n, one in held]
        places = [CurvePlace(n, one["estimate"], ends[0], ends[1], text) for (n, one), ends, text in zip(held, limits, told, strict=True)]
        curves.append(Curve(name, places, colour))
    return curve_chart(curves, "best of n", _rate, CARD, x_ticks=[point["n"] for point in points], show_x=lambda x: f"{x:.0f}", log=True)


def law(document: Document) -> str:
    """The conservation law, and why what was dropped was."""
    data = document["data"]
    dropped = sum(data["dropped"].values())
    why = f" ({', '.join(f'{shown(reason)} {count:,}' for reason, count in sorted(data['dropped'].items()))})" if dropped else ""
    kept = f"{data['pairs']:,} pairs + {data['verdicts']:,} verdicts + {data['prompts_with_outputs']:,} prompts with outputs"
    kept += f" + {data['solutions']:,} solutions" if data["solutions"] else ""
    return f"{data['read']:,} read = {kept} + {dropped:,} dropped{why}"


def notes(document: Document) -> list[str]:
    """What else is to be known."""
    found = [str(note) for note in document["notes"]]
    if document["ties"]["labels"]:
        margin, tied = document["margin"]["median"], document["margin"]["median_tied"]
        told = f"{document['ties']['labels']:,} pairs in which people preferred neither"
        found.append(f"{told}: the median margin there is {number(tied)}, elsewhere {number(margin)}")
    if document["outside"]:
        found.append(f"{_rate(document['outside'])} of the outputs lie outside what the model was trained on")
    if document["tags"] and not document["segments"]:
        found.append(f"segments can be shown with --by {', '.join(document['tags'])}")
    return found


def _n(count: int) -> TableCell:
    return TableCell(f"{count:,}", "n")


def _r(share: float | None) -> TableCell:
    return TableCell(_rate(share), "n")


def _rate(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f} %"


def _span(item: Document) -> str:
    return NONE if item["low"] is None else f"{100 * item['low']:.1f} to {100 * item['high']:.1f} %"


def _signed(item: Document) -> str:
    limits = "" if item["low"] is None else f" ({100 * item['low']:+.1f} to {100 * item['high']:+.1f})"
    return f"{100 * item['estimate']:+.1f} points{limits}"
