r"""TRL preference: a prompt, a better and a worse answer (DPO, reward, ORPO and CPO trainers).

{"prompt":[{"role":"user","content":"Refunds?"}],"chosen":[{"role":"assistant","content":"30 days."}],
 "rejected":[{"role":"assistant","content":"We are great!"}],"margin":0.4,"judge":"{\"source\":\"reward\",...}"}       (one line)

`margin` enters the loss of RewardTrainer and is ignored by the others. `tools` is JSON text, which
trainers parse: as objects, tools with different parameters would not fit one column.
Source: TRL 1.16, docs/source/dataset_formats.md, `preference`, explicit prompt.
"""

import math

import orjson

from judgecli.exporters.format import ExportFormat, ExportItem, ExportRow, check_messages, check_provenance, check_tools, plain_answer, provenance_text

MESSAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "prompt": {"ends": ("user", "tool")},
    "chosen": {"starts": ("assistant",)},
    "rejected": {"starts": ("assistant",)},
}


def row(item: ExportItem, standard: bool) -> ExportRow:
    """The line of a pair."""
    if standard:
        texts = {"prompt": item.prompt[0]["content"], "chosen": plain_answer(item.answer), "rejected": plain_answer(item.worse)}
        return {**texts, "margin": item.margin, "judge": provenance_text(item)}
    tools = {"tools": orjson.dumps(item.tools).decode()} if item.tools else {}
    return {"prompt": [*item.prompt], "chosen": [*item.answer], "rejected": [*item.worse], "margin": item.margin, **tools, "judge": provenance_text(item)}


def check(row: ExportRow, standard: bool) -> str | None:
    """What is wrong with a line."""
    if not row.keys() <= {*MESSAGES, "margin", "tools", "judge"} or not row.keys() >= {*MESSAGES, "margin", "judge"}:
        return f"has the keys {', '.join(row)}"
    for name, rules in MESSAGES.items():
        wrong = None if standard and isinstance(row[name], str) and row[name].strip() else check_messages(row[name], **rules)
        if wrong:
            return f"{name} {wrong}"
    if row["chosen"] == row["rejected"]:
        return "chosen and rejected are equal"
    if not isinstance(row["margin"], float) or not math.isfinite(row["margin"]) or row["margin"] <= 0:
        return f"the margin is {row['margin']}"
    return check_tools(row) or check_provenance(row)


FORMAT = ExportFormat(
    name="trl-preference",
    definition="A prompt with a better and a worse answer.",
    trainers="TRL DPOTrainer, RewardTrainer (with margin)",
    unit="pair",
    row=row,
    check=check,
    sample='{"prompt":[{"role":"user","content":"Refund policy?"}],"chosen":[{"role":"assistant","content":"30 days."}],'
    r'"rejected":[{"role":"assistant","content":"We are great!"}],"margin":0.4,"judge":"{\"source\":\"reward\"}"}',
)
