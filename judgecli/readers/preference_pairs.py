r"""Shapes of pairs: of two answers to one prompt one was preferred.

{"prompt": "Refunds?", "chosen": "30 days.", "rejected": "We are great!"}                                  (TRL, also with message lists)
{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"}           (hh-rlhf)
{"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}                   (OpenAI DPO)

Sources: TRL 1.16 docs/source/dataset_formats.md; anthropics/hh-rlhf README; OpenAI DPO guide; LLaMA-Factory
data/README.md; Axolotl docs/rlhf.qmd; LLMBar; WMT19 metrics task (DARR); prometheus-eval.
"""

from collections.abc import Sequence
from typing import Any

from judgecli.readers.adapter import Object
from judgecli.readers.messages import messages_of
from judgecli.readers.preference_shape import (
    ASSISTANT,
    Dropped,
    Options,
    Preference,
    PreferenceShape,
    answer_of,
    is_message,
    is_messages,
    is_transcript,
    prompt_of,
    refuse,
    said,
    transcript,
    turns_of,
)
from judgecli.readers.values import number_of
from judgecli.reward_model.dialogue import dialogue_text
from judgecli.reward_model.preferences import PreferencePair

_SIDES = ("chosen", "rejected")


def _pair(prompt: str, chosen: str, rejected: str, row: Object) -> list[Preference]:
    margin = row.get("margin")
    return [PreferencePair(prompt, chosen, rejected, margin=None if margin is None else number_of(margin))]


def _has(row: Object, *keys: str) -> bool:
    return all(row.get(key) is not None for key in keys)


# hh-rlhf: two whole transcripts that differ in the last answer.


def _is_transcripts(row: Object) -> bool:
    return all(is_transcript(row.get(side)) for side in _SIDES) and "prompt" not in row


def _transcripts(row: Object, options: Options) -> list[Preference]:
    """Split at the last `\\n\\nAssistant:` that both begin with."""
    chosen, rejected = str(row["chosen"]), str(row["rejected"])
    cut = chosen.rfind(ASSISTANT, 0, _shared(chosen, rejected))
    if cut < 0:
        raise refuse("the two transcripts have no answer in the same place")
    after = cut + len(ASSISTANT)
    prompt = prompt_of(row, options, ()) if options.prompt else dialogue_text(transcript(chosen[:cut]) or [("user", chosen[:cut].strip())])
    return _pair(prompt, chosen[after:].removeprefix(" "), rejected[after:].removeprefix(" "), row)


# TRL: prompt (or none), chosen, rejected; texts or message lists. RewardBench rows are of this shape.


def _is_trl(row: Object) -> bool:
    return all(isinstance(row.get(side), str) or is_messages(row.get(side)) for side in _SIDES)


def _trl(row: Object, options: Options) -> list[Preference]:
    """Where both message lists begin alike, that is the prompt; else it stands in a field of its own."""
    sides: list[Any] = [row[side] for side in _SIDES]
    if all(is_messages(side) for side in sides):
        chosen, rejected = ([*(messages_of(side) or [])] for side in sides)
        shared = chosen[: _shared(chosen, rejected)]
        own = shared if any(message["role"] != "assistant" for message in shared) else []
        prompt = dialogue_text(turns_of(own)) if own and not options.prompt else prompt_of(row, options)
        answers = [turns_of(messages[len(own) :]) for messages in (chosen, rejected)]
        texts = [spoken[0][1] if len(spoken) == 1 else dialogue_text(spoken) for spoken in answers]
        return _pair(prompt, texts[0], texts[1], row)
    texts = [answer_of(side) for side in sides]
    if "judge" in row:  # our own export starts an answer with a line end, since trainers join prompt and answer as they are
        texts = [text.removeprefix("\n") for text in texts]
    return _pair(prompt_of(row, options), texts[0], texts[1], row)


def _shared(chosen: Sequence[object], rejected: Sequence[object]) -> int:
    """How many items both begin with."""
    return next((place for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other), min(len(chosen), len(rejected)))


# OpenAI: also Azure, Together, Fireworks.


def _openai(row: Object, options: Options) -> list[Preference]:
    given = row.get("input")
    messages = given.get("messages") if isinstance(given, dict) else given
    return _pair(
        prompt_of(row, options, ()) if options.prompt else said(messages), answer_of(row["preferred_output"]), answer_of(row["non_preferred_output"]), row
    )


# LLaMA-Factory (sharegpt, openai tags) and Axolotl chat_template.default: the conversation, and one message a side.


def _is_conversation(row: Object) -> bool:
    return (is_messages(row.get("conversations")) or is_messages(row.get("messages"))) and all(
        is_message(row.get(side)) or isinstance(row.get(side), str) for side in _SIDES
    )


def _conversation(row: Object, options: Options) -> list[Preference]:
    before = row.get("conversations") or row.get("messages")
    system = [{"role": "system", "content": row["system"]}] if isinstance(row.get("system"), str) and row["system"] else []
    prompt = prompt_of(row, options, ()) if options.prompt else said([*system, *before])  # type: ignore[misc]
    return _pair(prompt, answer_of(row["chosen"]), answer_of(row["rejected"]), row)


def alpaca_prompt(row: Object, options: Options) -> str:
    """LLaMA-Factory's alpaca rows: instruction and input on lines of their own, after system and history."""
    if options.prompt:
        return prompt_of(row, options, ())
    asked = "\n".join(text for key in ("instruction", "input") if (text := answer_of(row.get(key))))
    history = [(role, str(text)) for turn in row.get("history") or () for role, text in zip(("user", "assistant"), turn, strict=False)]
    system = [("system", str(row["system"]))] if row.get("system") else []
    return dialogue_text([*system, *history, ("user", asked)])


