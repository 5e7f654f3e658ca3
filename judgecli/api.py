"""The Python face: logs or a DataFrame in, a DataFrame of scores out."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from judgecli.engine.shard import score_table
from judgecli.errors import MissingColumn, UsageError
from judgecli.readers.detect import detect
from judgecli.readers.log import Chunk, Shaping
from judgecli.readers.read import read_log
from judgecli.readers.source import expand
from judgecli.scorer import Metric
from judgecli.store.query import SCORE_ROWS

if TYPE_CHECKING:
    import pandas as pd

    from judgecli.pipeline.reward_function import RewardFunction


class _Silent:
    """A progress that shows nothing."""

    def phase(self, text: str, total: int | None = None) -> None:
        """Nothing."""

    def advance(self, bytes_read: int, records: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def score(
    data: "str | Path | pd.DataFrame | Sequence[Mapping[str, Any]]",
    scorers: str | Sequence[str] | None = None,
    *,
    map: Mapping[str, str] | None = None,
    format: str | None = None,
    zone: str = "UTC",
    encoding: str | None = None,
    store: str | Path | None = None,
) -> "pd.DataFrame":
    """Score logs, a DataFrame or a list of dicts.

    `data`: a path (file, folder, glob), a DataFrame whose columns, or dicts whose keys, are named or mapped like log fields.
    `scorers`: specs as typed after `-s`; default: the default set. `map`: FIELD -> PATH;
    `encoding`: of a file's text where it is not UTF-8.
    Returns a DataFrame with a nullable Float64 column NAME (string for a category) and NAME.reason a
    scorer; for a DataFrame with its index and rows, in order (a list has the index 0, 1, ...); for a path one row a record, in the
    order of files and lines (repeated lines included), with key, id, time, session, model,
    prompt_version, file and line before. Nothing is stored unless `store` names a folder; then the
    rows are those of `judge score -o`, each record once.
    Raises: the errors of judgecli.errors.
    """
    from judgecli.catalog import Spec, default_names, parse_spec
    from judgecli.pipeline import bind_all
    from judgecli.reward_model.remote import is_served

    scorers = [scorers] if isinstance(scorers, str) else scorers
    for spec in scorers or ():
        if not isinstance(spec, str):
            raise UsageError(f"a scorer is named by a text, and this is a {type(spec).__name__}", hint="scorers=['words', './mine.py:politeness']")
    imported = sorted(name for name in map or () if name.startswith("score."))
    specs = [parse_spec(text) for text in scorers] if scorers else [Spec(name, name) for name in [*default_names(), *imported]]
    asked = next((spec for spec in specs if spec.target.startswith("rubric:") or is_served(spec.target)), None)
    if asked is not None and store is None:
        who, way = ("reward model", "") if is_served(asked.target) else ("judge", ", and name the model in JUDGE_MODEL")
        raise UsageError(f"'{asked.name}' asks a {who}, whose answers must be kept", hint=f"score a path with store=FOLDER{way}")
    shaping = Shaping(format=format, map=dict(map or {}), zone=zone, encoding=encoding)
    if isinstance(data, (str, Path)):
        if store is not None:
            return _score_stored(str(data), scorers, shaping, Path(store))
        return _as_frame(_score_files(expand([str(data)]), shaping, bind_all(specs)))
    if store is not None:
        raise UsageError("a DataFrame has no lines to store", hint="write it to a Parquet file and score that, or leave store= out")
    if isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data):
        return _score_rows(data, range(len(data)), shaping, bind_all(specs))
    if not hasattr(data, "to_dict"):
        raise UsageError(f"cannot score a {type(data).__name__}", hint="give a path, a pandas DataFrame with one record a row, or a list of dicts")
    frame: pd.DataFrame = data  # type: ignore[assignment]
    return _score_rows(frame.to_dict("records"), frame.index, shaping, bind_all(specs))


def reward_function(
    *scorers: str,
    config: str | Path | None = None,
    root: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    unscored: float | None = None,
    identity: str | None = None,
    allow_code: bool = False,
) -> "RewardFunction":
    """A reward as RL trainers call it: for `reward_funcs` of TRL's GRPOTrainer, and as `.compute_score` for verl.

    `scorers`: a reward model's folder, or specs as typed after `-s` (their mean on [0, 1], each turned so that more is better);
    none: the reward of judge.yaml (`config`, default the one here). `root`: where its files are looked up, default the folder of
    `config`. `columns`: what the dataset calls a record column, {"reference": "solution"}. `unscored`: what verl gets where there
    is no reward; without it that raises. `identity`: the reward must have it. `allow_code`: judge.yaml may name code.
    Raises: the errors of judgecli.errors.
    """
    from judgecli.pipeline.reward_function import RewardFunction

    return RewardFunction(scorers, config=config, root=root, columns=columns, unscored=unscored, identity=identity, allow_code=allow_code)


def _score_stored(path: str, scorers: Sequence[str] | None, shaping: Shaping, store: Path) -> "pd.DataFrame":
    from judgecli.config.settings import Flags, load_settings
    from judgecli.evidence.work import open_work
    from judgecli.pipeline import score_logs

    typed = (*(f"{field}={place}" for field, place in shaping.map.items()), "auto")  # guessing is the same with a store and without, in CI too
    settings = load_settings(flags=Flags(store=str(store), map=typed, format=shaping.format, zone=shaping.zone, encoding=shaping.encoding))
    with open_work(settings, create=True) as work:
        return _as_frame(score_logs([path], work=work, scorers=scorers, progress=_Silent()).rows())


def _score_files(paths: Sequence[str], shaping: Shaping, metrics: Sequence[Metric]) -> Iterator[pa.Table]:
    present: set[str] = set()
    for path in paths:
        for chunk in read_log(path, shaping, detect(path, shaping)):
            present |= _present(chunk.records)
            yield _rows(chunk, metrics)
    _check_columns(metrics, present)


def _score_rows(rows: Sequence[Mapping[Any, object]], index: "pd.Index[Any] | range", shaping: Shaping, metrics: Sequence[Metric]) -> "pd.DataFrame":
    """Score rows by way of JSON lines, so that their fields are mapped like those of a log."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.jsonl"
        with open(path, "wb") as file:
            for row in rows:
                file.write(orjson.dumps(_json_row(row), default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS) + b"\n")
        scored = _as_frame(_score_files([str(path)], shaping, metrics)) if len(rows) else _as_frame([_empty(metrics)])
    scored = scored.set_index("line", drop=True).drop(columns=["key", *SCORE_ROWS, "file"])
    scored = scored[~scored.index.duplicated()].reindex(range(1, len(rows) + 1))
    for metric in metrics:  # a row without any field that scorers know was never a record
        lost = scored[metric.name].isna() & scored[f"{metric.name}.reason"].isna()
        scored.loc[lost, f"{metric.name}.reason"] = "input_missing_field"
    return scored.set_axis(pd.Index(index), axis=0)


