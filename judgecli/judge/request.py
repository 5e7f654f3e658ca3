"""What a judge is asked, what came back, and the one seam between them: `Ask`.

A scorer of a rubric builds a `Request`, awaits `ask(request)` and reads the verdict from the `Reply`.
The endpoint gives an `Ask` that sends; the ledger one that remembers; a test hands in its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from judgecli.errors import JudgeError
from judgecli.schema import REASONS

Row = Mapping[str, object]  # one record as a judge reads it: column -> value

ReplyMode = Literal["json_schema", "json_object", "tool", "text", "reward"]  # reward: of a served reward model, no chat completion
PromptMessage = Mapping[str, object]  # {"role": ..., "content": text or content parts}, as in an OpenAI chat request


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the endpoint counted them; `tokens_cached` is the part of `tokens_in` read from its cache."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a judge.

    `schema` is the JSON Schema of the wanted verdict (None: free text). `parameters` go to the
    endpoint as they are (model, temperature, max_tokens, logprobs, top_logprobs, seed, ...).
    `key` is the 32-byte hash of what is asked (rubric identity, inputs, model, parameters, draw),
    taken before the nonce of the messages was drawn: the same question has the same key in every
    store. `draw` counts repeats of one question (--samples).
    """

    messages: tuple[PromptMessage, ...]
    schema: Mapping[str, object] | None
    parameters: Mapping[str, object]
    draw: int = 0
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply with its log probability, and the likeliest tokens in its place."""

    text: str
    logprob: float
    top: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of an endpoint. `text` is the verdict text: the content, or the arguments of the tool call in mode `tool`.

    Reasoning that the endpoint sends in a field of its own is not in `text`. `raw` is the body as it
    was received: everything else here can be read from it again.
    """

    text: str | None
    refusal: str | None = None
    finish_reason: str | None = None
    logprobs: Sequence[Token] | None = None
    usage: Usage = field(default_factory=Usage)
    served_model: str | None = None
    raw: bytes = b""
    mode: ReplyMode = "json_schema"


Ask = Callable[[Request], Awaitable[Reply]]
"""Send one request. Raises AskFailed (this one call got no reply) or JudgeUnavailable (no call can work)."""


class AskFailed(JudgeError):
    """One call got no reply, after the retries; `reason` is why its cell has no value (a key of schema.REASONS)."""

    exit_code = 3

    def __init__(self, reason: str, message: str, *, hint: str = "run again: what was answered is kept") -> None:
        if reason not in REASONS:
            raise ValueError(f"'{reason}' is no reason of schema.REASONS")
        super().__init__(message, hint=hint)
        self.reason = reason
