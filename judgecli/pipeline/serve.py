"""Rewards on demand: a reward model, some scorers, or the whole reward of judge.yaml, asked about outputs that were never logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from judgecli import catalog
from judgecli.catalog import Spec
from judgecli.config.project import Term
from judgecli.engine.shard import score_table
from judgecli.engine.worker import metric_info
from judgecli.errors import ConfigError, UsageError
from judgecli.evidence.rewarded import check_frozen, needed_metrics, plan_reward
from judgecli.evidence.scorers import bind_all, check_names, choose_scorers
from judgecli.pipeline.judged import Judges
from judgecli.pipeline.live_judges import LiveJudges
from judgecli.pipeline.rubrics import is_rubric, read_rubrics
from judgecli.pipeline.served import read_served
from judgecli.reward.compose import compose
from judgecli.reward.outcome import LISTS, TAGS, TEXTS, LiveReward, Outcome, Rows, count_rows
from judgecli.reward.spec import MetricFacts, RewardSpec, build_reward
from judgecli.reward_model.remote import is_served
from judgecli.schema import RECORDS
from judgecli.scorer import Metric

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.reward_model.model import RewardModel

OWN_NAME = "scorers"  # of a reward that was put together from typed scorers
CARD = "card.yaml"


def open_reward(specs: Sequence[str], settings: "Settings") -> LiveReward:
    """The reward that these names mean, ready to be asked.

    One folder of a reward model (`reward_models/support`, `rm:reward_models/support`): its own numbers, log-odds. Scorers: their
    mean on [0, 1], each turned so that more is better. None: the whole reward of judge.yaml.
    Raises: UsageError (nothing named, a column that no request brings), ConfigError (no scale, not frozen), UnknownName, and
    JudgeUnavailable where a rubric has no endpoint.
    """
    targets = [_spec_of(text) for text in specs]
    if len(targets) == 1 and _is_folder(targets[0]) and not targets[0].options:
        return ModelReward(load_model(targets[0].target.removeprefix("rm:")))
    check_names([spec.name for spec in targets])
    return _composed(targets, settings, None) if targets else _compose_project(settings)


def load_model(path: str) -> "RewardModel":
    """The reward model in a folder, or of that name. Raises: the errors of its loader."""
    from judgecli.store.model_library import open_named

    return open_named(path, catalog.model_folders())


def _spec_of(text: str) -> Spec:
    return Spec(f"rm.{Path(text).name}", f"rm:{text}") if (Path(text) / CARD).is_file() else replace(catalog.parse_spec(text), typed=True)


def rooted(settings: "Settings", root: Path) -> "Settings":
    """The settings with the files that judge.yaml names (models, rubrics, code) and the store looked up in `root`, wherever the process stands."""
    scorers = tuple(replace(entry, target=rooted_target(entry.target, root)) for entry in settings.scorers)
    return replace(settings, scorers=scorers, store=root / settings.store)


def rooted_target(target: str, root: Path) -> str:
    """The target of a spec with its file looked up in `root`.

    >>> rooted_target("rm:models/support", Path("/home")), rooted_target("words", Path("/home"))
    ('rm:/home/models/support', 'words')
    """
    prefix, colon, name = target.partition(":")
    if prefix == "rm" and "/" not in name and not (root / name / CARD).is_file():
        project = root / "reward_models" / name
        return f"rm:{project}" if (project / CARD).is_file() else target
    if prefix in ("rm", "rubric") and "://" not in target and (prefix == "rm" or name.endswith((".yaml", ".yml")) or "/" in name):
        return f"{prefix}{colon}{root / name}"
    return f"{root / prefix}{colon}{name}" if prefix.endswith(".py") else target


def _is_folder(spec: Spec) -> bool:
    return spec.target.startswith("rm:") and "://" not in spec.target


@dataclass(frozen=True)
class ModelReward:
    """A reward model alone: its mean as the reward, with its doubt."""

    model: "RewardModel"
    columns: frozenset[str] = frozenset({"input", "output"})
    required: frozenset[str] = frozenset({"output"})
    range: tuple[float | None, float | None] = (None, None)

    @property
    def name(self) -> str:
        """As its folder is called."""
        return self.model.name

    @property
    def identity(self) -> str:
        """16 hex digits over weights and card."""
        return self.model.identity

    def rewards(self, rows: Rows) -> list[Outcome]:
        """One outcome a row; a row without an output is `input_missing_field`."""
        total = count_rows(rows)
        outputs, inputs = rows["output"], rows.get("input", [None] * total)
        found = [Outcome(None, "input_missing_field")] * total
        asked = [place for place in range(total) if isinstance(outputs[place], str)]
        if not asked:
            return found
        given = self.model.rewards([inputs[place] for place in asked], [outputs[place] for place in asked])  # type: ignore[misc]
        for place, mean, sd, outside in zip(asked, given.mean.tolist(), given.sd.tolist(), given.outside.tolist(), strict=True):
            finite = bool(np.isfinite(mean))
            found[place] = Outcome(mean, sd=sd if np.isfinite(sd) else None, outside=outside) if finite else Outcome(None, "metric_error")
        return found

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class ComposedReward:
    """A reward composed of scores, as judge.yaml composes them: `spec` over what `metrics` compute and `judges` answer."""

    spec: RewardSpec
    metrics: Sequence[Metric]
    judges: LiveJudges | None = None
    range: tuple[float | None, float | None] = field(default=(0.0, 1.0), init=False)

    @property
    def name(self) -> str:
        """As judge.yaml calls it."""
        return self.spec.name

    @property
    def identity(self) -> str:
        """16 hex digits over the spec, its metrics and frozen numbers."""
        assert self.spec.identity is not None
        return self.spec.identity

    @property
    def columns(self) -> frozenset[str]:
        """What its scorers read."""
        return frozenset(column.source for metric in self._all for column in metric.scorer.columns)

    @property
    def required(self) -> frozenset[str]:
        """What the scorers of its terms and vetoes cannot do without, optional terms apart."""
        optional = {term.metric for term in self.spec.terms if term.optional} - {veto.metric for veto in self.spec.vetoes}
        return frozenset(column.source for metric in self._all if metric.name not in optional for column in metric.scorer.columns if column.required)

    @property
    def _all(self) -> list[Metric]:
        return [*self.metrics, *(self.judges.metrics if self.judges is not None else ())]

    def rewards(self, rows: Rows) -> list[Outcome]:
        """One outcome a row, with the reason that a stored reward would have."""
        if not count_rows(rows):
            return []
        records = to_records(rows)
        tables = [score_table(records, self.metrics)] if self.metrics else []
        tables += self.judges.cells(records) if self.judges is not None else []
        composed = compose(self.spec, pa.table({name: table.column(name) for table in tables for name in table.column_names}))
        values, reasons = composed.column(self.spec.metric).to_pylist(), composed.column(f"{self.spec.metric}.reason").cast(pa.string()).to_pylist()
        return [Outcome(value, reason) for value, reason in zip(values, reasons, strict=True)]

    def close(self) -> None:
        """Close the endpoints of its judges."""
        if self.judges is not None:
            self.judges.close()


def to_records(rows: Rows) -> pa.Table:
    """Live rows as a table of records, all other columns null."""
    total = count_rows(rows)
    columns = {name: pa.nulls(total, RECORDS.field(name).type) for name in RECORDS.names}
    columns |= {name: pa.array(rows[name], RECORDS.field(name).type) for name in (*TEXTS, *LISTS) if name in rows}
    tags = [name for name in rows if name.startswith(TAGS)]
    if tags:
        pairs = [[(name.removeprefix(TAGS), rows[name][place]) for name in tags if rows[name][place] is not None] for place in range(total)]
        columns["tags"] = pa.array(pairs, RECORDS.field("tags").type)
    return pa.table(columns)


def _compose_project(settings: "Settings") -> LiveReward:
    if settings.project.reward is None:
        raise UsageError("there is no reward in judge.yaml, and none was named", hint="name a reward model's folder or scorers, or write reward: in judge.yaml")
    needed = needed_metrics(settings)
    return _composed([spec for spec in choose_scorers(None, settings) if spec.name in needed], settings, settings.project.reward.name)


def _composed(specs: Sequence[Spec], settings: "Settings", name: str | None) -> LiveReward:
    """The reward of judge.yaml (`name`), or that of typed scorers with equal weights."""
    imported = next((spec for spec in specs if spec.target.startswith("score.")), None)
    if imported is not None:
        raise UsageError(f"'{imported.name}' is a score that logs hold, and a live output has none", hint="put a scorer in its place")
    entries = read_rubrics([spec for spec in specs if is_rubric(spec)], settings)
    served = read_served(specs, settings)
    metrics = bind_all([spec for spec in specs if not is_rubric(spec) and not is_served(spec.target)])
    known = [*metrics, *(entry.metric for entry in entries), *(model.metric for model in served)]
    facts = {metric.name: metric_info(metric) for metric in known}
    _check_columns(known)
    if name is None:
        spec = _equal_weights(facts)
    else:
        planned = plan_reward(settings, facts)
        assert planned is not None
        check_frozen(planned, settings)
        spec = planned
    return ComposedReward(spec, metrics, LiveJudges(Judges(entries, served), settings) if entries or served else None)


def _equal_weights(facts: Mapping[str, MetricFacts]) -> RewardSpec:
    """The mean of scorers. Raises: UsageError where one has no closed scale, or no direction that is good in itself."""
    try:
        return build_reward(OWN_NAME, {name: Term(weight=1.0) for name in facts}, [], metrics=facts, frozen={}, where=lambda _: "")
    except ConfigError as error:
        said = str(error).removeprefix(": ").removeprefix("reward.terms.")
        raise UsageError(said, hint="write a reward: in judge.yaml that says so for it (range, normalise, higher_is_better)") from error


def _check_columns(metrics: Sequence[Metric]) -> None:
    """Raises: UsageError for a metric that reads what no live row brings."""
    for metric in metrics:
        for column in metric.scorer.columns:
            if column.required and column.source not in (*TEXTS, *LISTS) and not column.source.startswith(TAGS):
                raise UsageError(
                    f"'{metric.name}' reads {column.source}, which comes with a log and not with an output alone",
                    hint=f"a live reward can read {', '.join((*TEXTS, *LISTS))} and tags; leave this metric out of it",
                )
