#!/usr/bin/env python3
"""The linear reward model on real preferences: `python benchmarks/reward_models.py [SECTION ...] [--data DIR]`.

Sections: harmless (accuracy, calibration, 5 folds), tricks (what `judge rm audit` finds), alpaca (length beside the model),
wmt (against chrF), speed (20,000 pairs: time, memory, scoring). Default: all. Data that is not there is skipped, and said to be.
"""

import argparse
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `judge` sets it

import numpy as np

from judgecli.readers.preferences import read_preferences
from judgecli.reward_model.audit import audit_model
from judgecli.reward_model.evaluation import Evaluation, evaluate
from judgecli.reward_model.linear import LinearModel
from judgecli.reward_model.preferences import PreferencePair, Preferences
from judgecli.reward_model.train import FOLDS, Recipe, fold_of, train
from judgecli.reward_model.tricks import Case

DATA = Path(__file__).parent.parent.parent / "shared/data/preferences"
CHRF = 0.662  # of sentence chrF on WMT19 kk-en
PLAIN = Recipe(negatives=())


def pairs(data: Path, name: str, prompt: str | None = None) -> Sequence[PreferencePair]:
    return read_preferences([str(data / f"{name}.jsonl.gz")], prompt=prompt).comparisons


def measure(model: LinearModel, asked: Sequence[PreferencePair]) -> Evaluation:
    prompts = [one.prompt for one in asked]
    chosen, rejected = (model.rewards(prompts, texts).mean for texts in ([one.chosen for one in asked], [one.rejected for one in asked]))
    return evaluate(asked, chosen, rejected, better=model.better)


def show(name: str, found: Evaluation) -> None:
    one, length = found.accuracy, found.length
    print(f"{name:<34} n {found.n:>6,}  accuracy {one.mean:.3f} ({one.low:.3f} to {one.high:.3f})  ECE {found.ece:.3f}  Brier {found.brier:.3f}")
    print(f"{'':<34} longer {length.longer.mean:.3f}, shorter {length.shorter.mean:.3f}; of like length n {length.matched_n}: {length.matched.mean:.3f}")
    print(f"{'':<34} {length.verdict}: {length.told}", flush=True)


def harmless(data: Path) -> None:
    known, asked = pairs(data, "hh_harmless.train"), pairs(data, "hh_harmless.test")
    show("hh harmless, train to test", measure(train(Preferences(known), Recipe(), name="x").model, asked))
    show("the same without negatives", measure(train(Preferences(known), PLAIN, name="x").model, asked))
    every = [*known, *asked]
    folds = np.array([fold_of(one, 1) for one in every])
    right = np.empty(len(every))
    for fold in range(FOLDS):
        places = np.flatnonzero(folds == fold)
        held = [every[place] for place in places]
        model = train(Preferences([one for one, own in zip(every, folds, strict=True) if own != fold]), Recipe(), name="x").model
        prompts = [one.prompt for one in held]
        right[places] = model.rewards(prompts, [one.chosen for one in held]).mean > model.rewards(prompts, [one.rejected for one in held]).mean
    print(f"hh harmless, {FOLDS} folds by prompt        n {len(every):>6,}  accuracy {right.mean():.3f}, standard error {right.std() / len(every) ** 0.5:.3f}")


def tricks(data: Path) -> None:
    for name, most in (("hh_harmless", None), ("alpaca_gpt4_pairs", 4_000)):
        model = train(Preferences(pairs(data, f"{name}.train")[:most]), Recipe(), name="x").model
        cases = list(dict.fromkeys(Case(one.prompt, one.chosen) for one in pairs(data, f"{name}.test")))[::3]
        for found in audit_model(model, cases):
            if found.name in ("trick", "null_floor") and found.estimate is not None:
                print(f"{name:<20} {found.kind or found.name:<18} n {found.n:>5,}  {found.estimate:6.1%}{'  defect' if found.defect else ''}", flush=True)


def alpaca(data: Path) -> None:
    model = train(Preferences(pairs(data, "alpaca_gpt4_pairs.train")[:20_000]), Recipe(), name="x").model
    show("alpaca GPT-4 pairs, 20k to test", measure(model, pairs(data, "alpaca_gpt4_pairs.test")))


def wmt(data: Path) -> None:
    """Translations with the reference as the input: gu-en to learn from, kk-en to be asked."""
    known, asked = pairs(data, "wmt19_darr_gu-en", "reference"), pairs(data, "wmt19_darr_kk-en", "reference")
    for name, recipe in (("default", Recipe()), ("no n-grams", Recipe(spec=replace(PLAIN.spec, bits=0)))):
        found = measure(train(Preferences(known), recipe, name="x").model, asked)
        print(f"WMT19 gu-en to kk-en, {name:<12} n {found.n:>6,}  accuracy {found.accuracy.mean:.3f} (chrF {CHRF})  ECE {found.ece:.3f}", flush=True)


def speed(data: Path) -> None:
    known = pairs(data, "alpaca_gpt4_pairs.train")[:20_000]
    wall, cpu = time.perf_counter(), time.process_time()
    model = train(Preferences(known), Recipe(), name="x").model
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"training on {len(known):,} pairs: {wall:.1f} s, {cpu:.1f} s CPU; peak {peak:,.0f} MB, the pairs themselves and all before included")
    for name in ("hh_harmless.train", "alpaca_gpt4_pairs.train"):
        some = pairs(data, name)[:5_000]
        outputs = [one.chosen for one in some]
        cpu = time.process_time()
        model.rewards([one.prompt for one in some], outputs)
        cpu = time.process_time() - cpu
        size = float(np.mean([len(text) for text in outputs]))
        print(f"scoring {name:<24} {size:6.0f} characters: {len(some) / cpu:8,.0f} records per CPU second ({size * len(some) / cpu / 1e6:.1f} MB/s)")


SECTIONS = {"harmless": harmless, "tricks": tricks, "alpaca": alpaca, "wmt": wmt, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in given.sections or SECTIONS:
        if given.data.is_dir():
            SECTIONS[name](given.data)
        else:
            print(f"{name}: skipped, the data is not here ({given.data})")


if __name__ == "__main__":
    main()
