"""judge rm train: preferences of files and of the store, a model from them, and how good it is on prompts that it was not fitted to."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from judgecli.arrays import Integers
from judgecli.document import Facts
from judgecli.errors import NoRecords, UsageError
from judgecli.evidence.reading import check_rows_read
from judgecli.evidence.work import Work
from judgecli.pipeline.rm_audit import tricks_that_pay
from judgecli.pipeline.rm_cards import card_of
from judgecli.pipeline.rm_eval import PreferenceReading, order_document, pairs_document
from judgecli.readers.preferences import read_preferences, repetition_notes
from judgecli.reward_model.evaluation import Evaluation, evaluate
from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.groups import Groups, group_rows, prompt_number
from judgecli.reward_model.model import RewardModel
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences
from judgecli.reward_model.quality import Sureness, held_out_pairs, opposed, sureness
from judgecli.reward_model.train import LEAST_PROMPTS, LEAST_ROWS, HeldOut, Recipe, Training, train
from judgecli.store.models import CARD, save_model

if TYPE_CHECKING:
    from judgecli.store.embedders import Embedder

Tell = Callable[[str], None]

USELESS = "the embeddings predict nothing more and are left out: without --embeddings the same rewards cost less"


@dataclass(frozen=True)
class TrainingPlan:
    """What is trained, from what, and where it is put.

    `labels`: names of labels of the store, () all of them, None none; `steps`: the files hold answers in labelled steps;
    `negatives`: train against worthless answers, as far as the recipe does; `embeddings`: a local folder of sentence-transformers.
    """

    out: Path
    paths: Sequence[str] = ()
    reading: PreferenceReading = field(default_factory=PreferenceReading)
    labels: tuple[str, ...] | None = None
    steps: bool = False
    licence: str | None = None
    members: int = 1
    seed: int = 0
    negatives: bool = True
    embeddings: Path | None = None
    test: Sequence[str] = ()  # files with pairs that are not trained on, to measure it once more
    about: str = ""
    created: str = ""  # ISO 8601 date, for the card


def train_linear(ask: TrainingPlan, work: Work, told: Tell = lambda _: None) -> Facts:
    """Train a linear model, save it, and give what `judge rm train --json` prints.

    Raises: LogError, NoRecords (nothing to learn from), UsageError (too few rows, a folder that is no model of ours), EnvironmentFailure.
    """
    check_out(ask.out)
    told("reading")
    preferences = read(ask, work)
    check_enough(preferences)
    embedder = _embedder(ask)
    told(f"training on {len(preferences.comparisons) + len(preferences.verdicts):,} pairs and verdicts")
    trained = train(preferences, _recipe(ask, embedder), name=model_name(ask.out), embed=None if embedder is None else embedder.embed)
    test, notes = tested(ask, preferences, trained.model)
    told("trying tricks")
    document = {
        **described(ask, preferences, "linear", trained.groups),
        "held_out": {**linear_quality(preferences, trained), "test": test, "reasons": _why_unmeasured(preferences, trained)},
        "tricks": tricks_that_pay(trained.model, preferences, seed=ask.seed),
        "members": ask.members,
        "seed": ask.seed,
        "negatives": trained.negatives,
        "slope": trained.slope,
        "penalty": {"dense": trained.penalty.dense, "hashed": trained.penalty.hashed},
        "calibration": {kind: found.method for kind, found in trained.model.calibrations.items()},
        "embeddings": None if embedder is None else _embedding(embedder, trained),
        "notes": [*preferences.notes, *notes, *([USELESS] if trained.embedding_scale == 0 else [])],
        "next": next_steps(ask),
    }
    told("saving")
    return {**document, "identity": save_model(ask.out, trained.model, card_of(document, created=ask.created, about=ask.about))}


def next_steps(ask: TrainingPlan) -> list[str]:
    """What to type next."""
    data = " ".join(ask.paths[:1]) or "held_out.jsonl"
    score = f"judge score LOGS -s rm:{ask.out}"
    return [f"{score}          score a log with it", f"judge rm audit {ask.out} {data}          which tricks does it pay for?"]


def model_name(out: Path) -> str:
    """The name of a model: that of its folder."""
    return out.resolve().name


def check_out(out: Path) -> None:
    """Make sure that nothing but a model of ours is overwritten. Raises: UsageError."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file", hint="name a folder for the model: --out reward_models/NAME")
    held = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if held and CARD not in held:
        raise UsageError(f"{out} holds {', '.join(held[:3])} and no {CARD}: it is no reward model", hint="name a new folder, or that of a model to replace")


def read(ask: TrainingPlan, work: Work) -> Preferences:
    """The preferences of files and of the store together. Raises: LogError, NoRecords, Incomplete, StoreError, UnknownName."""
    parts = []
    if ask.paths:
        parts.append(_steps(ask.paths) if ask.steps else _files(ask))
    if ask.labels is not None:
        parts.append(_stored(ask.labels, work, ask.reading.scale))
    found = _joined(parts)
    if not (found.comparisons or found.verdicts):
        why = ", ".join(f"{reason} {count:,}" for reason, count in found.dropped.most_common()) or "there is no line"
        hint = "rows need two answers and which is better (prompt, chosen, rejected), or an answer and a thumb; --shape names a shape"
        raise NoRecords(f"nothing to learn from: {why}", hint=hint)
    check_rows_read(found.dropped, found.read, ask.reading.max_bad)
    return found


