"""judge rm eval: a reward model on people's preferences, on the RewardBenches, and at best of n, as one document."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import special

from judgecli.arrays import Floats
from judgecli.document import Facts
from judgecli.errors import NoRecords, UnknownName, UsageError
from judgecli.evidence.reading import check_rows_read
from judgecli.readers.choices import kinds_of, read_choices
from judgecli.readers.preferences import read_preferences
from judgecli.readers.rows import GatheredRows
from judgecli.readers.source import expand
from judgecli.readers.steps import is_steps, read_steps
from judgecli.reward_model.benchmarks import RewardBench, RewardBench2, reward_bench, reward_bench_2
from judgecli.reward_model.best_of_n import BestChoice, SelectionPoint, curve
from judgecli.reward_model.evaluation import Evaluation, available_tags, evaluate
from judgecli.reward_model.groups import group_rows, prompt_number
from judgecli.reward_model.model import RewardModel
from judgecli.reward_model.preferences import GoodOrBad, Preferences
from judgecli.reward_model.process import AGGREGATES, Solution, aggregate, cross_fitted_score, step_rewards
from judgecli.stats.auc import auc
from judgecli.stats.intervals import Estimate

LEARNT = "{name} is a file that the model learnt from: what it gets there says nothing of other answers"
STORED = "stored"  # in place of a model: the scores that the rows hold
BATCH = 2000  # texts that a model is given at once


@dataclass(frozen=True)
class PreferenceReading:
    """How the rows are read: a shape for all of them, the field of the prompt, the ends of ratings; the tags to segment by; what share may be unreadable."""

    shape: str | None = None
    prompt: str | None = None
    scale: tuple[float, float] | None = None
    by: tuple[str, ...] = ()
    max_bad: float = 0.01


def evaluate_model(
    model: RewardModel | None,
    paths: Sequence[str],
    reading: PreferenceReading = PreferenceReading(),
    *,
    learnt: Collection[str] = (),
    tick: Callable[[int], None] = lambda _: None,
) -> Facts:
    """What `judge rm eval --json` prints. `model` None: the scores that rows with several outputs hold.

    `learnt`: SHA-256 of the files that the model learnt from: a note says which of them it is measured on again.
    Raises: LogError, NoRecords (nothing to evaluate on), Incomplete, UsageError (no stored scores), UnknownName (shape, tag).
    """
    pair_files, choice_files, step_files = _sorted_files(paths, reading)
    preferences = read_preferences(pair_files, shape=reading.shape, prompt=reading.prompt, scale=reading.scale, ties=True) if pair_files else Preferences()
    choices = read_choices(choice_files, prompt=reading.prompt) if choice_files else GatheredRows[BestChoice]()
    solutions = read_steps(step_files) if step_files and model is not None else GatheredRows[Solution]()
    if model is None:
        left_out = [f"{len(preferences.comparisons):,} pairs hold no scores and are left out"] if preferences.comparisons else []
        preferences = Preferences(notes=left_out)
    _check(model, preferences, choices, solutions, reading)
    scored = _ScoredPairs(model, tick)
    rewards = stored(choices) if model is None else [scored.outputs([one.prompt] * len(one.outputs), one.outputs).tolist() for one in choices.items]
    pairs, margins, document = preferences.comparisons, np.zeros(0), {}
    if pairs:
        chosen, rejected = (scored.outputs([one.prompt for one in pairs], [getattr(one, side) for one in pairs]) for side in ("chosen", "rejected"))
        margins = chosen - rejected
        # A model that was calibrated on held-out labels says itself what a margin means.
        document = pairs_document(evaluate(pairs, chosen, rejected, by=reading.by, better=getattr(model, "better", special.expit)))
    bench = reward_bench(pairs, margins.tolist()) if pairs else None
    bench_2 = reward_bench_2(choices.items, rewards) if choices.items else None
    return {
        "model": None if model is None else model.name,
        "identity": None if model is None else model.identity,
        "data": (data := _data(preferences, choices, solutions)),
        **(document or pairs_document(evaluate((), np.zeros(0), np.zeros(0)))),
        "tags": available_tags(pairs),
        "outside": scored.outside_share(),
        "verdicts": _verdicts(preferences.verdicts, scored),
        "reward_bench": None if bench is None else _bench(bench),
        "reward_bench_2": None if bench_2 is None else _bench_2(bench_2),
        "best_of_n": [] if bench_2 is not None else [_point(point) for point in curve(choices.items, rewards)],
        "steps": _steps(model, solutions.items) if model is not None and solutions.items else None,
        "notes": [*(LEARNT.format(name=name) for name, digest in data["hashes"].items() if digest in learnt), *preferences.notes],
    }


def learnt_from(name: str) -> set[str]:
    """The SHA-256 of the files that a reward model of a folder or a name learnt from, as its card says. Raises: UnknownName, UsageError, ModelRefused."""
    from judgecli.catalog import model_folders
    from judgecli.store import model_library

    return {one.sha256 for one in model_library.model_card(name.removeprefix("rm:"), model_folders()).data}


def open_model(name: str, *, embeddings: Path | None = None) -> RewardModel:
    """The reward model of a folder or a name; `rm:` before it is allowed. `embeddings`: the folder of the embedding that it reads, if any.

    Raises: UnknownName, UsageError, ModelRefused.
    """
    from judgecli.catalog import model_folders
    from judgecli.store import model_library

    path = model_library.find_model(name.removeprefix("rm:"), model_folders())
    return model_library.open_model(path, None if embeddings is None else str(embeddings))


def stored(choices: GatheredRows[BestChoice]) -> list[list[float]]:
    """The scores that the rows hold. Raises: UsageError where one holds none."""
    bare = next((choice.source for choice in choices.items if choice.scores is None), None)
    if bare is not None or not choices.items:
        where = bare or "these files"
        shape = '{"prompt", "outputs": [...], "gold": [...], "scores": [...]}'
        raise UsageError(f"{where} holds no stored scores", hint=f"rows need several outputs, how good each is, and its score: {shape}")
    return [list(choice.scores or ()) for choice in choices.items]


def _sorted_files(paths: Sequence[str], reading: PreferenceReading) -> tuple[list[str], list[str], list[str]]:
    """The files with pairs or verdicts, those with several outputs a row, and those with steps; a shape that is named reads all files as pairs."""
    files = expand(paths)
    if reading.shape is not None:
        return files, [path for path in files if reading.shape == "reward-bench-2"], []
    kinds = {path: kinds_of(path) for path in files}
    steps = [path for path in files if is_steps(path)]
    pairs = [path for path in files if kinds[path][0] and path not in steps]
    return pairs, [path for path in files if kinds[path][1] and path not in steps], steps


def _check(
    model: RewardModel | None, preferences: Preferences, choices: GatheredRows[BestChoice], solutions: GatheredRows[Solution], reading: PreferenceReading
) -> None:
    if model is not None and not (preferences.comparisons or preferences.verdicts or choices.items or solutions.items):
        reasons = (preferences.dropped + choices.dropped + solutions.dropped).most_common()
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in reasons) or "there is no line"
        hint = "rows need two answers and which is better, e.g. prompt, chosen, rejected; --shape names a shape"
        raise NoRecords(f"nothing to evaluate on: {dropped}", hint=hint)
    for rows in (preferences, choices, solutions):
        check_rows_read(rows.dropped, rows.read, reading.max_bad)
    known = {tag for one in preferences.comparisons for tag in one.tags}
    for tag in reading.by:
        if tag not in known:
            raise UnknownName("tag of these pairs", tag, known=known)


class _ScoredPairs:
    """The rewards of outputs, in batches, and how many of them lay outside what the model knows."""

    def __init__(self, model: RewardModel | None, tick: Callable[[int], None]) -> None:
        self.model = model
        self.tick = tick
        self.count = self.outside = 0

    def outputs(self, prompts: Sequence[str], outputs: Sequence[str]) -> Floats:
        """N rewards."""
        assert self.model is not None
        parts = []
        for start in range(0, len(outputs), BATCH):
            found = self.model.rewards(prompts[start : start + BATCH], outputs[start : start + BATCH])
            parts.append(found.mean)
            self.count += len(found.mean)
            self.outside += int(found.outside.sum())
            self.tick(len(found.mean))
        return np.concatenate(parts) if parts else np.zeros(0)

    def outside_share(self) -> float | None:
        """The share of outputs outside the training data's features; None without outputs."""
        return self.outside / self.count if self.count else None


