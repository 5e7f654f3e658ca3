"""An anchor set: frozen outputs that a judge is asked about again and again, two files under version control.

anchors/tone.yaml       what was frozen, when, by whom, and how the judge took it then (below)
anchors/tone.parquet    one row an anchor: key (hash of its record), row (what the judge reads, as JSON text), and the founding judgements

The Parquet file holds the texts of records (redacted where judge.yaml redacts): it belongs only where these may lie.
Its SHA-256 stands in the YAML file: a set that was touched is refused.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pyarrow as pa
import yaml
from pydantic import Field, StringConstraints

from judgecli.config.project import Section
from judgecli.config.reviewed import NAME, Reviewed
from judgecli.config.validation import validate
from judgecli.errors import ConfigError

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

FOLDER = "anchors"
HEAD = "# Written by `judge anchors create`: review it as you review code. The outputs lie in NAME.parquet, whose hash stands here.\n"
FILES = Reviewed(
    what="anchor set",
    done="frozen",
    make="freeze one: judge anchors create NAME --metric rubric.NAME",
    example="main or tone-2026",
    hint="take both files from version control, or freeze anew under another name: judge anchors create NAME",
)
COLUMNS = ("key", "row", "score", "n", "deviation")


class AnchorSet(Section):
    """The YAML file of an anchor set. `sd` is the judge's own noise at the founding: of one judgement, on a scale of width 1."""

    judge_anchors: Literal[1]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    created: str
    by: str
    on: str
    metric: str
    identity: str
    served: list[str] = Field(default_factory=list)
    anchors: Annotated[int, Field(ge=2)]
    repeats: Annotated[int, Field(ge=2)]
    mean: float
    sd: Annotated[float, Field(ge=0)]
    outputs: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def anchor_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """The YAML and the Parquet file of a set. Raises: UsageError for what is no name."""
    return FILES.paths(folder, name)


def read_anchor_set(folder: Path, name: str) -> AnchorSet:
    """What was frozen; the outputs are not read. Raises: UsageError (no such set), ConfigError (file:line:column), EnvironmentFailure."""
    document = FILES.document(folder, name)
    found = validate(document, AnchorSet, page="docs/anchors.md")
    if found.name != name:
        raise ConfigError(f"the file says that it is the anchor set '{found.name}'", where=f"{document.file}:1:1", hint=FILES.hint)
    return found


def read_outputs(folder: Path, anchors: AnchorSet) -> pa.Table:
    """The frozen outputs, checked against their hash. Raises: ConfigError."""
    table = FILES.table(folder, anchors.name, anchors.outputs, COLUMNS)
    if table.num_rows != anchors.anchors:
        path = anchor_paths(folder, anchors.name)[1]
        raise ConfigError(f"has {table.num_rows:,} outputs, {anchors.anchors:,} were frozen", where=str(path), hint=FILES.hint)
    return table


def anchor_text(anchors: AnchorSet) -> str:
    """The YAML file."""
    return HEAD + yaml.safe_dump(anchors.model_dump(), sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)


def list_anchor_sets(folder: Path) -> list[str]:
    """The names of the anchor sets of a project."""
    return FILES.names(folder)


def anchor_folder(settings: "Settings") -> Path:
    """Where the anchor sets lie: in anchors/ beside judge.yaml."""
    return (settings.config or Path("judge.yaml")).parent / FOLDER
