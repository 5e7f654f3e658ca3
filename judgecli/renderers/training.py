"""What `judge rm train` prints: how good the model is on prompts that it was not fitted to, whether it merely learnt length, what to do next."""

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from judgecli.document import Document
from judgecli.renderers.report_tables import shown
from judgecli.renderers.reward_eval import pair_claims, verdict_claim
from judgecli.renderers.terminal import Page, number, render

KINDS = {"pairs": "pairs", "verdicts": "answers judged alone"}


def training_page(document: Document, page: Page) -> str:
    """The lines for a terminal."""
    parts: list[RenderableType] = [Text(shown(title(document), 200), "bold")]
    parts += [Text(shown(line, 400)) for line in (*quality_lines(document["held_out"]), tricks_line(document["tricks"]), *how_lines(document))]
    parts += [Text(""), Text(law(document["data"]))]
    parts += [Text(f"note      {shown(note, 300)}") for note in document["notes"]]
    parts += [Text(f"{'next' if place == 0 else '':<10}{shown(line, 300)}") for place, line in enumerate(document["next"])]
    return render(parts, page)


def title(document: Document) -> str:
    """What was made of what."""
    data = document["data"]
    kind = "a linear reward model" if document["kind"] == "linear" else "an encoder reward model"
    return f"{document['model']}: {kind} from {data['pairs']:,} pairs and {data['verdicts']:,} answers judged alone, of {data['prompts']:,} prompts"


def quality_lines(held_out: Document) -> list[str]:
    """How good it is on what was held out: the claims, each with what it rests on."""
    found = []
    pairs, verdicts = held_out["pairs"], held_out["verdicts"]
    if pairs is not None:
        found += [_told(line) for line in pair_claims(pairs)]
        found.append(_sure_line(pairs))
    if verdicts is not None:
        found.append(_told(verdict_claim(verdicts)))
        length, bases = verdicts["length"], verdicts["baselines"]
        rests = f"the longer answer above {_rate(bases['longer'])}, the shorter {_rate(bases['shorter'])}; {length['n']:,} good answers beside bad ones"
        found.append(f"of answers judged alone, {length['told']} ({rests})")
        found.append(_sure_line(verdicts))
    if held_out.get("test") is not None:
        found += [f"test: {_told(line)}" for line in pair_claims(held_out["test"])]
        found.append(f"test: {_sure_line(held_out['test'])}")
    found += [f"how good it is on {KINDS[kind]} cannot be told: {why}" for kind, why in held_out["reasons"].items()]
    return found or ["how good it is cannot be told: nothing was held out"]


def tricks_line(tricks: Sequence[Document]) -> str:
    """Which tricks were found to pay."""
    if not tricks:
        return "no trick was found to pay among a few; judge rm audit looks closer"
    named = ", ".join(f"{one['trick']} {_rate(one['share'])}" for one in tricks)
    return f"can be fooled: these get more than an honest answer: {named}"


def how_lines(document: Document) -> list[str]:
    """How it was made, where that is not the plain way."""
    found = []
    groups = document["data"]["groups"]
    if groups["n"] < document["data"]["prompts"]:
        found.append(f"prompts that are equal or nearly so (of dialogues: the first question) and equal answers were held out together: {groups['n']:,} groups")
    if groups["not_measured"]:
        found.append(f"{groups['not_measured']:,} rows were learnt from and not measured: a prompt or an answer of theirs is that of more than a fifth of all")
    if document.get("negatives"):
        found.append(f"also trained against {document['negatives']:,} worthless answers (--no-negatives leaves them out)")
    if document.get("members", 1) > 1:
        found.append(f"an ensemble of {document['members']} members; the figures are of the first")
    if document.get("embeddings"):
        read = document["embeddings"]
        found.append(f"reads embeddings of {read['folder']} ({read['width']} numbers, scale {read['scale']:g})")
    if document.get("steps") is not None:
        found.append(f"fine-tuned in {document['steps']:,} steps on {document['device']}; last loss {number(document['loss'])}")
    return found


def law(data: Document) -> str:
    """The conservation law of what was read, and why what was dropped was."""
    dropped = sum(data["dropped"].values())
    why = f" ({', '.join(f'{shown(reason)} {count:,}' for reason, count in sorted(data['dropped'].items()))})" if dropped else ""
    return f"{data['read']:,} read = {data['pairs']:,} pairs + {data['verdicts']:,} verdicts + {dropped:,} dropped{why}"


def _told(line: Mapping[str, str]) -> str:
    return f"{line['claim']} ({line['evidence']})"


def _sure_line(quality: Document) -> str:
    before = quality["before_calibration"]
    errors, scores = (f"{number(quality[name])}" + ("" if before[name] is None else f" ({number(before[name])} before)") for name in ("ece", "brier"))
    return f"calibration error {errors}, Brier score {scores}; 0 is perfect for both, a coin has a Brier score of 0.25"


def _rate(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
