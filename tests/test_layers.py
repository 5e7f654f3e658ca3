"""The house rules that a machine can check: layers, imports, sizes, names, side effects.

Every module below judgecli/ is read by `ast`, imports inside functions included; nothing is imported.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "judgecli"

# Layers from the top; a part may import from layers below its own, and what ALLOWED names.
LAYERS: dict[str, tuple[str, ...]] = {
    "cli": ("cli", "api", "__main__"),  # the two faces: commands, and `judgecli.score` in Python
    "pipeline": ("pipeline",),
    "engine": ("engine",),
    "edge": ("readers", "exporters", "renderers", "store", "endpoint", "serve", "config", "catalog"),
    "core": ("scorer", "rowwise", "derived", "unspaced", "scorers", "judge", "reward_model", "reward", "signal", "labels", "report", "stats"),
    "ground": ("schema", "errors"),
}
ORDER = list(LAYERS)
# Edges do not import each other, save intake, which joins reading to storing.
# The catalog reads option values of the command line by the YAML rules of judge.yaml, and the cards and weights that rm:NAME means.
ALLOWED = {("readers/intake.py", "store"), ("catalog.py", "config"), ("catalog.py", "store")}
# Third-party packages by part; a part that is not named may import whatever is declared, save RESERVED.
THIRD_PARTY: dict[str, set[str]] = {
    "stats": {"numpy", "scipy"},
    "errors": set(),
    "schema": {"pyarrow"},
    "derived": {"numpy", "pyarrow"},
    "unspaced": {"numpy"},
    "scorer": {"numpy", "pyarrow"},
}
RESERVED = {"openai": ("endpoint/client.py",)}
# The core has no files, no clock, no environment, no chance of its own.
IMPURE = {"os", "io", "socket", "time", "random", "pathlib", "subprocess", "tempfile", "shutil", "glob", "sqlite3", "secrets", "uuid", "asyncio", "threading"}
NETWORK = {
    "socket", "ssl", "http", "urllib.request", "ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "xmlrpc", "socketserver",
    "aiohttp", "httpx", "httpx2", "requests", "urllib3", "openai", "starlette", "uvicorn", "websockets", "fsspec",
}  # fmt: skip
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MAY_TALK = ("endpoint/", "serve/", "cli/dev.py")  # cli/dev.py is the fake judge on loopback
BAD_NAMES = re.compile(r"(^|_)(utils?|base|manager|helpers?|legacy|old|common|misc|v\d+)$")
MODULE_LINES = 400
FUNCTION_LINES = 60
# Too slow to import for `judge --help`; a command imports them inside its function.
HEAVY = {"pandas", "duckdb", "scipy", "pydantic", "pyarrow", "numpy", "openai", "aiohttp", "jinja2", "starlette", "uvicorn", "safetensors", "jsonschema_rs"}
# DESIGN's list: what is installed always, no more and no less.
CORE_DEPENDENCIES = {
    "typer", "rich", "pydantic", "openai", "pandas", "pyarrow", "duckdb", "numpy", "scipy", "orjson", "pyyaml", "rapidfuzz", "jinja2", "safetensors",
    "starlette", "uvicorn", "aiohttp", "jsonschema-rs", "zstandard",
}  # fmt: skip
IMPORT_NAMES = {"pyyaml": "yaml", "jsonschema-rs": "jsonschema_rs", "math-verify": "math_verify", "sentence-transformers": "sentence_transformers"}
# pydantic pins pydantic_core and shows its errors as part of its own API; openai sits on httpx2, aiohttp on yarl, and both take their objects.
COMES_WITH = {"pydantic_core", "httpx2", "yarl"}


@dataclass(frozen=True)
class Import:
    """One import of a module: what, in which line, and whether it runs when the module is imported."""

    name: str
    line: int
    at_import: bool


@cache
def modules() -> dict[str, ast.Module]:
    """Path below judgecli/ -> syntax tree."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))}


def part(path: str) -> str:
    """readers/jsonl.py -> readers; errors.py -> errors."""
    return path.split("/")[0].removesuffix(".py")


def layer(name: str) -> str | None:
    return next((layer for layer, parts in LAYERS.items() if name in parts), None)


@cache
def imports(path: str) -> tuple[Import, ...]:
    tree = modules()[path]
    lazy = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for inner in ast.walk(node)}
    lazy |= {id(inner) for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) for inner in ast.walk(node)}
    package = ["judgecli", *path.split("/")[:-1]]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno, id(node) not in lazy) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])]) if node.level else str(node.module)
            found += [Import(f"{start}.{alias.name}", node.lineno, id(node) not in lazy) for alias in node.names]
    return tuple(found)


def own(found: Import) -> str | None:
    """The part of judgecli that is imported, or None for other packages."""
    pieces = found.name.split(".")
    return pieces[1] if pieces[0] == "judgecli" and len(pieces) > 1 else None


def top(found: Import) -> str:
    return found.name.split(".")[0]


def is_third_party(found: Import) -> bool:
    return top(found) not in sys.stdlib_module_names and top(found) != "judgecli"