def _json_row(row: Mapping[object, object]) -> dict[str, object]:
    import pandas as pd

    def is_missing(value: Any) -> bool:
        return bool(pd.api.types.is_scalar(value) and pd.isna(value))

    return {str(name): None if is_missing(value) else value for name, value in row.items()}


def _rows(chunk: Chunk, metrics: Sequence[Metric]) -> pa.Table:
    records = chunk.records
    scores = score_table(records, metrics)
    source = records.column("source").combine_chunks()
    columns: dict[str, object] = {"key": pa.array([key.hex() for key in records.column("key").to_pylist()], pa.string())}
    columns |= {name: records.column(name) for name in SCORE_ROWS} | {"file": source.field("file"), "line": source.field("line")}
    for metric in metrics:
        for name in (metric.name, f"{metric.name}.reason"):
            column = scores.column(name)
            columns[name] = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return pa.table(columns)


def _empty(metrics: Sequence[Metric]) -> pa.Table:
    from judgecli.readers.log import Position
    from judgecli.schema import RECORDS

    return _rows(Chunk(RECORDS.empty_table(), [], [], Position()), metrics)


def _present(records: pa.Table) -> set[str]:
    from judgecli.store.tables import present_columns

    return set(present_columns(records)) if records.num_rows else set()


def _check_columns(metrics: Sequence[Metric], present: set[str]) -> None:
    for metric in metrics:
        for column in metric.scorer.columns:
            if column.required and column.source not in present:
                raise MissingColumn(column.source, scorer=metric.name, available=sorted(present - {"key", "source"}))


def _as_frame(tables: "Iterator[pa.Table] | Sequence[pa.Table]") -> "pd.DataFrame":
    import pandas as pd

    parts = list(tables)
    if not parts:
        return pd.DataFrame()
    frame: pd.DataFrame = pa.concat_tables(parts, promote_options="default").to_pandas(types_mapper=_nullable)
    return frame


def _nullable(kind: pa.DataType) -> object:
    import pandas as pd

    if pa.types.is_floating(kind):
        return pd.Float64Dtype()
    return pd.StringDtype() if pa.types.is_string(kind) else None
