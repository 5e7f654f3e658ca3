"""judge rm train --base: an encoder fine-tuned on four fifths of the groups of prompts, measured and scaled on the other fifth."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from judgecli.arrays import Integers
from judgecli.document import Facts
from judgecli.errors import UsageError
from judgecli.evidence.work import Work
from judgecli.pipeline.rm_audit import tricks_that_pay
from judgecli.pipeline.rm_cards import card_of
from judgecli.pipeline.rm_train import Tell, TrainingPlan, check_enough, check_out, described, model_name, next_steps, pair_quality, read, tested
from judgecli.reward_model.groups import FOLDS, Groups, fold_of, group_rows
from judgecli.reward_model.preferences import Preferences
from judgecli.reward_model.quality import scaled
from judgecli.reward_model.train import cannot_measure
from judgecli.store.models import publish_model

if TYPE_CHECKING:
    from judgecli.engine.fine_tuning import FineTuned, FineTuning
    from judgecli.reward_model.encoder import EncoderModel
    from judgecli.reward_model.preferences import PreferencePair

HELD_OUT = 0  # the fold that measures
BATCH = 200  # pairs scored between two ticks


def train_encoder(
    ask: TrainingPlan, work: Work, base: Path, options: "FineTuning", told: Tell = lambda _: None, tick: Callable[[int, int], None] = lambda *_: None
) -> Facts:
    """Fine-tune, measure on the held-out fifth, save, and give what `judge rm train --json` prints.

    An interrupted training with the same data, base and options goes on where it was.
    Raises: as train_linear; UsageError where there is no pair, EnvironmentFailure where the extra is missing.
    """
    from judgecli.engine.fine_tuning import fine_tune
    from judgecli.store.encoders import check_folder, import_train

    check_out(ask.out)
    check_folder(base)
    import_train("trl")  # before the data is read: the extra may be missing
    told("reading")
    preferences = read(ask, work)
    check_enough(preferences)
    groups = group_rows(preferences.comparisons)
    fitted, held = _parted(preferences, groups, ask.seed)
    told(f"fine-tuning on {len(fitted):,} pairs")
    folder = work_folder(ask.out)
    folder.mkdir(parents=True, exist_ok=True)
    tuned = fine_tune(base, fitted, folder, options, lambda step, of, loss: told(_step(step, of, loss)))
    told(f"measuring on {len(held):,} pairs")
    quality, scale = _measured(tuned, [preferences.comparisons[place] for place in held], groups.numbers[held], model_name(ask.out), tick)
    model = _opened(tuned, model_name(ask.out), scale)
    test, notes = tested(ask, preferences, model)
    told("trying tricks")
    document = {
        **described(ask, preferences, "encoder", groups),
        "held_out": {"pairs": quality, "verdicts": None, "test": test, "reasons": {}},
        "tricks": tricks_that_pay(model, preferences, seed=ask.seed),
        "trained_on": len(fitted),
        "base": base.resolve().name,
        "max_length": tuned.codec.max_length,
        "epochs": options.epochs,
        "lora": options.lora,
        "learning_rate": options.learning_rate,
        "batch_size": options.batch_size,
        "steps": tuned.steps,
        "loss": tuned.loss,
        "device": tuned.device,
        "seed": ask.seed,
        "scale": scale,
        "notes": [*preferences.notes, *_left_out(preferences), f"{len(fitted):,} pairs were trained on; the other fifth of the groups measured it", *notes],
        "next": next_steps(ask),
    }
    card = card_of(document, created=ask.created, about=ask.about)
    identity = publish_model(ask.out, card, lambda made: _move(folder, tuned.files, made))
    shutil.rmtree(folder)
    return {**document, "identity": identity}


def work_folder(out: Path) -> Path:
    """Where a training is until it is done: beside the model, so that an interrupted one can go on and the model stays whole."""
    absolute = Path(os.path.abspath(out))
    return absolute.with_name(f".{absolute.name}.training")


def _move(folder: Path, files: Sequence[str], made: Path) -> None:
    for name in files:
        shutil.move(folder / name, made / name)


def _parted(preferences: Preferences, groups: Groups, seed: int) -> "tuple[list[PreferencePair], Integers]":
    """The pairs to fit, and the places of those held out, by the hash of their groups.

    Loose pairs of that fold are in neither: they share a prompt or an answer with the others. Raises: UsageError where nothing can be held out.
    """
    out = np.array([fold_of(group, seed) == HELD_OUT for group in groups.numbers.tolist()], bool)
    measured = out & ~groups.loose
    fitted = [one for one, inside in zip(preferences.comparisons, out, strict=True) if not inside]
    if not fitted or not measured.any() or cannot_measure(groups):
        raise UsageError(
            cannot_measure(groups)
            or f"{len(preferences.comparisons):,} pairs are too few to fit some and to hold out a fifth ({FOLDS} parts by nearly equal prompts and answers)",
            hint="an encoder learns from pairs; thumbs alone train the linear model: leave --base out",
        )
    return fitted, np.flatnonzero(measured)


def _measured(tuned: "FineTuned", held: "list[PreferencePair]", groups: Integers, name: str, tick: Callable[[int, int], None]) -> tuple[Facts | None, float]:
    """The quality on held-out pairs, and the slope that makes the network's output log-odds."""
    model = _opened(tuned, name, 1.0)
    margins = []
    for start in range(0, len(held), BATCH):
        some = held[start : start + BATCH]
        prompts = [one.prompt for one in some]
        margins.append(model.rewards(prompts, [one.chosen for one in some]).mean - model.rewards(prompts, [one.rejected for one in some]).mean)
        tick(0, len(some))
    found, slope = scaled(held, np.concatenate(margins), groups)
    return pair_quality(held, found), slope


def _opened(tuned: "FineTuned", name: str, scale: float) -> "EncoderModel":
    from judgecli.reward_model.encoder import EncoderModel

    return EncoderModel(name, "", tuned.codec, tuned.network, tuned.codec.tokenizer.pad_token_id, scale)


def _step(step: int, of: int, loss: float | None) -> str:
    return f"step {step:,} of {of:,}" + ("" if loss is None else f", loss {loss:.3f}")


def _left_out(preferences: Preferences) -> list[str]:
    return [f"{len(preferences.verdicts):,} answers judged alone are left out: an encoder learns from pairs"] if preferences.verdicts else []
