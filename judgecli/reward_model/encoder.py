"""A fine-tuned transformer as a reward model: one number at the end of prompt and output.

Pure: the tokenizer and the network were loaded by somebody else (store/encoders.py), and no file is
read here. The way from texts to token ids is the same in training and in scoring.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from judgecli.reward_model.model import Rewards
from judgecli.reward_model.preferences import PreferencePair

BATCH_TOKENS = 8_192  # padded tokens of one pass through the network
LEAST_PROMPT = 0.25  # share of the length that the end of the prompt keeps, however long the output is


@dataclass(frozen=True)
class Codec:
    """From a prompt and its output to token ids, at most `max_length` of them.

    A tokenizer with a chat template gets two messages (user, assistant); one that marks pairs (BERT) a pair; any other
    the two texts after each other, with the end-of-text token. Where it is too long, the beginning of the
    prompt goes first, down to a quarter of the length; then the end of the output.
    """

    tokenizer: Any
    max_length: int

    def ids(self, prompt: str, output: str) -> list[int]:
        """The token ids of one prompt and output."""
        before, middle, after = self._frame()
        prompt_ids = self._plain(prompt)
        output_ids = self._plain(output)
        room = max(self.max_length - len(before) - len(middle) - len(after), 2)
        kept = min(len(output_ids), max(room - len(prompt_ids), room - int(LEAST_PROMPT * room)))
        prompt_ids = prompt_ids[max(len(prompt_ids) - (room - kept), 0) :]
        return [*before, *prompt_ids, *middle, *output_ids[:kept], *after]

    def is_cut(self, prompt: str, output: str) -> bool:
        """Whether something of the two texts is left out."""
        frame = sum(len(part) for part in self._frame())
        return frame + len(self._plain(prompt)) + len(self._plain(output)) > self.max_length

    def _plain(self, text: str) -> list[int]:
        """A text without special tokens: what looks like one in the text is text."""
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"])

    def _frame(self) -> tuple[list[int], list[int], list[int]]:
        """What stands before the prompt, between it and the output, and after the output."""
        tokenizer = self.tokenizer
        if tokenizer.chat_template:
            mark = "\u0001"  # a character that no template writes, in both texts
            said = [{"role": "user", "content": mark}, {"role": "assistant", "content": mark}]
            parts = str(tokenizer.apply_chat_template(said, tokenize=False)).split(mark)
            if len(parts) == 3:
                return tuple(list(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in parts)  # type: ignore[return-value]
        if tokenizer.cls_token_id is not None and tokenizer.sep_token_id is not None:
            return [tokenizer.cls_token_id], [tokenizer.sep_token_id], [tokenizer.sep_token_id]
        start = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        end = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
        return start, self._plain("\n\n"), end


def training_rows(comparisons: Sequence[PreferencePair], codec: Codec) -> list[dict[str, Any]]:
    """The rows that TRL's RewardTrainer takes as they are: `chosen_ids`, `rejected_ids`, and `margin` where every comparison has one.

    Ties teach a pairwise loss nothing and are left out.
    """
    untied = [one for one in comparisons if not one.tie]
    rows: list[dict[str, Any]] = [{"chosen_ids": codec.ids(one.prompt, one.chosen), "rejected_ids": codec.ids(one.prompt, one.rejected)} for one in untied]
    if untied and all(one.margin is not None for one in untied):
        for row, one in zip(rows, untied, strict=True):
            row["margin"] = float(one.margin or 0.0)
    return rows


@dataclass(frozen=True)
class EncoderModel:
    """A network with one output, as a RewardModel. `scale` turns its output into log-odds (temperature of the calibration)."""

    name: str
    identity: str
    codec: Codec
    network: Any
    pad_id: int
    scale: float = 1.0

    def rewards(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> Rewards:
        """The rewards of N outputs; rows are independent up to the rounding of padded batches (about 1e-6).

        A single network knows no uncertainty of its own: `sd` is 0, and no output is called outside.
        Raises: ValueError where the network gives a number that is not finite.
        """
        ids = [self.codec.ids(prompt or "", output) for prompt, output in zip(inputs, outputs, strict=True)]
        mean = np.zeros(len(ids))
        for places in batches([len(row) for row in ids]):
            mean[places] = self._pass([ids[place] for place in places])
        if not np.isfinite(mean).all():
            raise ValueError(f"{self.name} gave {np.count_nonzero(~np.isfinite(mean))} rewards that are not finite")
        return Rewards(mean * self.scale, np.zeros(len(ids)), np.zeros(len(ids), bool))

    def _pass(self, rows: Sequence[Sequence[int]]) -> "np.ndarray[Any, np.dtype[np.float64]]":
        import torch

        longest = max(len(row) for row in rows)
        padded = torch.full((len(rows), longest), self.pad_id, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for place, row in enumerate(rows):
            padded[place, : len(row)] = torch.tensor(row, dtype=torch.long)
            mask[place, : len(row)] = 1
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            logits = self.network(input_ids=padded.to(device), attention_mask=mask.to(device)).logits
        found: np.ndarray[Any, np.dtype[np.float64]] = logits.squeeze(-1).float().cpu().numpy().astype(np.float64)
        return found


def batches(lengths: Sequence[int], most_tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Rows of like length together, each batch at most `most_tokens` with its padding, or one row.

    >>> [places for places in batches([5, 1, 5, 1], 10)]
    [[1, 3], [0, 2]]
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if batch and (len(batch) + 1) * lengths[place] > most_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
