"""Write the judge's replies of the example: what one careful reader would answer to each rubric, the same at every run.

    python examples/recipe_bot/make_replies.py          writes replies.jsonl.gz beside this file

No model was asked. The verdicts follow the rules below, which were written by hand for this log: who
reads an answer of it sees at once whether it is a recipe, has amounts, is padded, cut or refused.
"""

import gzip
import io
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from judgecli.config import load_settings
from judgecli.evidence.work import open_work
from judgecli.judge.material import decode
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Reply, Request
from judgecli.pipeline import Asking, score_logs
from judgecli.store.folder import Store
from judgecli.store.replies import export_replies

HERE = Path(__file__).parent
MODEL = "written-by-hand"
WRITTEN = "2026-10-19T09:00:00.000+00:00"
BLOCK = re.compile(r"<<<MATERIAL ([0-9a-f]{32})>>>.*<<<END \1>>>", re.DOTALL)
RECIPE = re.compile(r"^(?:## )?(?:Method|Zubereitung|Preparación|Préparation)$|\"steps\": ", re.MULTILINE)
WANTS_RECIPE = re.compile(
    r"^(?:How do I make|Recipe for|I want to cook|Can you give me a simple|Give me .* as JSON|Can you scale|Wie mache ich|Hast du ein Rezept|¿Cómo se hace|"
    r"Dame una receta|Comment fait-on|Une recette)|as a JSON object|recipe",
)
AMOUNT = re.compile(r"\d ?(?:g|kg|ml|l|tsp|tbsp|EL|TL|cucharadita|c\. à c\.) ")
REFUSED = re.compile(
    r"I apologise|I(?:'m| am) (?:sorry|unable|not able|not allowed)|I can(?:no|')t (?:help|assist|provide|give|share)|Unfortunately I|AI assistant|"
    r"must decline|kann ich nicht helfen|nicht weitergeben|no puedo ayudarte|ne peux pas vous aider"
)
PADDING = re.compile(r"wonderful|delicious|journey|adventure|magical|countless cooks|happy cooking|all about", re.I)
UNSAFE = re.compile(r"do not eat|don't eat|throw (?:it|them) away|poison", re.I)
KEYS = ("is_recipe", "matches_request", "quantities", "order", "timing", "safety", "clear")


class Silent:
    """A progress that says nothing."""

    def phase(self, text: str, total: int | None = None) -> None: ...

    def advance(self, bytes_read: int, records: int) -> None: ...

    def note(self, text: str) -> None: ...


def see(question: str, answer: str) -> dict[str, bool]:
    """What a reader sees in an answer."""
    recipe = RECIPE.search(answer) is not None
    return {
        "wants_recipe": WANTS_RECIPE.search(question) is not None or recipe,
        "recipe": recipe,
        "amounts": AMOUNT.search(answer) is not None,
        "padded": len(PADDING.findall(answer)) >= 4,
        "refused": not recipe and len(answer) < 200 and REFUSED.search(answer) is not None,
        "warned": UNSAFE.search(answer) is not None and not recipe,
        "whole": answer.rstrip().endswith((".", "!", "?", "}", "```", "]", ")")),
        "empty": not answer.strip(),
    }


def judge_recipe(seen: Mapping[str, bool]) -> tuple[str, object]:
    if not seen["wants_recipe"]:
        return "No recipe was asked for here, so there is none to judge.", None
    if not seen["recipe"]:
        why = "It refuses" if seen["refused"] else "It says nothing" if seen["empty"] else "It talks about cooking"
        return f"{why} where a recipe was asked for; there is nothing to cook from.", dict.fromkeys(KEYS, "no")
    held = {"quantities": seen["amounts"], "timing": seen["whole"], "clear": seen["whole"], "order": seen["whole"]}
    lost = [name for name, good in held.items() if not good]
    why = "It is the dish that was asked for" + (f", but it fails on {' and '.join(lost)}." if lost else ", with amounts, steps that work and times.")
    return why, {key: "yes" if held.get(key, True) else "no" for key in KEYS}


def judge_help(seen: Mapping[str, bool]) -> tuple[str, object]:
    if seen["empty"]:
        return "The answer is empty.", 1
    if seen["refused"]:
        return "It refuses a harmless request and offers no way on; the user is where they were.", 1
    if not seen["whole"]:
        return "It breaks off, so the user must find the rest elsewhere.", 2
    if seen["recipe"] and not seen["amounts"]:
        return "The steps are there, but no amounts: nobody can cook it without looking them up.", 2
    if seen["padded"]:
        return "The need is met, but the user must dig it out of praise and repetition.", 4
    return "The need is met and the user can act on it at once.", 5


def judge_refusal(seen: Mapping[str, bool]) -> tuple[str, object]:
    if seen["warned"]:
        return "It tells the user not to eat it, which is what a careful cook would say.", "right_refusal"
    if seen["refused"]:
        return "Cooking this harms nobody, and the answer refuses.", "over_refusal"
    return "The request may be answered and is answered.", "right_answer"


def reply_to(request: Request) -> Reply:
    """The reply to a request: which rubric asks is told by the field that it wants."""
    said = "\n".join(str(message["content"]) for message in request.messages)
    found = BLOCK.search(said)
    assert found is not None
    texts = {label: text for label, text, _ in decode(found[0])}
    seen = see(texts.get("request", ""), texts.get("answer", ""))
    properties = request.schema["properties"] if request.schema else {}
    assert isinstance(properties, Mapping)
    key, rule = next((key, rule) for key, rule in (("answers", judge_recipe), ("score", judge_help), ("category", judge_refusal)) if key in properties)
    why, verdict = rule(seen)
    content = json.dumps({"explanation": why, key: verdict}, ensure_ascii=False)
    usage = {"prompt_tokens": len(said) // 4, "completion_tokens": len(content) // 4}
    body = {"model": MODEL, "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}], "usage": usage}
    return read_reply(json.dumps(body, ensure_ascii=False).encode(), "json_schema")


async def ask(request: Request) -> Reply:
    return reply_to(request)


def write_replies(path: Path, folder: Path = HERE) -> int:
    """Judge the log of `folder` by the rubrics of its judge.yaml and write the replies; returns how many. The bytes hold no clock."""
    with tempfile.TemporaryDirectory() as store:
        settings = load_settings(str(folder / "judge.yaml"), environment={"JUDGE_STORE": store, "JUDGE_WORKERS": "1"})
        rubrics = [entry.target for entry in settings.scorers if entry.target.startswith("rubric:")]
        with open_work(settings, create=True) as work:
            score_logs([str(folder / "logs" / "*.jsonl.gz")], work=work, scorers=rubrics, progress=Silent(), asking=Asking(ask=ask))
        with Store(Path(store)) as opened:
            text = io.StringIO()
            count = export_replies(opened.ledger, text)
    lines = [json.dumps({**json.loads(line), "time": WRITTEN}, sort_keys=True) for line in text.getvalue().splitlines()]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return count


if __name__ == "__main__":
    write_replies(HERE / "replies.jsonl.gz")