def _data(preferences: Preferences, choices: GatheredRows[BestChoice], solutions: GatheredRows[Solution]) -> Facts:
    return {
        "read": preferences.read + choices.read + solutions.read,
        "pairs": len(preferences.comparisons),
        "verdicts": len(preferences.verdicts),
        "prompts_with_outputs": len(choices.items),
        "solutions": len(solutions.items),
        "dropped": dict(preferences.dropped + choices.dropped + solutions.dropped),
        "hashes": {**preferences.hashes, **choices.hashes, **solutions.hashes},
    }


def pairs_document(found: Evaluation) -> Facts:
    """An evaluation on pairs under the keys of `judge rm eval --json`."""
    length = found.length
    numbers: Facts = {"accuracy": found.accuracy.mean, "low": found.accuracy.low, "high": found.accuracy.high, "ece": found.ece, "brier": found.brier}
    why = "no pair" if not found.n else "all pairs are of one group of prompts and answers"
    return {
        "n": found.n,
        "clusters": found.clusters,
        **numbers,
        "reasons": {name: why for name, value in numbers.items() if value is None},
        "ties": {"model": found.model_ties, "labels": found.label_ties},
        "baselines": {"longer": length.longer.mean, "shorter": length.shorter.mean},
        "gain_over_length": _estimate(length.gain),
        "length_matched": {"n": length.matched_n, "accuracy": length.matched.mean, **_limits(length.matched), "longer": length.matched_longer},
        "beyond_length": _estimate(length.beyond),
        "length_verdict": length.verdict,
        "told": length.told,
        "margin": {"median": found.margin, "median_tied": found.tied_margin, "bars": [{"low": bar.low, "high": bar.high, "n": bar.n} for bar in found.margins]},
        "reliability": [{"low": bar.low, "high": bar.high, "n": bar.n, "confidence": bar.mean, "accuracy": bar.right} for bar in found.reliability],
        "segments": [
            {"tag": one.tag, "value": one.value, "n": one.n, "accuracy": one.accuracy.mean, **_limits(one.accuracy), "longer": one.longer}
            for one in found.segments
        ],
    }


