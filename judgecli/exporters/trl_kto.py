r"""TRL unpaired preference: a prompt, one answer, and whether it is good (KTO trainer).

{"prompt":[{"role":"user","content":"Refunds?"}],"completion":[{"role":"assistant","content":"We are great!"}],
 "label":false,"judge":"{\"source\":\"user\",...}"}       (one line)

Source: TRL 1.16, docs/source/dataset_formats.md, `unpaired preference`. `tools` as in trl_preference.py.
"""

import orjson

from judgecli.exporters.format import ExportFormat, ExportItem, ExportRow, check_messages, check_provenance, check_tools, plain_answer, provenance_text

MESSAGES: dict[str, dict[str, tuple[str, ...]]] = {"prompt": {"ends": ("user", "tool")}, "completion": {"starts": ("assistant",)}}


def row(item: ExportItem, standard: bool) -> ExportRow:
    """The line of an example."""
    if standard:
        return {"prompt": item.prompt[0]["content"], "completion": plain_answer(item.answer), "label": item.good, "judge": provenance_text(item)}
    tools = {"tools": orjson.dumps(item.tools).decode()} if item.tools else {}
    return {"prompt": [*item.prompt], "completion": [*item.answer], "label": item.good, **tools, "judge": provenance_text(item)}


def check(row: ExportRow, standard: bool) -> str | None:
    """What is wrong with a line."""
    if not row.keys() <= {*MESSAGES, "label", "tools", "judge"} or not row.keys() >= {*MESSAGES, "label", "judge"}:
        return f"has the keys {', '.join(row)}"
    for name, rules in MESSAGES.items():
        wrong = None if standard and isinstance(row[name], str) and row[name].strip() else check_messages(row[name], **rules)
        if wrong:
            return f"{name} {wrong}"
    return check_tools(row) or check_provenance(row) if isinstance(row["label"], bool) else f"the label is {row['label']}"


FORMAT = ExportFormat(
    name="trl-kto",
    definition="A prompt with one answer that is good or bad.",
    trainers="TRL KTOTrainer",
    unit="example",
    row=row,
    check=check,
    sample='{"prompt":[{"role":"user","content":"Refund policy?"}],"completion":[{"role":"assistant","content":"We are great!"}],'
    r'"label":false,"judge":"{\"source\":\"user\"}"}',
)