def _files(ask: TrainingPlan) -> Preferences:
    return read_preferences(list(ask.paths), shape=ask.reading.shape, prompt=ask.reading.prompt, scale=ask.reading.scale)


def _steps(paths: Sequence[str]) -> Preferences:
    from judgecli.readers.steps import read_steps
    from judgecli.reward_model.process import step_verdicts

    found = read_steps(list(paths))
    verdicts = step_verdicts(found.items)
    notes = [f"{len(found.items):,} answers in steps, {len(verdicts):,} of their steps labelled"]
    return Preferences(verdicts=verdicts, dropped=found.dropped, hashes=found.hashes, notes=notes, read=len(verdicts) + found.dropped.total())


def _stored(labels: Sequence[str], work: Work, scale: tuple[float, float] | None) -> Preferences:
    from judgecli.evidence.labelled import read_labelled

    found = read_labelled(work, labels=labels, scale=scale)
    said = [repr((one.prompt, one.chosen, one.rejected)) for one in found.comparisons]
    said += [repr((one.prompt, one.output, one.value)) for one in found.verdicts]
    digest = hashlib.sha256("\n".join(sorted(said)).encode("utf-8", "backslashreplace")).hexdigest()
    name = f"labels of the store ({', '.join(labels) or 'all'})"
    kept = len(found.comparisons) + len(found.verdicts)
    return replace(found, hashes={name: digest}, notes=[f"{name}: {kept:,} pairs and verdicts kept", *found.notes])


def _joined(parts: Sequence[Preferences]) -> Preferences:
    if len(parts) == 1:
        return parts[0]
    comparisons, verdicts = ([one for part in parts for one in getattr(part, kind)] for kind in ("comparisons", "verdicts"))
    own = [note for part in parts for note in part.notes if note not in repetition_notes(part.comparisons, part.verdicts)]
    found = Preferences(comparisons, verdicts, notes=[*own, *repetition_notes(comparisons, verdicts)], read=sum(part.read for part in parts))
    for part in parts:
        found.dropped.update(part.dropped)
    return replace(found, hashes={name: digest for part in parts for name, digest in part.hashes.items()})


def check_enough(preferences: Preferences) -> None:
    """Make sure that there is something to learn. Raises: UsageError."""
    said = _said(preferences)
    rows, prompts = len(said), len({prompt_number(one) for one in said})
    if rows < LEAST_ROWS or prompts < LEAST_PROMPTS:
        raise UsageError(
            f"{rows} pairs and verdicts of {prompts} prompts are too few to learn from",
            hint=f"at least {LEAST_ROWS} of {LEAST_PROMPTS} different prompts; a few hundred make a model worth having",
        )
    if not preferences.comparisons and len({one.value >= 0.5 for one in preferences.verdicts}) == 1:
        kind = "good" if preferences.verdicts[0].value >= 0.5 else "bad"
        raise UsageError(f"all {rows:,} answers are {kind}: there is nothing to tell apart", hint="both kinds are needed, or pairs")


def _said(preferences: Preferences) -> list[PreferencePair | GoodOrBad]:
    return [*preferences.comparisons, *preferences.verdicts]


def _embedder(ask: TrainingPlan) -> "Embedder | None":
    if ask.embeddings is None:
        return None
    from judgecli.store.embedders import open_embedder

    return open_embedder(ask.embeddings)


def _embedding(embedder: "Embedder", trained: Training) -> Facts:
    return {"folder": Path(embedder.folder).name, "sha256": embedder.digest, "width": embedder.width, "scale": trained.embedding_scale}


def _recipe(ask: TrainingPlan, embedder: "Embedder | None") -> Recipe:
    found = Recipe(members=ask.members, seed=ask.seed)
    if embedder is not None:
        found = replace(found, spec=FeatureSpec(embedding=Path(embedder.folder).name, embedding_size=embedder.width))
    return found if ask.negatives else replace(found, negatives=())


def described(ask: TrainingPlan, preferences: Preferences, kind: str, groups: Groups) -> Facts:
    """What was asked for, what it was trained on, and in which groups that was held out."""
    return {
        "model": model_name(ask.out),
        "kind": kind,
        "out": str(ask.out),
        "licence": ask.licence,
        "data": {
            "read": preferences.read,
            "pairs": len(preferences.comparisons),
            "verdicts": len(preferences.verdicts),
            "prompts": len({one.question or one.prompt or one.source for one in _said(preferences)}),
            "held_out_by": groups.count,
            "groups": {
                "n": groups.count,
                "first_questions": groups.prompts,
                "nearly_equal_prompts": groups.by_prompt,
                "equal_answers": groups.by_answer,
                "not_measured": int(groups.loose.sum()),
            },
            "dropped": dict(preferences.dropped),
            "hashes": {Path(path).name or path: digest for path, digest in preferences.hashes.items()},
        },
    }


