"""How prompt and output become the token ids of an encoder, and rewards from a network; without the extra `train`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.reward_model.encoder import Codec, batches, training_rows
from judgecli.reward_model.preferences import PreferencePair


class Characters:
    """A tokenizer whose tokens are characters; special tokens are negative, and text never becomes one."""

    def __init__(self, *, pairs=False, template="", bos=None, eos=None):
        self.chat_template = template
        self.cls_token_id, self.sep_token_id = (-1, -2) if pairs else (None, None)
        self.bos_token_id, self.eos_token_id = bos, eos

    def __call__(self, text, *, add_special_tokens=True, **_):
        assert not add_special_tokens
        return {"input_ids": [ord(character) for character in text]}

    def apply_chat_template(self, messages, *, tokenize):
        assert not tokenize
        return "".join(f"<{message['role']}>{message['content']}</>" for message in messages)


def read(ids):
    return "".join(chr(token) if token >= 0 else f"[{-token}]" for token in ids)


@pytest.mark.parametrize(
    ("tokenizer", "said"),
    [
        (Characters(pairs=True), "[1]Why?[2]So.[2]"),
        (Characters(bos=-3, eos=-4), "[3]Why?\n\nSo.[4]"),
        (Characters(), "Why?\n\nSo."),
        (Characters(template="yes"), "<user>Why?</><assistant>So.</>"),
    ],
)
def test_prompt_and_output_are_framed(tokenizer, said):
    assert read(Codec(tokenizer, 100).ids("Why?", "So.")) == said


def test_the_beginning_of_the_prompt_goes_first():
    codec = Codec(Characters(pairs=True), 13)  # ten characters of text
    assert read(codec.ids("abcdefgh", "12345")) == "[1]defgh[2]12345[2]"
    assert codec.is_cut("abcdefgh", "12345")
    assert not codec.is_cut("abcde", "12345")


def test_a_long_output_leaves_a_quarter_to_the_prompt():
    codec = Codec(Characters(pairs=True), 23)  # twenty
    assert read(codec.ids("abcdefgh", "1234567890" * 3)) == "[1]defgh[2]123456789012345[2]"
    assert read(codec.ids("ab", "1234567890" * 3)) == "[1]ab[2]123456789012345678[2]"  # what the prompt does not need is the output's


@given(st.text(max_size=40), st.text(max_size=40), st.integers(8, 60))
def test_ids_fit_and_nothing_is_lost_that_fits(prompt, output, most):
    codec = Codec(Characters(pairs=True), most)
    ids = codec.ids(prompt, output)
    assert len(ids) <= most
    assert codec.is_cut(prompt, output) == (len(prompt) + len(output) + 3 > most)
    if not codec.is_cut(prompt, output):
        assert ids == [-1, *map(ord, prompt), -2, *map(ord, output), -2]
    else:
        assert len(ids) == most


def test_rows_for_the_trainer():
    one = PreferencePair("p", "good", "bad", margin=0.5)
    codec = Codec(Characters(pairs=True), 50)
    rows = training_rows([one, PreferencePair("p", "same", "same", tie=True)], codec)
    assert rows == [{"chosen_ids": codec.ids("p", "good"), "rejected_ids": codec.ids("p", "bad"), "margin": 0.5}]
    assert "margin" not in training_rows([one, PreferencePair("p", "a", "b")], codec)[0]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 100))
def test_batches_hold_every_row_once_and_fit(lengths, most):
    found = list(batches(lengths, most))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= most for batch in found)


def test_rewards_come_back_in_order_and_must_be_finite():
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    from judgecli.reward_model.encoder import EncoderModel

    class Length(torch.nn.Module):
        """The reward is the number of tokens that are no padding."""

        def __init__(self, factor):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(factor))

        def forward(self, input_ids, attention_mask):
            assert bool((input_ids[attention_mask == 0] == 7).all())
            logits = self.factor * attention_mask.sum(dim=1, keepdim=True).float()
            return type("Out", (), {"logits": logits})()

    codec = Codec(Characters(), 100)
    model = EncoderModel("length", "0" * 16, codec, Length(1.0), pad_id=7, scale=0.5)
    found = model.rewards(["", None, "pp"], ["abc", "a", "ab"])
    assert found.mean.tolist() == [2.5, 1.5, 3.0]  # the two newlines between prompt and output count
    assert found.sd.tolist() == [0, 0, 0]
    assert not found.outside.any()
    assert len(model.rewards([], []).mean) == 0
    with pytest.raises(ValueError, match="not finite"):
        EncoderModel("bad", "0" * 16, codec, Length(float("nan")), pad_id=7).rewards([""], ["abc"])
    assert np.isfinite(found.mean).all()
