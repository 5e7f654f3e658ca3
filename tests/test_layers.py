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
    "evidence": ("evidence",),  # what a verb reads from the store before it computes
    "engine": ("engine",),
    "edge": ("readers", "exporters", "renderers", "store", "endpoint", "serve", "config", "catalog"),
    "floor": ("outputs",),  # what every edge that writes asks first
    "core": ("scorer", "rowwise", "derived", "unspaced", "scorers", "judge", "reward_model", "reward", "signal", "labels", "report", "stats"),
    "ground": ("schema", "errors", "progress", "version", "arrays", "document"),
}
ORDER = list(LAYERS)
# Edges do not import each other, save intake, which joins reading to storing.
# The catalog reads option values of the command line by the YAML rules of judge.yaml, and the cards and weights that rm:NAME means.
ALLOWED = {("readers/intake.py", "store"), ("catalog.py", "config"), ("catalog.py", "store")}
# Third-party packages by part; a part that is not named may import whatever is declared, save RESERVED.
THIRD_PARTY: dict[str, set[str]] = {
    "stats": {"numpy", "scipy"},
    "errors": set(),
    "outputs": {"pyarrow"},
    "progress": set(),
    "arrays": {"numpy"},
    "document": set(),
    "version": set(),
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
FOLDER_FILES = 46
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


def test_runtime_dependencies_are_the_designs():
    assert declared() == CORE_DEPENDENCIES


# The rules: each takes a module, and yields what breaks it, with its place.


def wrong_layers(path: str) -> Iterator[str]:
    """Imports go downwards, and not between edges."""
    here = part(path)
    for found in imports(path) if path != "__init__.py" else ():
        there = own(found)
        if there is None or there == here or (path, there) in ALLOWED or layer(there) is None:
            continue
        up = ORDER.index(str(layer(there))) < ORDER.index(str(layer(here)))
        sideways = layer(here) == layer(there) == "edge"
        if up or sideways:
            yield f"judgecli/{path}:{found.line} ({layer(here)}) imports {found.name} ({layer(there)})"


def impure_core(path: str) -> Iterator[str]:
    """The core is pure."""
    if layer(part(path)) in ("core", "ground"):
        yield from (f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if top(found) in IMPURE)


def undeclared(path: str) -> Iterator[str]:
    """Third-party imports are declared; extras are imported inside functions."""
    optional = import_names(extras())
    allowed = THIRD_PARTY.get(part(path), import_names(declared()) | COMES_WITH | optional)
    for found in filter(is_third_party, imports(path)):
        if top(found) not in allowed:
            yield f"judgecli/{path}:{found.line} imports {top(found)}, which is not among {sorted(allowed)}"
        if path not in RESERVED.get(top(found), (path,)):
            yield f"judgecli/{path}:{found.line}: only {RESERVED[top(found)]} may import {top(found)}"
        if found.at_import and top(found) in optional:
            yield f"judgecli/{path}:{found.line}: {top(found)} is an extra; import it inside the function"


def talking(path: str) -> Iterator[str]:
    """Only the endpoint and the server talk."""
    if not path.startswith(MAY_TALK):
        talks = [found for found in imports(path) if top(found) in NETWORK or any(found.name == name or found.name.startswith(f"{name}.") for name in NETWORK)]
        yield from (f"judgecli/{path}:{found.line} imports {found.name}" for found in talks)


def unpickling(path: str) -> Iterator[str]:
    """What is read back is data: no format that runs code when it is loaded."""
    yield from (f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if top(found) in PICKLES)
    calls = [node for node in ast.walk(modules()[path]) if isinstance(node, ast.keyword) and node.arg == "allow_pickle"]
    yield from (f"judgecli/{path}:{node.value.lineno}" for node in calls if not (isinstance(node.value, ast.Constant) and node.value.value is False))


def slow_start(path: str) -> Iterator[str]:
    """Help starts fast."""
    if part(path) in ("cli", "errors", "__init__", "__main__"):
        yield from (f"judgecli/{path}:{found.line} imports {found.name}" for found in imports(path) if found.at_import and top(found) in HEAVY)


def arrays_on_import(path: str) -> Iterator[str]:
    """pyarrow looks for pandas at its first array: 0.3 s and 33 MB of a command that needs neither."""
    made = [node for statement in modules()[path].body if isinstance(statement, ast.Assign | ast.AnnAssign) for node in ast.walk(statement)]
    calls = [node for node in made if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pa.array", "pa.table", "pa.chunked_array", "pa.scalar")]
    yield from (f"judgecli/{path}:{node.lineno} {ast.unparse(node)[:60]}" for node in calls)


def too_large(path: str) -> Iterator[str]:
    """Modules and functions are small."""
    lines = len((PACKAGE / path).read_text(encoding="utf-8").splitlines())
    if lines > MODULE_LINES:
        yield f"judgecli/{path} has {lines} lines"
    for node in ast.walk(modules()[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES:
            yield f"judgecli/{path}:{node.lineno} {node.name} has {size} lines"


def empty_names(path: str) -> Iterator[str]:
    """Names say what is inside."""
    yield from (f"judgecli/{path}: {piece}" for piece in path.removesuffix(".py").split("/") if BAD_NAMES.search(piece))


def acting_imports(path: str) -> Iterator[str]:
    """No bare call at module level: what a module does, it does when it is asked to."""
    if part(path) != "cli":
        calls = [node for node in modules()[path].body if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)]
        yield from (f"judgecli/{path}:{node.lineno} {ast.unparse(node)[:80]}" for node in calls)


RULES = (wrong_layers, impure_core, undeclared, talking, unpickling, slow_start, arrays_on_import, too_large, empty_names, acting_imports)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps(rule):
    assert offenders(line for path in modules() for line in rule(path)) == ""


def circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules of import circles, with those that lead to one: what stays when modules that import nothing of the rest are taken away, again and again."""
    left = {name: set(names) for name, names in graph.items()}
    while leaves := [name for name, names in left.items() if not names & left.keys()]:
        for name in leaves:
            del left[name]
    return sorted(left)


def import_graph() -> dict[str, set[str]]:
    """Module -> modules of judgecli that it imports, inside functions and for types too. `from judgecli.store import tables` is an import of the module."""
    names = {("judgecli/" + path.removesuffix(".py")).replace("/", ".").removesuffix(".__init__"): path for path in modules()}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        wanted = {found.name if found.name in names else found.name.rsplit(".", 1)[0] for found in imports(path)}
        graph[name] = {other for other in wanted if other in names and other != name}
    return graph


def test_no_circles():
    assert circles(import_graph()) == []


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": set()}) == ["a", "b", "c", "d"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_no_folder_is_crowded():
    folders: dict[str, int] = {}
    for path in modules():
        folder = path.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + 1
    assert {folder: count for folder, count in folders.items() if count > FOLDER_FILES} == {}


def test_the_rules_catch_what_they_should(monkeypatch):
    """The checks are not empty: a module made for it breaks each of them."""
    bad = ast.parse("import time\nfrom judgecli.cli import main\nfrom judgecli import store\nfrom . import extra\ndef f():\n    import openai\n")
    trees = {**modules(), "stats/bad.py": bad, "readers/bad.py": bad}
    monkeypatch.setattr(sys.modules[__name__], "modules", lambda: trees)
    imports.cache_clear()
    assert [found.name for found in imports("stats/bad.py")] == ["time", "judgecli.cli.main", "judgecli.store", "judgecli.stats.extra", "openai"]
    assert len(list(wrong_layers("stats/bad.py"))) == 2
    assert len(list(wrong_layers("readers/bad.py"))) == 2
    for rule in (impure_core, undeclared, talking):
        assert list(rule("stats/bad.py")) != []
    imports.cache_clear()
