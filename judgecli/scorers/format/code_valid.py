"""Whether the output is code or data of a kind: YAML, Python, SQL."""

import ast
import warnings
from collections.abc import Callable, Sequence

import yaml

from judgecli.errors import EnvironmentFailure
from judgecli.scorer import Score, scorer
from judgecli.scorers.format.fenced import unfenced

# Beyond this a text is not parsed: the parsers are made for files, not for floods.
_MOST_CHARACTERS = 200_000
_DEEPEST = 100
# The C parser, where PyYAML was built with it, is some 30 times as fast.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def yaml_valid(output: Sequence[str], *, fenced: bool = True) -> list[Score | float]:
    """1 where the output is YAML that holds a mapping or a list, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 gives the first error and its line.
    Null: never. A text of over 200,000 characters, or nested more than 100 deep, is unscored with
    reason metric_error.
    Options: fenced: a text that is one code fence is read by its body.
    Any prose is YAML of one string, so a single scalar does not count. Only the structure is read:
    nothing is built, so an alias bomb costs nothing and tags do nothing.
    Source: YAML 1.1 as PyYAML reads it.

    >>> [getattr(item, "explanation", item) for item in yaml_valid(["a: 1", "just prose"])]
    [1.0, 'one string, no mapping or list']
    """
    return [_checked(unfenced(text) if fenced else text, _yaml_fault) for text in output]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def python_valid(output: Sequence[str], *, fenced: bool = True) -> list[Score | float]:
    """1 where the output is Python that parses, and is not empty, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 gives the first error and its line.
    Null: never. A text of over 200,000 characters, or nested too deep for the parser, is unscored
    with reason metric_error.
    Options: fenced: a text that is one code fence is read by its body.
    Nothing is run. Some plain words are Python too ("yes").
    Source: the grammar of the Python that runs this.

    >>> [getattr(item, "explanation", item) for item in python_valid(["x = 1", "x = = 1"])]
    [1.0, 'line 1: invalid syntax']
    """
    return [_checked(unfenced(text) if fenced else text, _python_fault) for text in output]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1, needs="sql")
def sql_valid(output: Sequence[str], *, dialect: str = "", fenced: bool = True) -> list[Score | float]:
    """1 where the output is SQL that parses, and holds a statement, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 gives the first error.
    Null: never. A text of over 200,000 characters, or nested too deep for the parser, is unscored
    with reason metric_error.
    Options: dialect, as sqlglot names it ("postgres", "duckdb", ...; "" = its own mixture); fenced.
    Needs the extra `sql`. Tables and columns are not looked up. A statement that sqlglot takes as it
    is without parsing it ("command") counts as no SQL.
    Raises: ValueError for an unknown dialect; EnvironmentFailure where sqlglot is missing.
    Source: the grammar of sqlglot.

    >>> sql_valid(["select 1 from t"])  # doctest: +SKIP
    [1.0]
    """
    try:
        import sqlglot
    except ImportError as error:
        raise EnvironmentFailure("scorer 'sql_valid' needs sqlglot", hint="install the extra: pip install 'judgecli[sql]'") from error
    if dialect and sqlglot.Dialect.get(dialect) is None:
        raise ValueError(f"dialect {dialect!r} is none that sqlglot knows: {', '.join(sorted(sqlglot.Dialect.classes))}")

    def fault(text: str) -> str | None:
        try:
            statements = [statement for statement in sqlglot.parse(text, read=dialect or None) if statement is not None]
        except sqlglot.errors.SqlglotError as error:
            return str(error).splitlines()[0]
        bare = sqlglot.exp.Query | sqlglot.exp.DML | sqlglot.exp.DDL | sqlglot.exp.Drop | sqlglot.exp.Alter
        return None if statements and all(isinstance(statement, bare) for statement in statements) else "holds no statement"

    return [_checked(unfenced(text) if fenced else text, fault) for text in output]


def _checked(text: str, fault_of: Callable[[str], str | None]) -> Score | float:
    if len(text) > _MOST_CHARACTERS:
        return Score(reason="metric_error", explanation=f"{len(text)} characters are too many to parse")
    try:
        fault = fault_of(text)
    except (RecursionError, MemoryError):
        return Score(reason="metric_error", explanation="nested too deep to parse")
    return 1.0 if fault is None else Score(value=0.0, explanation=fault[:300])


def _yaml_fault(text: str) -> str | None:
    depth, structured = 0, False
    try:
        for event in yaml.parse(text, Loader=_YamlLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth, structured = depth + 1, True
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEEPEST:
                raise RecursionError
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{line}{error.problem or error.context}"
    except yaml.YAMLError as error:
        return str(error).splitlines()[0]
    return None if structured else "one string, no mapping or list" if text.strip() else "empty"


def _python_fault(text: str) -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # the text's own doubtful escapes are not the user's concern
            tree = ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except ValueError as error:  # a NUL, or a number of too many digits
        return str(error)
    return None if tree.body else "empty"
