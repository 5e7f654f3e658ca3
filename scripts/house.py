"""How the code is built, as a table: sizes, circles, names with several meanings, long calls. `python scripts/house.py [PACKAGE]`.

Everything is read by `ast` and `tokenize`; nothing is imported. The aims stand beside the numbers.
"""

import ast
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(package: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Dotted name -> file and syntax tree."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        name = ".".join([package.name, *path.relative_to(package).with_suffix("").parts]).removesuffix(".__init__")
        found[name] = (path, ast.parse(path.read_bytes()))
    return found


def imported(tree: ast.Module, known: dict[str, tuple[Path, ast.Module]]) -> set[str]:
    """The modules of the package that one imports, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name if (name := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
    return found & known.keys()


def in_circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules that can be reached from themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += graph[name]
        return seen

    return sorted(name for name in graph if name in reached(name))


def meanings(trees: dict[str, tuple[Path, ast.Module]]) -> dict[str, list[str]]:
    """Class and alias names that several modules define, with these modules."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, (_, tree) in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(name)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.lstrip("_")[:1].isupper():
                alias = node.targets[0].id
                if not alias.isupper() and isinstance(node.value, ast.Subscript | ast.BinOp | ast.Attribute | ast.Name | ast.Call):
                    places[alias.lstrip("_")].append(name)
    return {name: found for name, found in places.items() if len(found) > 1}


def defined(trees: dict[str, tuple[Path, ast.Module]]) -> Iterator[tuple[str, Function]]:
    for name, (_, tree) in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def parameters(function: Function) -> int:
    """How many there are, without self and cls."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in arguments)


def long_calls(trees: dict[str, tuple[Path, ast.Module]]) -> list[str]:
    """Calls with seven or more positional arguments; a starred one counts as one, and so do the items of a starred tuple."""
    found = []
    for name, (_, tree) in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                width = sum(len(item.value.elts) if isinstance(item, ast.Starred) and isinstance(item.value, ast.Tuple) else 1 for item in node.args)
                if width >= 7:
                    found.append(f"{name}:{node.lineno} {ast.unparse(node.func)}")
    return found


def comments(path: Path) -> int:
    with path.open("rb") as file:
        return sum(
            token.type == tokenize.COMMENT and not token.string.startswith(("# noqa", "# type:", "# fmt:")) for token in tokenize.tokenize(file.readline)
        )


def main(package: Path, *, details: bool) -> None:
    """Print the table."""
    trees = modules(package)
    lines = [line for path, _ in trees.values() for line in path.read_text(encoding="utf-8").splitlines()]
    thousand = len(lines) / 1000
    sizes = sorted((node.end_lineno or 0) - node.lineno + 1 for _, node in defined(trees))
    circles = in_circles({name: imported(tree, trees) - {name} for name, (_, tree) in trees.items()})
    folders = Counter(path.parent for path, _ in trees.values())
    folder, fullest = folders.most_common(1)[0]
    public = sum(1 for _, tree in trees.values() for node in tree.body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"))
    several = meanings(trees)
    calls = long_calls(trees)
    wide = [f"{name}.{node.name}" for name, node in defined(trees) if not name.startswith(f"{package.name}.cli") and parameters(node) > 6]
    conditional = sum(isinstance(node, ast.IfExp) for _, tree in trees.values() for node in ast.walk(tree))
    rows = [
        ("function median / p95 / max lines", f"{sizes[len(sizes) // 2]} / {sizes[int(len(sizes) * 0.95)]} / {sizes[-1]}", "6 / 21 / 60"),
        ("modules in import circles", len(circles), "0"),
        ("fullest folder (files)", f"{fullest} ({folder.relative_to(package.parent)})", "30"),
        ("public names a thousand lines", f"{public / thousand:.1f}", "22"),
        ("class and alias names with several meanings", len(several), "under 10"),
        ("calls with 7 or more positional arguments", len(calls), "0"),
        ("functions of more than 6 parameters outside cli", len(wide), "10"),
        ("lines over 100 columns", f"{100 * sum(len(line) > 100 for line in lines) / len(lines):.1f} %", "under 4 %"),
        ("conditional expressions a thousand lines", f"{conditional / thousand:.1f}", "15"),
        ("comments a hundred lines", f"{sum(comments(path) for path, _ in trees.values()) / thousand / 10:.1f}", "5"),
    ]
    for label, value, aim in rows:
        print(f"{label:<50} {value!s:>24}   aim {aim}")
    if details:
        print("\ncircles:", ", ".join(circles) or "none")
        print("\nseveral meanings:", *(f"  {name}: {', '.join(found)}" for name, found in sorted(several.items())), sep="\n")
        print("\nlong calls:", *(f"  {call}" for call in calls), sep="\n")
        print("\nmany parameters:", *(f"  {name}" for name in wide), sep="\n")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    main(Path(words[0] if words else Path(__file__).parent.parent / "judgecli"), details="--details" in sys.argv)
