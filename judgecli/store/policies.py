"""Which policies the records of a store come from: the values of the columns that tell one policy from another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from judgecli.store.folder import Store
from judgecli.store.neighbours import check_files_apart
from judgecli.store.query import records_in, run_checked, sql_column


@dataclass(frozen=True)
class Policy:
    """One combination of values: what it is called (v3, or v3/gpt-4 of two columns), a filter that selects its records, how many there are."""

    name: str
    where: str
    values: Mapping[str, str | None]
    records: int


def held_policies(store: Store, columns: Sequence[str]) -> list[Policy]:
    """The policies of all records, by their values; records without any of them are of no policy. Raises: UsageError, StoreError."""
    shards = store.shards()
    if not shards or not columns:
        return []
    check_files_apart(store, columns)
    names = [f"{sql_column(name, option='policy:')} AS b{place}" for place, name in enumerate(columns)]
    paths = [str(store.records_path(shard.name)) for shard in shards]
    query = f"SELECT {', '.join(names)}, count(*) FROM {records_in(paths)} GROUP BY ALL"
    connection = store.connect()
    try:
        rows = run_checked(lambda: connection.execute(query).fetchall())
    finally:
        connection.close()
    rows.sort(key=lambda row: [(value is not None, value or "") for value in row[:-1]])
    return [_policy(columns, row) for row in rows if any(value is not None for value in row[:-1])]


def _policy(columns: Sequence[str], row: Sequence[str | int | None]) -> Policy:
    values = {name: None if value is None else str(value) for name, value in zip(columns, row[:-1], strict=True)}
    where = " AND ".join(_equals(name, value) for name, value in values.items())
    return Policy("/".join(value for value in values.values() if value is not None), where, values, int(row[-1] or 0))


def _equals(column: str, value: str | None) -> str:
    sql = "tags['{}']".format(column.removeprefix("tags.").replace("'", "''")) if column.startswith("tags.") else column
    return f"{sql} IS NULL" if value is None else "CAST({} AS VARCHAR) = '{}'".format(sql, value.replace("'", "''"))
