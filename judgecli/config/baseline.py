"""A baseline: what a gate compares with, two files under version control that a person approved.

baselines/main.yaml       who approved what and when, and what each metric is (below)
baselines/main.parquet    one row for each prompt in each cluster: prompt (null: none), cluster, records (what tells its records from others),
                          and of each metric NAME (mean), NAME.n, NAME.squares (around that mean), NAME.missing

    judge_baseline: 2
    name: main
    approved: 2026-10-01T08:00:00+00:00
    by: ada
    on: run:3
    records: 387
    scores: 5b0c...                    # SHA-256 of the Parquet file
    metrics:
      refusal: {identity: 97aa..., kind: rate, range: [0.0, 1.0], higher_is_better: false, n: 387, missing: 0, mean: 0.02}

Prompts, clusters and records are hashes; no text of a record is in it. The same scores give the same bytes.
"""

from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import yaml
from pydantic import Field, StringConstraints

from judgecli.config.project import Section
from judgecli.config.reviewed import NAME, Reviewed
from judgecli.config.validation import validate
from judgecli.errors import ConfigError

FOLDER = "baselines"
HEAD = "# Written by `judge baseline approve`: review it as you review code. What it was made of is hashed in NAME.parquet.\n"
FILES = Reviewed(
    what="baseline",
    done="approved",
    make="approve one: judge baseline approve NAME",
    example="main or v1.2",
    hint="take both files from version control, or approve anew: judge baseline approve NAME",
)
PARTS = ("", ".n", ".squares", ".missing")


class BaselineMetric(Section):
    """What one metric was when it was approved."""

    identity: str
    kind: Literal["rate", "number", "ordinal"]
    range: Annotated[list[float | None], Field(min_length=2, max_length=2)]
    higher_is_better: bool | None
    n: Annotated[int, Field(ge=0)]
    missing: Annotated[int, Field(ge=0)]
    by_design: Annotated[int, Field(ge=0)] = 0  # records that have no score by design
    mean: float | None
    served: list[str] = Field(default_factory=list)  # of a judge: the models that an endpoint said it served


class Baseline(Section):
    """The YAML file of a baseline."""

    judge_baseline: Literal[2]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    approved: str
    by: str
    on: str
    run: int | None = None
    records: Annotated[int, Field(ge=1)]
    prompts: Annotated[int, Field(ge=0)]
    pair: str
    cluster: str
    scores: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    metrics: Annotated[dict[str, BaselineMetric], Field(min_length=1)]


def baseline_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """The YAML and the Parquet file of a baseline. Raises: UsageError for what is no name."""
    return FILES.paths(folder, name)


def read_baseline(folder: Path, name: str) -> Baseline:
    """Who approved what; the scores are not read. Raises: UsageError (no such baseline), ConfigError (file:line:column), EnvironmentFailure."""
    document = FILES.document(folder, name)
    if isinstance(document.data, dict) and document.data.get("judge_baseline") == 1:
        raise ConfigError(
            "it was approved before baselines kept which records they hold, so a candidate could be compared with itself",
            where=f"{document.file}:1:1",
            hint=f"approve it anew: judge baseline approve {name}",
        )
    found = validate(document, Baseline, page="docs/gate.md")
    if found.name != name:
        hint = "a baseline keeps its name: approve it under the new one"
        raise ConfigError(f"the file says that it is baseline '{found.name}'", where=f"{document.file}:1:1", hint=hint)
    return found


def read_scores(folder: Path, baseline: Baseline) -> pa.Table:
    """The scores of a baseline, checked against the hash that was reviewed. Raises: ConfigError."""
    columns = ["prompt", "cluster", "records", *(f"{name}{part}" for name in baseline.metrics for part in PARTS)]
    return FILES.table(folder, baseline.name, baseline.scores, columns)


def baseline_text(baseline: Baseline) -> str:
    """The YAML file."""
    document = baseline.model_dump(exclude_none=False)
    if document["run"] is None:
        del document["run"]
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)


def list_baselines(folder: Path) -> list[str]:
    """The names of the baselines of a project."""
    return FILES.names(folder)