def linear_quality(preferences: Preferences, trained: Training) -> Facts:
    """Of pairs and of answers judged alone (None without any) what the folds of training held out."""
    pairs, verdicts = preferences.comparisons, preferences.verdicts
    singles = [verdicts[place - len(pairs)] for place in trained.singles.rows]
    return {"pairs": pair_quality(pairs, trained.pairs), "verdicts": _verdict_quality(singles, trained.singles)}


def _why_unmeasured(preferences: Preferences, trained: Training) -> Mapping[str, str]:
    """Why there is no figure of pairs or of answers judged alone though there are some."""
    if trained.unmeasured is None and not trained.groups.loose.any():
        return {}
    why = trained.unmeasured or "each of them shares a prompt or an answer with most others"
    kinds = (("pairs", preferences.comparisons, trained.pairs), ("verdicts", preferences.verdicts, trained.singles))
    return {kind: why for kind, said, held in kinds if said and not len(held.rows)}


def tested(ask: TrainingPlan, preferences: Preferences, model: RewardModel) -> tuple[Facts | None, list[str]]:
    """The quality on the pairs of the test files (None without such files), and what is to be known of it. Raises: NoRecords, Incomplete."""
    if not ask.test:
        return None, []
    found = read_preferences(list(ask.test), shape=ask.reading.shape, prompt=ask.reading.prompt, scale=ask.reading.scale)
    if not found.comparisons:
        raise NoRecords(f"{' '.join(ask.test)} holds no pair to test on", hint="rows need two answers and which is better")
    check_rows_read(found.dropped, found.read, ask.reading.max_bad)
    clear, groups = _apart(_said(preferences), found.comparisons)
    pairs, shared = [found.comparisons[place] for place in clear], len(found.comparisons) - len(clear)
    notes = [f"test: {note}" for note in found.notes]
    if shared:
        left = f"{shared:,} of {len(found.comparisons):,} pairs of the test have a prompt or an answer that was trained on: they are left out"
        notes.append(left if pairs else f"{left}, so the test says nothing")
    if not pairs:
        return None, notes
    prompts = [one.prompt for one in pairs]
    chosen, rejected = (model.rewards(prompts, [getattr(one, side) for one in pairs]).mean for side in ("chosen", "rejected"))
    margins = chosen - rejected
    held = HeldOut(np.arange(len(margins)), margins, getattr(model, "better", special.expit)(margins), groups)
    return {**(pair_quality(pairs, held) or {}), "before_calibration": _sure(None)}, notes  # rewards are log-odds as calibrated


def _apart(trained: "Sequence[PreferencePair | GoodOrBad]", test: Sequence[PreferencePair]) -> tuple[Integers, Integers]:
    """The places of test pairs that share no prompt and no answer with what was trained on, and their groups."""
    joint = group_rows([*trained, *test])
    known, own = set(joint.clusters[: len(trained)].tolist()), joint.clusters[len(trained) :]
    clear = np.flatnonzero([cluster not in known for cluster in own.tolist()])
    return clear, own[clear]


def pair_quality(pairs: Sequence[PreferencePair], held: HeldOut) -> Facts | None:
    """The document of held-out pairs, with calibration before; None without a pair."""
    if not len(held.rows):
        return None
    found, before = held_out_pairs(pairs, held)
    return {**pairs_document(found), "before_calibration": _sure(before)}


def _verdict_quality(verdicts: Sequence[GoodOrBad], held: HeldOut) -> Facts | None:
    sided = np.array([place for place, one in enumerate(verdicts) if one.value != 0.5], np.int64)
    if not len(sided):
        return None
    some, rewards = [verdicts[place] for place in sided], held.margins[sided]
    good, groups = np.array([one.value > 0.5 for one in some]), (group_rows(verdicts).clusters if held.groups is None else held.groups)[sided]
    lengths = np.array([float(len(one.output)) for one in some])
    longer = order_document(lengths, good, groups)["auroc"]
    beside: Evaluation = opposed(some, rewards, groups) if good.any() and not good.all() else evaluate((), np.zeros(0), np.zeros(0))
    after = sureness(held.probabilities[sided], some)
    return {
        "n": len(some),
        "good": int(good.sum()),
        **order_document(rewards, good, groups),
        "groups": len(np.unique(groups)),
        "baselines": {"longer": longer, "shorter": None if longer is None else 1 - longer},
        "length": {name: value for name, value in pairs_document(beside).items() if name in LENGTH_KEYS},
        "ece": after.ece,
        "brier": after.brier,
        "before_calibration": _sure(sureness(1 / (1 + np.exp(-rewards)), some)),
    }


LENGTH_KEYS = ("n", "accuracy", "low", "high", "length_matched", "beyond_length", "length_verdict", "told")


def _sure(found: Sureness | None) -> Mapping[str, float | None]:
    return {"ece": None if found is None else found.ece, "brier": None if found is None else found.brier}
