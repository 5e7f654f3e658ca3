"""Fine-tuning a local transformer into a reward model, by TRL's RewardTrainer: CPU or GPU, resumable, progress told.

The trainer's own checkpoints lie in OUT/.training until the training is done; an interrupted training
with the same data, base and options goes on from the last of them.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from judgecli.errors import UsageError
from judgecli.reward_model.encoder import Codec, training_rows
from judgecli.reward_model.preferences import PreferencePair
from judgecli.store.encoders import import_train, open_base, quiet

TrainingProgress = Callable[[int, int, float | None], None]
"""Told after each step: step, of how many, and the last loss that was logged."""

CHECKPOINTS = ".training"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class FineTuning:
    """How a model is fine-tuned. `lora` is the rank of the adapters, 0 for all weights; `device` is auto, cpu or cuda."""

    epochs: float = 2.0
    learning_rate: float = 2e-5
    batch_size: int = 16
    max_length: int = 512
    lora: int = 0
    seed: int = 0
    device: str = "auto"
    center: float = 0.01  # TRL's center_rewards_coefficient (Eisenstein et al. 2023, arXiv:2312.09244, eq. 2)


@dataclass(frozen=True)
class FineTuned:
    """What was written: the files of `out` that make the model, by name; and how training went."""

    files: Sequence[str]
    codec: Codec
    network: Any
    steps: int
    loss: float | None
    device: str


def fine_tune(base: Path, comparisons: Sequence[PreferencePair], out: Path, options: FineTuning, progress: TrainingProgress | None = None) -> FineTuned:
    """Train on the comparisons and write network and tokenizer into `out`, as safetensors.

    Raises: UsageError (no comparison to learn from, no such device, a base that is no model), EnvironmentFailure (the extra is missing).
    """
    torch, trl, datasets = import_train("torch"), import_train("trl"), import_train("datasets")
    device = _device(torch, options.device)
    codec, network = open_base(base, max_length=options.max_length, new_head=True, seed=options.seed)
    rows = training_rows(comparisons, codec)
    if not rows:
        raise UsageError("there is no comparison to learn from", hint="an encoder learns from pairs; thumbs alone train the linear model")
    if options.lora:
        network = _with_adapters(network, options)
    folder = out / CHECKPOINTS
    resumed = _resume(folder, _plan(base, rows, options))
    trainer = trl.RewardTrainer(
        model=network,
        args=_arguments(trl, folder, options, device, steps=-(-len(rows) // options.batch_size)),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=codec.tokenizer,
        callbacks=[_callback(progress)] if progress else None,
    )
    trainer.remove_callback(import_train("transformers").PrinterCallback)  # it prints to stdout, which is for data
    with quiet():
        done = trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        trained = trainer.model.merge_and_unload() if options.lora else trainer.model
        trained.eval()
        trained.save_pretrained(str(out), max_shard_size="100GB")
        codec.tokenizer.save_pretrained(str(out))
    shutil.rmtree(folder)
    files = sorted(path.name for path in out.iterdir() if path.is_file() and path.name != "card.yaml")
    return FineTuned(files, codec, trained, int(done.global_step), float(done.training_loss), device)


def _device(torch: Any, wanted: str) -> str:
    if wanted not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device is '{wanted}'", hint="auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda, but no GPU can be used", hint="leave --device out, or --device cpu")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _with_adapters(network: Any, options: FineTuning) -> Any:
    peft = import_train("peft")
    kept = [name for name in ("score", "classifier", "pooler") if any(piece == name for path, _ in network.named_modules() for piece in path.split("."))]
    config = peft.LoraConfig(
        task_type="SEQ_CLS", r=options.lora, lora_alpha=2 * options.lora, lora_dropout=0.0, target_modules="all-linear", modules_to_save=kept, bias="none"
    )
    return peft.get_peft_model(network, config)


def _arguments(trl: Any, folder: Path, options: FineTuning, device: str, steps: int) -> Any:
    every = max(20, int(steps * options.epochs) // 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # gradient_checkpointing is being renamed; TRL's default would turn it on
        return trl.RewardConfig(
            output_dir=str(folder),
            num_train_epochs=options.epochs,
            learning_rate=options.learning_rate,
            per_device_train_batch_size=options.batch_size,
            max_length=None,  # texts were cut to fit already; TRL would leave whole pairs out
            center_rewards_coefficient=options.center,
            gradient_checkpointing=False,
            bf16=device == "cuda",
            use_cpu=device == "cpu",
            seed=options.seed,
            warmup_steps=max(1, int(steps * options.epochs) // 20),
            lr_scheduler_type="cosine",
            logging_steps=5,
            save_strategy="steps",
            save_steps=every,
            save_total_limit=1,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=device == "cuda",
        )


def _plan(base: Path, rows: Sequence[Any], options: FineTuning) -> str:
    """What makes a training the same training: weights and configuration of the base, rows and options."""
    said = hashlib.sha256(json.dumps([asdict(options), list(rows)]).encode())
    for path in sorted([*base.glob("*.safetensors"), *base.glob("*.json")]):
        with open(path, "rb") as file:
            said.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return said.hexdigest()


def _resume(folder: Path, plan: str) -> Path | None:
    """The last checkpoint of the same training; checkpoints of another are removed."""
    mark = folder / "plan"
    if folder.exists() and (not mark.is_file() or mark.read_text(encoding="utf-8") != plan):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(plan, encoding="utf-8")
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _callback(progress: TrainingProgress) -> Any:
    callback: Any = import_train("transformers").TrainerCallback

    class Told(callback):  # type: ignore[misc]
        """Tells each step."""

        loss: float | None = None

        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            if logs and "loss" in logs:
                self.loss = float(logs["loss"])

        def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps, self.loss)

    return Told()
