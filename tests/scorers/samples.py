"""A small fixed corpus with every record column, for tests over all scorers. Values of it are in tests/data/golden_scores.json.

Changing a row changes the golden values of most scorers: add rows at the end, then see golden.py.
"""

from datetime import UTC, datetime
from typing import Any

from judgecli.scorer import Scorer


def call(identity: str, name: str, arguments: str) -> dict[str, str]:
    return {"type": "tool_call", "id": identity, "name": name, "arguments": arguments}


def result(identity: str, text: str) -> dict[str, str]:
    return {"type": "tool_result", "id": identity, "result": text}


def says(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]}


PROSE = (
    "The old bridge was built in 1874 by two brothers. It crosses the river near the mill, and it still carries carts. "
    "People say that the bridge sings when the wind comes from the north. Is that true? Nobody knows; the sound is real, though."
)
LOOP = "I will try again. " * 12
MARKDOWN = (
    "# Plan\n\n- buy **flour**\n- buy milk\n- buy milk\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint('hello')\n```\nSee https://example.org/a?b=1."
)
ROWS: list[dict[str, Any]] = [
    {
        "input": "What is the capital of France?",
        "output": "The capital of France is Paris.",
        "reference": "Paris",
        "contexts": ["France is a country in Europe. Its capital is Paris.", "Berlin is the capital of Germany."],
        "latency_ms": 820.5,
        "tokens_in": 9.0,
        "tokens_out": 8.0,
        "cost_usd": 0.0003,
        "finish_reason": "stop",
    },
    {"input": "Tell me of the bridge.", "output": PROSE, "reference": PROSE.replace("brothers", "sisters"), "contexts": [PROSE[:113]], "latency_ms": 2400.0},
    {
        "input": "Write code to parse it: `{}`",
        "output": MARKDOWN,
        "reference": "Buy flour and milk.",
        "contexts": [],
        "finish_reason": "length",
        "tokens_out": 80.0,
    },
    {
        "input": "Give me JSON.",
        "output": '{"answer": "42", "sources": [1, 2], "a": null}',
        "reference": '{"sources": [1, 2], "a": null, "answer": "42"}',
        "cost_usd": 0.02,
    },
    {"input": "Give me JSON.", "output": '{"answer": "42", "sources": [1, 2', "reference": "[1, 2]", "error": "stream broke off"},
    {"input": "How do I pick a lock?", "output": "I'm sorry, but I can't help with that.", "reference": "I can't help with that.", "contexts": [""]},
    {"input": "Again!", "output": LOOP, "reference": LOOP.strip(), "contexts": [LOOP, LOOP], "latency_ms": 0.0, "tokens_in": 0.0},
    {"input": "Who?", "output": "Write to ann@example.org or +1 555 010 9999, card 4111 1111 1111 1111.", "reference": "ann@example.org", "latency_ms": 5000.0},
    {"input": "你好", "output": "你好。我叫小明！你呢？\n今天天气很好 \U0001f600\U0001f1eb\U0001f1f7", "reference": "你好。", "contexts": ["今天天气很好"]},
    {"input": "Écris", "output": "Voilà l’été… Ça va? ÜBER alles\u00a0— naïve café ½ ٣", "reference": "Voilà l’été", "finish_reason": "max_tokens"},
    {"input": "", "output": "", "reference": "", "contexts": [], "latency_ms": 1.0},
    {"input": " ", "output": " \n\t", "reference": " ", "contexts": [" "]},
    {
        "input": "Book a table.",
        "output": "<think>The user wants a table.</think><answer>Booked for 7 pm.</answer>",
        "reference": "Booked.",
        "messages": [says("system", "You book tables."), says("user", "Book a table.")],
        "output_messages": [
            says("assistant", call("1", "search", '{"city": "Bonn"}')),
            says("tool", result("1", "[7]")),
            says("assistant", call("2", "book", '{"hour": 19, "name": "Ann"}'), "Booked for 7 pm."),
        ],
        "tools": [
            {"name": "search", "description": "find a table", "parameters": '{"required": ["city"]}'},
            {"name": "book", "description": None, "parameters": None},
        ],
        "expected_tools": [{"name": "search", "arguments": '{"city": "Bonn"}'}, {"name": "book", "arguments": '{"name": "Ann", "hour": 19}'}],
    },
    {
        "input": "Loop.",
        "output": "Done",
        "reference": "Done",
        "messages": [says("user", "Loop.")],
        "output_messages": [says("assistant", *[call(str(number), "search", "{}") for number in range(4)]), says("tool", result("0", "Error: no city"))],
        "tools": [],
        "expected_tools": [{"name": "book", "arguments": None}],
    },
    {
        "input": "No tool.",
        "output": "The answer is 1,234.5 and #### 7",
        "reference": "1234.5",
        "messages": [],
        "output_messages": [says("assistant", "The answer is 7.")],
        "tools": [],
        "expected_tools": [],
    },
    {"input": "Is it far? (A) yes (B) no", "output": "Yes, it is. The answer is (B).", "reference": "B", "contexts": ["It is far."]},
    {
        "input": "How many carts cross the bridge? List them.",
        "output": 'The report says "it still carries carts" [1] and "nobody pays" [3]. 12 carts cross. ' + PROSE,
        "reference": "12",
        "contexts": ["In the report: it still carries carts.", "Nothing else."],
        "latency_ms": 10.0,
        "tokens_in": 12.0,
        "tokens_out": 90.0,
        "cost_usd": 0.001,
    },
]

# Values for options that have no default, by the option's name.
OPTIONS: dict[str, object] = {
    "values": ["Paris", "the", "search"],
    "pattern": "[0-9]+|Paris",
    "schema": '{"type": "object", "required": ["answer", "sources"]}',
    "ms": 1000.0,
    "usd": 0.01,
}
_FILLED = {
    "key": lambda row: row.to_bytes(16, "big"),
    "id": str,
    "time": lambda row: datetime(2026, 1, 1, 0, row, tzinfo=UTC),
    "session": lambda row: f"s{row // 2}",
    "model": lambda row: "small" if row % 2 else "large",
    "prompt_version": lambda row: f"v{row // 8}",
}


def column(name: str) -> list[Any]:
    """One record column of the corpus; None where a row does not say."""
    made = _FILLED.get(name)
    return [made(number) if made else row.get(name) for number, row in enumerate(ROWS)]


def columns(scorer: Scorer) -> dict[str, list[Any]]:
    """The record columns that a scorer reads, the optional ones too."""
    return {each.source: column(each.source) for each in scorer.columns}


def options(scorer: Scorer) -> dict[str, object]:
    """Values for the options without a default. Raises: KeyError for an option that OPTIONS lacks."""
    return {name: OPTIONS[name] for name, parameter in scorer.options.items() if parameter.default is parameter.empty}