def declared(group: str | None = None) -> set[str]:
    """Names of the distributions that pyproject.toml declares: runtime, or of one extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] if group is None else project["optional-dependencies"][group]
    return {re.split(r"[<>=!~;\[ ]", line)[0].lower() for line in lines}


def extras() -> set[str]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return set().union(*(declared(group) for group in groups if group != "dev"))


def import_names(distributions: set[str]) -> set[str]:
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in distributions}


def offenders(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def test_every_module_has_a_layer():
    assert [path for path in modules() if path != "__init__.py" and layer(part(path)) is None] == []


def wrong_layers(path: str) -> Iterator[str]:
    here = part(path)
    for found in imports(path):
        there = own(found)
        if there is None or there == here or (path, there) in ALLOWED or layer(there) is None:
            continue
        up = ORDER.index(str(layer(there))) < ORDER.index(str(layer(here)))
        sideways = layer(here) == layer(there) == "edge"
        if up or sideways:
            yield f"judgecli/{path}:{found.line} ({layer(here)}) imports {found.name} ({layer(there)})"


@pytest.mark.parametrize("path", [path for path in modules() if path != "__init__.py"])
def test_imports_go_downwards(path):
    assert offenders(wrong_layers(path)) == ""


@pytest.mark.parametrize("path", [path for path in modules() if layer(part(path)) in ("core", "ground")])
def test_the_core_is_pure(path):
    assert [f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if top(found) in IMPURE] == []


@pytest.mark.parametrize("path", list(modules()))
def test_third_party_imports_are_declared(path):
    runtime, optional = import_names(declared()) | COMES_WITH, import_names(extras())
    allowed = THIRD_PARTY.get(part(path), runtime | optional)
    for found in filter(is_third_party, imports(path)):
        assert top(found) in allowed, f"judgecli/{path}:{found.line} imports {top(found)}, which is not among {sorted(allowed)}"
        assert path in RESERVED.get(top(found), (path,)), f"judgecli/{path}:{found.line}: only {RESERVED[top(found)]} may import {top(found)}"
        assert not (found.at_import and top(found) in optional), f"judgecli/{path}:{found.line}: {top(found)} is an extra; import it inside the function"


def test_runtime_dependencies_are_the_designs():
    assert declared() == CORE_DEPENDENCIES


@pytest.mark.parametrize("path", [path for path in modules() if not path.startswith(MAY_TALK)])
def test_only_the_endpoint_and_the_server_talk(path):
    talks = [found for found in imports(path) if top(found) in NETWORK or any(found.name == name or found.name.startswith(f"{name}.") for name in NETWORK)]
    assert [f"judgecli/{path}:{found.line} imports {found.name}" for found in talks] == []


@pytest.mark.parametrize("path", list(modules()))
def test_nothing_is_unpickled(path):
    """What is read back is data: no format that runs code when it is loaded."""
    assert [f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if top(found) in PICKLES] == []
    calls = [node for node in ast.walk(modules()[path]) if isinstance(node, ast.keyword) and node.arg == "allow_pickle"]
    assert [f"judgecli/{path}:{node.value.lineno}" for node in calls if not (isinstance(node.value, ast.Constant) and node.value.value is False)] == []


@pytest.mark.parametrize("path", [path for path in modules() if part(path) in ("cli", "errors", "__init__", "__main__")])
def test_help_starts_fast(path):
    assert [f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if found.at_import and top(found) in HEAVY] == []


@pytest.mark.parametrize("path", list(modules()))
def test_no_array_is_made_on_import(path):
    """pyarrow looks for pandas at its first array: 0.3 s and 33 MB of a command that needs neither."""
    made = [node for statement in modules()[path].body if isinstance(statement, ast.Assign | ast.AnnAssign) for node in ast.walk(statement)]
    calls = [node for node in made if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pa.array", "pa.table", "pa.chunked_array", "pa.scalar")]
    assert [f"judgecli/{path}:{node.lineno} {ast.unparse(node)[:60]}" for node in calls] == []


@pytest.mark.parametrize("path", list(modules()))
def test_modules_and_functions_are_small(path):
    lines = len((PACKAGE / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"judgecli/{path} has {lines} lines"
    functions = [node for node in ast.walk(modules()[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [
        f"judgecli/{path}:{node.lineno} {node.name} has {size} lines"
        for node in functions
        if (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", list(modules()))
def test_names_say_what_is_inside(path):
    assert [piece for piece in path.removesuffix(".py").split("/") if BAD_NAMES.search(piece)] == []


@pytest.mark.parametrize("path", [path for path in modules() if part(path) != "cli"])
def test_importing_does_nothing(path):
    """No bare call at module level: what a module does, it does when it is asked to."""
    calls = [node for node in modules()[path].body if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)]
    assert [f"judgecli/{path}:{node.lineno} {ast.unparse(node)[:80]}" for node in calls] == []


def test_the_rules_catch_what_they_should(monkeypatch):
    """The checks are not empty: a module made for it breaks each of them."""
    bad = ast.parse("import time\nfrom judgecli.cli import main\nfrom judgecli import store\nfrom . import extra\ndef f():\n    import openai\n")
    trees = {**modules(), "stats/bad.py": bad, "readers/bad.py": bad}
    monkeypatch.setattr(sys.modules[__name__], "modules", lambda: trees)
    imports.cache_clear()
    assert [found.name for found in imports("stats/bad.py")] == ["time", "judgecli.cli.main", "judgecli.store", "judgecli.stats.extra", "openai"]
    assert len(list(wrong_layers("stats/bad.py"))) == 2
    assert len(list(wrong_layers("readers/bad.py"))) == 2
    for check in (test_the_core_is_pure, test_third_party_imports_are_declared, test_only_the_endpoint_and_the_server_talk):
        with pytest.raises(AssertionError):
            check("stats/bad.py")
    imports.cache_clear()
