"""Whether the output was cut off before its end."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from judgecli.arrays import Bools
from judgecli.derived import Block
from judgecli.scorer import scorer
from judgecli.scorers.text.endings import ends_mid_sentence

_CUT = {"length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit", "incomplete"}
_WHOLE = {"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "tool_calls", "tool_use", "function_call"}
_SURE_ENDS = np.isin(np.arange(256), np.frombuffer(b".!?\"')]}>*_`|~", np.uint8))  # last bytes that never stand mid-sentence


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=2, default=True)
def truncated(output_block: Block, finish_reason: Sequence[str | None] | None = None) -> pa.Int64Array:
    """1 where the output was cut off: the log says so, or else it ends in the middle of a sentence; else 0.

    Columns: output; finish_reason where the log has it. Returns: 0 or 1. Null: where the output is, or where the text
    alone would have to tell and ends in Thai or Lao, which have no full stop.
    A finish_reason of length, max_tokens and the like is 1; stop, end_turn, tool_calls and the like is 0;
    without one (or with another) the text decides. Cut is: a code fence left open; JSON that does not close; a
    bracket, quote or bold mark left open in the last line; an end in a comma or a word that needs another ("the",
    "and"; ten languages); a last sentence or list item without a full stop where those before it have one.
    Labels, hashtags, links, sums, signatures, questions and answers in a word need none.
    Measured without finish_reason on 251 labelled texts that shaped nothing: precision 0.96 (0.90 to 0.99), recall 0.80 (0.71 to 0.87).
    Texts cut where a sentence ends cannot be told; lists and verse seldom.
    Source: own rule; the values of finish_reason are those of the OpenAI, Anthropic and Gemini APIs.

    >>> truncated(["It is done. Then we went to the", "It is done.", "Paris", "It is done"], finish_reason=[None, None, "stop", "length"])
    [1, 0, 0, 1]
    """
    block = output_block
    said = np.array([_said(reason) for reason in finish_reason], np.int64) if finish_reason is not None else np.full(len(block), -1)
    cut = np.where(said == 1, 1, 0)
    untold = np.zeros(len(block), bool)
    for index in np.flatnonzero((said < 0) & _may_be_cut(block)):
        ends = ends_mid_sentence(block.text(int(index)))
        cut[index], untold[index] = bool(ends), ends is None
    return pa.array(cut, mask=untold)


def _said(reason: str | None) -> int:
    """What the log says: 1 cut, 0 whole, -1 nothing."""
    word = (reason or "").lower()
    return 1 if word in _CUT else 0 if word in _WHOLE else -1


def _may_be_cut(block: Block) -> Bools:
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
