"""A training step or a few on a training file with a tiny random model: `python one_step.py dpo|reward|kto|grpo FILE [REWARD.py]`.

Needs the extra `train`. For grpo, REWARD.py is a file of `judge export reward-function`.
"""

import importlib.util
import math
import sys

import torch
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer

TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] or '' }}"
    "{% for call in message['tool_calls'] or [] %}[{{ call['function']['name'] }} {{ call['function']['arguments'] | tojson }}]{% endfor %}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of single bytes, with a chat template."""
    vocabulary = {piece: number for number, piece in enumerate(["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<eos>", pad_token="<pad>", chat_template=TEMPLATE)  # noqa: S106 - no passwords: tokens of text


def saved(shape: LlamaConfig, folder: str) -> LlamaForCausalLM:
    """A random model that lies in a folder: trainers load the reference model from where the model came from."""
    LlamaForCausalLM(shape).save_pretrained(folder)
    return LlamaForCausalLM.from_pretrained(folder)


def imported(path: str) -> object:
    """The reward of a file, as a user imports it."""
    spec = importlib.util.spec_from_file_location("reward", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reward


def explore(shape: LlamaConfig, rows: object, words: PreTrainedTokenizerFast, path: str, reward: object) -> None:
    """Two steps of GRPO, and what the trainer logged of the reward."""
    settings = GRPOConfig(
        output_dir=f"{path}.grpo", max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=12, report_to="none",
        use_cpu=True, bf16=False, save_strategy="no", logging_steps=1, gradient_checkpointing=False, beta=0.0, seed=0,
    )  # fmt: skip
    trainer = GRPOTrainer(model=saved(shape, f"{path}.model"), args=settings, train_dataset=rows, processing_class=words, reward_funcs=[reward])
    done = trainer.train()
    assert done.global_step == 2
    means = [entry[f"rewards/{reward.__name__}/mean"] for entry in trainer.state.log_history if f"rewards/{reward.__name__}/mean" in entry]
    assert len(means) == 2, trainer.state.log_history
    assert all(math.isfinite(mean) for mean in means), means
    sys.stdout.write(f"grpo: {len(rows)} rows, {reward.__name__} {reward.identity}, mean rewards {' '.join(f'{mean:.4f}' for mean in means)}\n")


def main(kind: str, path: str, reward: str = "") -> None:
    """Load the file as a user would, make one step, and say what it was made of."""
    torch.manual_seed(0)
    rows = load_dataset("json", data_files=path, split="train")
    words = tokenizer()
    shape = LlamaConfig(vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
    shape.pad_token_id, shape.eos_token_id = words.pad_token_id, words.eos_token_id
    if kind == "grpo":
        explore(shape, rows, words, path, imported(reward))
        return
    shared = {"output_dir": f"{path}.{kind}", "max_steps": 1, "per_device_train_batch_size": 2, "report_to": "none", "use_cpu": True, "bf16": False}
    shared |= {"save_strategy": "no", "logging_steps": 1, "gradient_checkpointing": False}
    if kind == "reward":
        shape.num_labels = 1
        trainer = RewardTrainer(
            model=LlamaForSequenceClassification(shape), args=RewardConfig(max_length=8192, **shared), train_dataset=rows, processing_class=words
        )
        assert "margin" in trainer.train_dataset.column_names
    elif kind == "dpo":
        trainer = DPOTrainer(model=saved(shape, f"{path}.model"), args=DPOConfig(**shared), train_dataset=rows, processing_class=words)
    else:
        trainer = KTOTrainer(model=saved(shape, f"{path}.model"), args=KTOConfig(**shared), train_dataset=rows, processing_class=words)
    done = trainer.train()
    assert done.global_step == 1
    assert len(trainer.train_dataset) == len(rows)
    sys.stdout.write(f"{kind}: {len(rows)} rows, loss {done.training_loss:.4f}, columns {', '.join(rows.column_names)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