def _verdicts(verdicts: Sequence[GoodOrBad], scored: _ScoredPairs) -> Facts | None:
    """How well rewards order answers judged alone; those in the middle of their scale are neither good nor bad."""
    sided = [one for one in verdicts if one.value != 0.5]
    if not sided or scored.model is None:
        return None
    rewards, good = scored.outputs([one.prompt for one in sided], [one.output for one in sided]), np.array([one.value > 0.5 for one in sided])
    return {"n": len(sided), "good": int(good.sum()), **order_document(rewards, good, group_rows(sided).clusters)}


def order_document(rewards: Floats, good: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> Facts:
    """How often a good one stands above a bad one, with the interval by groups; nulls where there is only one kind."""
    found = auc(rewards, good, np.unique(groups, return_inverse=True)[1])
    return {"auroc": None, "low": None, "high": None} if found is None else {"auroc": found.auc, "low": found.low, "high": found.high}


def _steps(model: RewardModel, solutions: Sequence[Solution]) -> Facts:
    """First wrong steps found, steps told apart, and how well each way of aggregating steps tells right answers from wrong ones."""
    rewards = step_rewards(model, solutions)
    found = cross_fitted_score(solutions, rewards)
    labelled = [
        (reward, good, one.prompt or one.source)
        for one, own in zip(solutions, rewards, strict=True)
        for reward, good in zip(own, one.good, strict=True)
        if good is not None
    ]
    values, goods = np.array([reward for reward, _, _ in labelled]), np.array([good for _, good, _ in labelled], bool)
    named = np.array([prompt_number(GoodOrBad(prompt, "", 0.0)) for _, _, prompt in labelled], np.int64)
    whole = [(special.expit(own).tolist(), one) for one, own in zip(solutions, rewards, strict=True) if one.answer_correct is not None and own]
    right = np.array([one.answer_correct for _, one in whole], bool)
    asked = np.array([prompt_number(GoodOrBad(one.prompt, one.source, 0.0)) for _, one in whole], np.int64)
    answers = {how: order_document(np.array([aggregate(own, how) for own, _ in whole]), right, asked)["auroc"] for how in AGGREGATES}
    return {
        "n": found.n,
        "erroneous": {"n": found.erroneous_n, **_estimate(found.erroneous), "within_one": found.within_one},
        "correct": {"n": found.correct_n, **_estimate(found.correct)},
        "score": found.score,
        **order_document(values, goods, named),
        "answers": {"n": len(whole), **answers},
    }


def _bench(found: RewardBench) -> Facts:
    subsets = {name: {"n": n, "accuracy": accuracy} for name, (n, accuracy) in found.subsets.items()}
    by_length = {bias: {"n": n, "accuracy": accuracy} for bias, (n, accuracy) in found.by_length.items()}
    return {"score": found.score, "sections": dict(found.sections), "by_length": by_length, "subsets": subsets, "missing": list(found.missing)}


def _bench_2(found: RewardBench2) -> Facts:
    domains = {name: {"n": n, "score": score} for name, (n, score) in found.domains.items()}
    return {"score": found.score, "domains": domains, "ties": dict(found.ties), "missing": list(found.missing)}


def _point(point: SelectionPoint) -> Facts:
    means: Mapping[str, Estimate | None] = {"best": point.best, "first": point.first, "majority": point.majority, "passed": point.passed}
    found = {name: None if estimate is None else _estimate(estimate) for name, estimate in means.items()}
    return {"n": point.n, "prompts": point.prompts, "kl": point.kl, **found}


def _estimate(estimate: Estimate) -> Facts:
    return {"estimate": estimate.mean, **_limits(estimate)}


def _limits(estimate: Estimate) -> Facts:
    return {name: value for name, value in asdict(estimate).items() if name in ("low", "high")}


def write_evaluation(document: Facts, path: Path) -> None:
    """Write the evaluation to a file: .html, .md or .json by its suffix. Raises: UsageError (another suffix), EnvironmentFailure."""
    from judgecli.pipeline.report import report_format
    from judgecli.renderers.reward_eval import evaluation_html, evaluation_markdown
    from judgecli.renderers.safe import json_text
    from judgecli.renderers.text_file import publish_text

    form = report_format(path)
    text = evaluation_html(document) if form == "html" else evaluation_markdown(document) if form == "markdown" else json_text(document) + "\n"
    publish_text(path, text)
