"""Whether the output was cut off before its end."""

import re
from collections.abc import Sequence

import numpy as np

from judgecli.derived import Block, Flags, Ints
from judgecli.scorer import scorer

_CUT = {"length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit", "incomplete"}
_WHOLE = {"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "tool_calls", "tool_use", "function_call"}
_SURE_ENDS = np.isin(np.arange(256), np.frombuffer(b".!?\"')]}>*_`|~", np.uint8))  # last bytes that never stand mid-sentence

_FENCE = r"(?m)^ {0,3}(?:```|~~~)"
_JSON_START = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"])')
_LAYOUT = re.compile(r"#|[-*+•|>]|\d{1,3}[.)]\s")  # heading, list item, table row, quote: they need no full stop
_STOP = re.compile(r"[.!?…][\"'”’)\]*_]*\s|[。！？]")
_PROSE_WORDS = 8


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=1, default=True)
def truncated(output_block: Block, finish_reason: Sequence[str | None] | None = None) -> Ints:
    """1 where the output was cut off: the log says so, or else it ends in the middle of a sentence; else 0.

    Columns: output; finish_reason where the log has it. Returns: 0 or 1. Null: only where the output is.
    A finish_reason of length, max_tokens and the like is 1; stop, end_turn, tool_calls and the like is 0;
    without one (or with another) the text decides. Mid-sentence: a code fence left open; JSON that does
    not close; a last character of , ; : ( [ { or a dash; or a last letter or digit where the text uses
    full stops and its last line is prose (8 words or a full stop in it, no list item, heading or table).
    Source: own rule; the values of finish_reason are those of the OpenAI, Anthropic and Gemini APIs.

    >>> truncated(["It is done. Then we go", "It is done.", "Paris", "It is done"], finish_reason=[None, None, "stop", "length"])
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


def ends_mid_sentence(text: str) -> bool:
    """Whether a text looks cut off, by its end alone (the rule is in `truncated`)."""
    whole = text.strip()
    if not whole:
        return False
    if len(re.findall(_FENCE, text)) % 2 or (_JSON_START.match(whole) and whole[-1] not in "}]"):
        return True
    if whole[-1] in ",;:([{-–—":
        return True
    if not whole[-1].isalnum():
        return False
    line = whole.rpartition("\n")[2].strip()
    if _LAYOUT.match(line):
        return False
    return bool(_STOP.search(line)) or (len(line.split()) >= _PROSE_WORDS and bool(_STOP.search(whole)))
