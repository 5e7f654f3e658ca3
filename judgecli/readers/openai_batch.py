"""OpenAI batch output: one chat completion a line, under the custom_id that its request had.

{"id": "batch_req_1", "custom_id": "r-1", "response": {"status_code": 200, "request_id": "q", "body":
 {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "Hi"}}]}}, "error": null}

A line whose request failed is a record with `error` and no output.
"""

from judgecli.readers.adapter import Adapter, Object, ReadRow, RefusedLine
from judgecli.readers.openai_chat import rows_of
from judgecli.readers.values import text_of
from judgecli.readers.wrapped import error_text


def match(one: Object) -> float:
    """1 for a custom_id with a response body or an error, else 0."""
    if "custom_id" not in one:
        return 0.0
    response = one.get("response")
    return 1.0 if (isinstance(response, dict) and "body" in response) or isinstance(one.get("error"), dict) else 0.0


def rows(one: Object) -> list[ReadRow]:
    """One row a choice, one with `error` for a request that failed; id is the custom_id. Raises: Refused("unknown_shape") for another body."""
    response = one.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    status = response.get("status_code") if isinstance(response, dict) else None
    failure = one.get("error") or (body.get("error") if isinstance(body, dict) else None)
    if failure or (isinstance(status, int) and status >= 400):
        said = error_text(failure or body or "no reason given")
        return [{"id": text_of(one.get("custom_id")), "error": f"status {status}: {said}" if status else said}]
    if not isinstance(body, dict) or body.get("object") != "chat.completion" or not isinstance(body.get("choices"), list):
        kind = body.get("object") if isinstance(body, dict) else None
        raise RefusedLine("unknown_shape", f"the response body is no chat completion but {kind or 'something else'}")
    return [{**row, "id": text_of(one.get("custom_id"))} for row in rows_of(body, {}, {})]


ADAPTER = Adapter(
    name="openai_batch",
    match=match,
    rows=rows,
    sample='{"id": "batch_req_1", "custom_id": "r-1", "response": {"status_code": 200, "request_id": "q", "body": '
    '{"id": "c", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o", "choices": [{"index": 0, '
    '"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}}, "error": null}',
    mapping={
        "id": "custom_id",
        "time": "response.body.created",
        "output": "response.body.choices.0.message.content",
        "output_messages": "response.body.choices.0.message",
        "model": "response.body.model",
        "tokens_in": "response.body.usage.prompt_tokens",
        "tokens_out": "response.body.usage.completion_tokens",
        "finish_reason": "response.body.choices.0.finish_reason",
    },
    order=20,
)
