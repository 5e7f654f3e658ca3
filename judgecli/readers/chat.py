"""Chat rows: one conversation a line, in OpenAI's message form or ShareGPT's.

{"uid": "u1", "model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "tstamp": 1700000000.0}

The last assistant message is the output, the last user text before it the input; every other field
is mapped as in a plain log. `--map messages=PATH` reads any log this way.
"""

from judgecli.readers.adapter import Adapter, Object


def match(one: Object) -> float:
    """0.8 for a non-empty list of turns with role or from, 0 otherwise."""
    turns = one.get("messages", one.get("conversations"))
    if not isinstance(turns, list) or not turns:
        return 0.0
    return 0.8 if all(isinstance(turn, dict) and isinstance(turn.get("role", turn.get("from")), str) for turn in turns) else 0.0


ADAPTER = Adapter(
    name="chat",
    match=match,
    sample='{"uid": "u1", "model": "gpt-4", "messages": ['
    '{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "tstamp": 1700000000.0}',
    mapping={"messages": "messages|conversations"},
    order=80,
)
