"""Whether the output was cut off before its end."""

from collections.abc import Sequence

import numpy as np

from judgecli.derived import Block, Flags, Ints
from judgecli.scorer import scorer
from judgecli.scorers.text.endings import ends_mid_sentence

_CUT = {"length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit", "incomplete"}
_WHOLE = {"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "tool_calls", "tool_use", "function_call"}
_SURE_ENDS = np.isin(np.arange(256), np.frombuffer(b".!?\"')]}>*_`|~", np.uint8))  # last bytes that never stand mid-sentence


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=2, default=True)
def truncated(output_block: Block, finish_reason: Sequence[str | None] | None = None) -> Ints:
    """1 where the output was cut off: the log says so, or else it ends in the middle of a sentence; else 0.

    Columns: output; finish_reason where the log has it. Returns: 0 or 1. Null: only where the output is.
    Source: own rule; the values of finish_reason are those of the OpenAI, Anthropic and Gemini APIs.

    >>> truncated(["It is done. Then we went to the", "It is done.", "Paris", "It is done"], finish_reason=[None, None, "stop", "length"])
    [1, 0, 0, 1]
    """
    block = output_block
    said = np.array([_said(reason) for reason in finish_reason], np.int64) if finish_reason is not None else np.full(len(block), -1)
    cut = np.where(said == 1, 1, 0)
    for index in np.flatnonzero((said < 0) & _may_be_cut(block)):
        cut[index] = ends_mid_sentence(block.text(int(index)))
    return cut


def _said(reason: str | None) -> int:
    """What the log says: 1 cut, 0 whole, -1 nothing."""
    word = (reason or "").lower()
    return 1 if word in _CUT else 0 if word in _WHOLE else -1


def _may_be_cut(block: Block) -> Flags:
    """False for texts that `ends_mid_sentence` surely says False of: the last byte shows it for most."""
    last = np.maximum(block.word_offsets[1:] - 1, 0)
    first = np.minimum(block.word_offsets[:-1], max(len(block.starts) - 1, 0))
    if not len(block.starts):
        return np.zeros(len(block), bool)
    unsure = ~_SURE_ENDS[block.data[block.ends[last] - 1]] | np.isin(block.data[block.starts[first]], np.frombuffer(b"{[", np.uint8))
    mark = (block.data == ord("`")) | (block.data == ord("~"))
    three = np.flatnonzero(mark[:-2] & mark[1:-1] & mark[2:])
    unsure[np.searchsorted(block.offsets, three, side="right") - 1] = True  # perhaps a code fence
    return np.asarray((block.words > 0) & unsure)
