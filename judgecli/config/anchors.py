"""An anchor set: frozen outputs that a judge is asked about again and again, two files under version control.

anchors/tone.yaml       what was frozen, when, by whom, and how the judge took it then (below)
anchors/tone.parquet    one row an anchor: key (hash of its record), row (what the judge reads, as JSON text), and the founding judgements

The Parquet file holds the texts of records (redacted where judge.yaml redacts): it belongs only where these may lie.
Its SHA-256 stands in the YAML file: a set that was touched is refused.
"""

import hashlib
import io
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import Field, StringConstraints

from judgecli.config.baseline import MAX_BYTES, NAME
from judgecli.config.document import read_document
from judgecli.config.project import Section
from judgecli.config.validation import validate
from judgecli.errors import ConfigError, EnvironmentFailure, UsageError

FOLDER = "anchors"
HEAD = "# Written by `judge anchors create`: review it as you review code. The outputs lie in NAME.parquet, whose hash stands here.\n"
HINT = "take both files from version control, or freeze anew under another name: judge anchors create NAME"
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
    import re

    if not re.fullmatch(NAME, name):
        raise UsageError(f"'{name}' is no name of an anchor set", hint="letters, digits, _ . and -, for example main or tone-2026")
    return folder / f"{name}.yaml", folder / f"{name}.parquet"


def read_anchor_set(folder: Path, name: str) -> AnchorSet:
    """What was frozen; the outputs are not read. Raises: UsageError (no such set), ConfigError (file:line:column), EnvironmentFailure."""
    path, _ = anchor_paths(folder, name)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        known = ", ".join(list_anchor_sets(folder)[:12]) or "none yet"
        raise UsageError(
            f"there is no anchor set '{name}' ({path} does not exist)", hint=f"freeze one: judge anchors create {name} --metric rubric.NAME; known: {known}"
        ) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{len(raw):,} bytes are more than the file of an anchor set may have", where=f"{path}:1:1", hint=HINT)
    found = validate(read_document(raw, file=str(path)), AnchorSet, page="docs/anchors.md")
    if found.name != name:
        raise ConfigError(f"the file says that it is the anchor set '{found.name}'", where=f"{path}:1:1", hint=HINT)
    return found


def read_outputs(folder: Path, anchors: AnchorSet) -> pa.Table:
    """The frozen outputs, checked against their hash. Raises: ConfigError."""
    path = anchor_paths(folder, anchors.name)[1]
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), hint=HINT) from error
    if hashlib.sha256(raw).hexdigest() != anchors.outputs:
        raise ConfigError(f"is not the file that was frozen (its hash is not the one in {path.with_suffix('.yaml').name})", where=str(path), hint=HINT)
    try:
        table = pq.read_table(io.BytesIO(raw), use_threads=False, page_checksum_verification=True).select(list(COLUMNS))
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ConfigError(f"is damaged: {str(error).splitlines()[0]}", where=str(path), hint=HINT) from error
    if table.num_rows != anchors.anchors:
        raise ConfigError(f"has {table.num_rows:,} outputs, {anchors.anchors:,} were frozen", where=str(path), hint=HINT)
    return table


def anchor_text(anchors: AnchorSet) -> str:
    """The YAML file."""
    return HEAD + yaml.safe_dump(anchors.model_dump(), sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)


def list_anchor_sets(folder: Path) -> list[str]:
    """The names of the anchor sets of a project."""
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
