"""The reward models there are, and the card of one in words, for a terminal."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.report_tables import NONE, shown
from judgecli.renderers.terminal import Page, number, render, table

WIDE = 400


def model_list(models: Sequence[Document], page: Page) -> str:
    """A line a model; below, why one is refused."""
    if not models:
        return render([Text("no reward model is here; judge rm train makes one")], page)
    columns = ("model", "kind", "held out", "95 % interval", "knows more than length", "licence of the data", "folder")
    parts: list[RenderableType] = [table(columns, [_row(one) for one in models], right=columns[2:4])]
    parts += [Text(f"refused   {shown(one['refused'], WIDE)}") for one in models if one["refused"]]
    return render(parts, page)


def _row(one: Document) -> list[str]:
    quality = next(iter(one["quality"].values()), None)
    value, span = (NONE, NONE) if quality is None else (_value(quality), _span(quality["low"], quality["high"]))
    verdict = NONE if quality is None else {"beyond_length": "yes", "undecided": "cannot be told"}.get(quality["length_verdict"] or "undecided", "no")
    return [shown(one["name"]), one["kind"] or "refused", value, span, verdict, shown(one["licence"] or NONE), shown(one["folder"])]


def model_card(card: Document, page: Page) -> str:
    """The card in words."""
    parts: list[RenderableType] = [Text(shown(f"{card['name']}: {'an encoder' if card['kind'] == 'encoder' else 'a linear'} reward model", 200), "bold")]
    lines = [("for", card["about"]), *_trained(card)]
    for kind, quality in card["quality"].items():
        lines += _quality(kind, quality)
    lines += [("limit", text) for text in card["limits"]]
    lines += [("file", f"{one['name']}   {one['bytes']:,} bytes   sha256 {one['sha256']}") for one in card["files"]]
    lines += [("identity", f"{card['identity']}   features {card['features_code'] or NONE}"), ("made", f"{card['created']} by judge {card['tool']}")]
    parts += [Text(f"{name:<10}{shown(text, WIDE)}") for name, text in lines if text]
    return render(parts, page)


def _trained(card: Document) -> list[tuple[str, str]]:
    counts = card["counts"]
    told = {"pairs": "pairs", "verdicts": "answers judged alone", "prompts": "prompts"}
    rows = [f"{counts[name]:,} {noun}" for name, noun in told.items() if counts.get(name)]
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in sorted(card["dropped"].items()))
    found = [("learnt", f"from {', '.join(rows)}" + (f"; left out: {dropped}" if dropped else ""))]
    found += [("data", f"{one['name']}   sha256 {one['sha256']}") for one in card["data"]]
    found.append(("licence", f"{card['licence']} (of the data)" if card["licence"] else "of the data is not known: --licence says it"))
    if card["encoder"] is not None:
        facts = card["encoder"]
        found.append(("base", f"fine-tuned from {facts['base']}, {facts['max_length']:,} tokens"))
    if card["embedding"] is not None:
        read = card["embedding"]
        found.append(("reads", f"embeddings of {read['name']} ({read['width']} numbers, scale {read['scale']:g}), sha256 {read['sha256']}"))
    if card["members"] > 1:
        found.append(("members", f"{card['members']}"))
    return found


def _quality(kind: str, quality: Document) -> list[tuple[str, str]]:
    """How good it is on what was held out."""
    span, n = _span(quality["low"], quality["high"]), f"{quality['n']:,}"
    said = f"prefers what people preferred in {_value(quality)} of {n} {'test' if kind == 'test' else 'held-out'} pairs"
    if quality["measure"] == "auroc":
        said = f"puts a good answer above a bad one in {_value(quality)}, of {n} held-out answers"
    found = [(kind, f"{said} (95 % interval {span}; longer wins {_rate(quality['longer'])}, shorter wins {_rate(quality['shorter'])})")]
    matched = ""
    if quality["matched_n"]:
        limits = _span(quality["matched_low"], quality["matched_high"])
        matched = f"; on {quality['matched_n']:,} pairs of like length {_rate(quality['matched'])} ({limits})"
    found.append(("", f"{quality['told'] or 'what length has to do with it is not known'}{matched}"))
    before = "" if quality["ece_before"] is None else f" ({number(quality['ece_before'])} and {number(quality['brier_before'])} before calibration)"
    found.append(("", f"calibration error {number(quality['ece'])}, Brier score {number(quality['brier'])}{before}"))
    return found


def _value(quality: Document) -> str:
    return _rate(quality["value"])


def _rate(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f} %"


def _span(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f} %"