def _alpaca(row: Object, options: Options) -> list[Preference]:
    return _pair(alpaca_prompt(row, options), answer_of(row["chosen"]), answer_of(row["rejected"]), row)


# WMT DARR: two translations of one sentence.


def _wmt(row: Object, options: Options) -> list[Preference]:
    return _pair(prompt_of(row, options, ("source",)), str(row["chosen"]), str(row["rejected"]), row)


# LLMBar ({label: 1|2}) and AlpacaEval annotations ({preference: 1 to 2}).


def _numbered(row: Object, options: Options) -> list[Preference]:
    number = number_of(row.get("label") if row.get("label") is not None else row.get("preference"))
    if number is None or not (number == 0 or 1 <= number <= 2):
        raise Dropped("no_label")
    first, second = answer_of(row["output_1"]), answer_of(row["output_2"])
    prompt = prompt_of(row, options, ("input", "instruction", "prompt"))
    if number in (0, 1.5):
        return [PreferencePair(prompt, first, second, tie=True)]
    return [PreferencePair(prompt, first, second) if number < 1.5 else PreferencePair(prompt, second, first)]


# Prometheus: the pair inside two prompts of absolute grading.

_ASKED, _ANSWERED, _RUBRICS = "###The instruction to evaluate:", "###Response to evaluate:", "###Score Rubrics:"


def _prometheus(row: Object, options: Options) -> list[Preference]:
    sides = [_graded(str(row[f"{side}_instruction"])) for side in _SIDES]
    return _pair(prompt_of(row, options, ()) if options.prompt else sides[0][0], sides[0][1], sides[1][1], row)


def _graded(text: str) -> tuple[str, str]:
    before, mark, rest = text.rpartition(_ANSWERED)
    answer, end, _ = rest.rpartition(_RUBRICS)
    _, start, asked = before.partition(_ASKED)
    if not (mark and end and start):
        raise refuse("the prompt of absolute grading has other headings")
    return asked.strip(), answer.strip()


PAIR_SHAPES = (
    PreferenceShape(
        "openai-dpo",
        lambda row: _has(row, "preferred_output", "non_preferred_output"),
        _openai,
        frozenset(("input", "preferred_output", "non_preferred_output")),
        '{"input":{"messages":[{"role":"user","content":"Refunds?"}]},"preferred_output":[{"role":"assistant","content":"30 days."}],'
        '"non_preferred_output":[{"role":"assistant","content":"We are great!"}]}',
    ),
    PreferenceShape(
        "prometheus",
        lambda row: _has(row, "chosen_instruction", "rejected_instruction"),
        _prometheus,
        frozenset(("chosen_instruction", "rejected_instruction")),
        '{"source":"honest","chosen_instruction":"###The instruction to evaluate:\\nHi\\n\\n###Response to evaluate:\\nHello\\n\\n###Score Rubrics:",'
        '"rejected_instruction":"###The instruction to evaluate:\\nHi\\n\\n###Response to evaluate:\\nWhat?\\n\\n###Score Rubrics:"}',
    ),
    PreferenceShape(
        "two-outputs",
        lambda row: _has(row, "output_1", "output_2") and (row.get("label") is not None or row.get("preference") is not None),
        _numbered,
        frozenset(("input", "instruction", "prompt", "output_1", "output_2", "label", "preference")),
        '{"input":"Refunds?","output_1":"We are great!","output_2":"30 days.","label":2}',
    ),
    PreferenceShape(
        "llamafactory",
        _is_conversation,
        _conversation,
        frozenset(("conversations", "messages", "chosen", "rejected", "system")),
        '{"conversations":[{"from":"human","value":"Refunds?"}],"chosen":{"from":"gpt","value":"30 days."},"rejected":{"from":"gpt","value":"We are great!"}}',
    ),
    PreferenceShape(
        "llamafactory-alpaca",
        lambda row: isinstance(row.get("instruction"), str) and "prompt" not in row and _is_trl(row),
        _alpaca,
        frozenset(("instruction", "input", "chosen", "rejected", "system", "history")),
        '{"instruction":"Translate to German.","input":"Thanks","chosen":"Danke","rejected":"Bitte"}',
    ),
    PreferenceShape(
        "wmt-darr",
        lambda row: "prompt" not in row and all(isinstance(row.get(key), str) for key in ("source", "reference", *_SIDES)),
        _wmt,
        frozenset(("source", "reference", "chosen", "rejected", "id")),
        '{"source":"Danke","reference":"Thanks","chosen":"Thank you","rejected":"Please","chosen_system":"a","rejected_system":"b"}',
    ),
    PreferenceShape(
        "hh",
        _is_transcripts,
        _transcripts,
        frozenset(("chosen", "rejected")),
        '{"chosen":"\\n\\nHuman: Hi\\n\\nAssistant: Hello","rejected":"\\n\\nHuman: Hi\\n\\nAssistant: What?"}',
    ),
    PreferenceShape(
        "trl-preference",
        _is_trl,
        _trl,
        frozenset(("prompt", "question", "instruction", "input", "query", "chosen", "rejected", "margin", "tools", "id")),
        '{"prompt":"Refunds?","chosen":"30 days.","rejected":"We are great!"}',
    ),
)
