"""Names to plug-ins: scorers are found by reading source (`ast`), and imported only when a run uses them.

A SPEC names a scorer with its parameters, the same on the command line and in judge.yaml:

    words                                   a scorer of the library
    no_prices=regex:pattern='[$€]'          ALIAS=NAME:option=value,...; parameters require an alias
    ./mine.py:politeness                    a function of a file; a path that was typed is consent
    score.preference                        a score that the log already holds (--map score.preference=PATH)
    rubric:helpfulness                      a rubric of the library, or a path (rubric:./mine.yaml), that an LLM judges by
    rm:support                              a reward model by its name or path; safe=rm:support:lower=1 takes off its doubt
    helpful_rm=rm:http://HOST/classify      a reward model that somebody serves
"""

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from judgecli import derived
from judgecli.errors import EnvironmentFailure, UnknownName, UsageError
from judgecli.reward_model.remote import is_served, named_served, served_metric
from judgecli.reward_model.trained import is_trained, named_trained
from judgecli.scorer import Metric, Scorer, scorer
from judgecli.scorers.imported import imported_scorer

if typing.TYPE_CHECKING:
    from judgecli.judge.rubric import Rubric
    from judgecli.scorer import Unit

PACKAGE = Path(__file__).parent
ALIAS = re.compile(r"(?P<alias>[A-Za-z_][\w-]*)=(?P<rest>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spec:
    """A scorer asked for, before anything is imported: small, and safe to send to a worker process."""

    name: str
    target: str
    options: Mapping[str, object] = field(default_factory=dict)
    typed: bool = field(default=False, compare=False)  # after -s, and not in judge.yaml


@dataclass(frozen=True)
class Description:
    """What `judge scorers` shows of a scorer, read from its source without importing it."""

    name: str
    theme: str
    module: str
    definition: str
    kind: str
    unit: str
    range: tuple[float | None, float | None]
    higher_is_better: bool | None
    version: int
    default: bool
    needs: str | None
    columns: tuple[str, ...]
    optional_columns: tuple[str, ...]
    options: Mapping[str, str]  # name -> default as written, "required" where there is none
    source: str
    example: str
    docstring: str


def library_folder(name: str) -> Path:
    """The folder `rubrics` or `reward_models`: package data in a wheel, beside the package in a checkout."""
    for folder in (PACKAGE / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise EnvironmentFailure(f"the folder {name}/ of judgecli is missing", hint="reinstall judgecli")


def scorer_names() -> list[str]:
    """All scorers of the library and of installed plug-ins, sorted."""
    return sorted({**descriptions(), **_entry_points()})


def default_names() -> list[str]:
    """The default set, text first: cheap, needs only `output`, or `input` and `output`."""
    return [name for name, description in sorted(descriptions().items(), key=lambda item: item[1].theme != "text") if description.default]


def describe(name: str) -> Description:
    """One scorer of the library, `rubric:NAME` or `rm:NAME`. Raises: UnknownName, ConfigError (a rubric's file), ModelRefused."""
    if name.startswith(("rubric:", "rubric.")):
        return _describe_rubric(name[len("rubric:") :])
    if name.startswith("rm.") or is_trained(name):
        return _describe_model(name[len("rm:") :])
    found = descriptions()
    if name in found:
        return found[name]
    if name in _entry_points():
        return _describe_loaded(load_scorer(name))
    raise UnknownName("scorer", name, known=scorer_names())


def load_scorer(name: str) -> Scorer:
    """Import one scorer by its name. Raises: UnknownName."""
    description = descriptions().get(name)
    if description is not None:
        loaded = getattr(importlib.import_module(description.module), name)
    elif name in _entry_points():
        loaded = _entry_points()[name].load()
    else:
        raise UnknownName("scorer", name, known=scorer_names())
    return loaded if isinstance(loaded, Scorer) else scorer(loaded)


@functools.cache
def descriptions() -> dict[str, Description]:
    """Every scorer below judgecli/scorers, by name, in the order of theme, file and line."""
    found: dict[str, Description] = {}
    for path in sorted((PACKAGE / "scorers").rglob("*.py")):
        for node in ast.parse(path.read_bytes()).body:
            declared = _declaration(node)
            if declared is not None and isinstance(node, ast.FunctionDef):
                found[node.name] = _describe_source(node, declared, path)
    return found


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group="judgecli.scorers")}


def _declaration(node: ast.stmt) -> dict[str, object] | None:
    for decorator in getattr(node, "decorator_list", []):
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "scorer":
            return {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords if keyword.arg}
    return None


def _describe_source(node: ast.FunctionDef, declared: Mapping[str, typing.Any], path: Path) -> Description:
    arguments = node.args
    required = len(arguments.args) - len(arguments.defaults)
    options = {
        argument.arg: "required" if default is None else ast.unparse(default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    names = [derived.source_of(argument.arg) for argument in arguments.args]
    docstring = ast.get_docstring(node) or ""
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return Description(
        name=node.name,
        theme=path.parent.name,
        module=module,
        kind=declared.get("kind", "number"),
        unit=declared.get("unit", "record"),
        range=declared.get("range", (None, None)),
        higher_is_better=declared.get("higher_is_better"),
        version=declared.get("version", 1),
        default=declared.get("default", False),
        needs=declared.get("needs"),
        columns=tuple(dict.fromkeys(names[:required])),
        optional_columns=tuple(dict.fromkeys(names[required:])),
        options=options,
        **_describe_docstring(docstring),
    )


def _describe_docstring(docstring: str) -> dict[str, str]:
    """The parts of a scorer's docstring: definition (first sentence), source, worked value."""
    definition = re.split(r"(?<=[.!?])\s", " ".join(docstring.split("\n\n")[0].split()), maxsplit=1)[0]
    source = re.search(r"^Source:\s*(.+?)(?:\n\s*\n|\n[A-Z]\w+:|\n>>>|\Z)", docstring, re.MULTILINE | re.DOTALL)
    example = re.search(r"^>>> .*(?:\n(?!\s*\n).*)*", docstring, re.MULTILINE)
    return {
        "definition": definition,
        "source": " ".join(source[1].split()) if source else "",
        "example": example[0].strip() if example else "",
        "docstring": docstring,
    }


def _describe_loaded(loaded: Scorer) -> Description:
    columns = dict.fromkeys(column.source for column in loaded.columns if column.required)
    optional = dict.fromkeys(column.source for column in loaded.columns if not column.required)
    return Description(
        name=loaded.name,
        theme="plug-in",
        module=loaded.function.__module__,
        kind=loaded.kind,
        unit=loaded.unit,
        range=loaded.range,
        higher_is_better=loaded.higher_is_better,
        version=loaded.version,
        default=False,
        needs=loaded.needs,
        columns=tuple(columns),
        optional_columns=tuple(optional),
        options={name: "required" if option.default is inspect.Parameter.empty else repr(option.default) for name, option in loaded.options.items()},
        **_describe_docstring(inspect.getdoc(loaded.function) or ""),
    )


def parse_spec(text: str) -> Spec:
    """Read a SPEC as typed after `-s`. Raises: UsageError."""
    found = ALIAS.fullmatch(text)
    alias, rest = (found["alias"], found["rest"]) if found else (None, text)
    if is_served(rest):
        return Spec(named_served(alias, rest), rest)
    if rest.startswith(("rm:", "rm.")):
        name, target, parameters = named_trained(alias, rest)
        return Spec(name, target, _parse_options(parameters, spec=text))
    if rest.startswith(("rubric:", "rubric.")):
        return _rubric_spec(alias, rest[len("rubric:") :])
    target, _, parameters = rest.partition(":")
    if target.endswith(".py"):
        function, _, parameters = parameters.partition(":")
        if not function:
            raise UsageError(f"'{text}' names a file but no function in it", hint=f"write {target}:FUNCTION")
        target = f"{target}:{function}"
    options = _parse_options(parameters, spec=text)
    if options and alias is None:
        raise UsageError(f"'{text}' has parameters but no name of its own", hint=f'give it one: -s "my_{target.rpartition(":")[2]}={rest}"')
    return Spec(alias or target.rpartition(":")[2], target, options)


def _parse_options(text: str, *, spec: str) -> dict[str, object]:
    from judgecli.config import parse_scalar

    options: dict[str, object] = {}
    for item in _split_outside_brackets(text):
        name, equals, value = item.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UsageError(f"cannot read '{item}' in '{spec}'", hint="parameters are NAME:option=value,option=value; quote values that hold a comma")
        options[name.strip()] = parse_scalar(value.strip(), where=spec)
    return options


def _split_outside_brackets(text: str) -> list[str]:
    """Split at commas that stand outside quotes and brackets."""
    parts, depth, quote, start = [], 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def bind(spec: Spec) -> Metric:
    """Import the scorer of a spec and check its options. Raises: UnknownName, UsageError, EnvironmentFailure."""
    if spec.target.startswith(("score.", "label.")):
        return Metric(spec.name, imported_scorer(spec.target), {})
    if spec.target.startswith("rubric:"):
        return bind_rubric(spec)
    if is_served(spec.target):
        return served_metric(spec.name, spec.target, spec.options)
    if is_trained(spec.target):
        return _bind_model(spec)
    if ".py:" in spec.target:
        loaded, code = _load_path(spec.target)
    else:
        loaded, code = load_scorer(spec.target), ""
    return Metric(spec.name, loaded, _check_options(loaded, spec), code)


def _check_options(loaded: Scorer, spec: Spec) -> dict[str, object]:
    from pydantic import TypeAdapter, ValidationError

    for name in spec.options:
        if name not in loaded.options:
            raise UnknownName(f"option of '{loaded.name}'", name, known=loaded.options)
    hints = typing.get_type_hints(loaded.function)
    checked: dict[str, object] = {}
    for name, parameter in loaded.options.items():
        if name in spec.options:
            try:
                checked[name] = TypeAdapter(hints.get(name, object)).validate_python(_read_option(name, spec.options[name]))
            except ValidationError as error:
                raise UsageError(
                    f"option {name}={spec.options[name]!r} of '{spec.name}': {error.errors()[0]['msg']}", hint=f"see judge scorers {loaded.name}"
                ) from error
        elif parameter.default is inspect.Parameter.empty:
            raise UsageError(f"scorer '{loaded.name}' needs the option '{name}'", hint=f'-s "my_{loaded.name}={loaded.name}:{name}=..."')
    return checked


def _read_option(name: str, value: object) -> object:
    """A schema may stand in a file: `schema=@answer.json` gives its text, which then is part of the metric's identity."""
    if name != "schema" or not isinstance(value, str) or not value.startswith("@"):
        return value
    try:
        return Path(value.removeprefix("@")).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {value.removeprefix('@')}: {error}", hint="schema=@FILE names a JSON Schema file") from error


def _load_path(target: str) -> tuple[Scorer, str]:
    """A scorer of the user's own file, and the hash of that file."""
    text, _, name = target.rpartition(":")
    path = Path(text)
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="a scorer of your own is PATH.py:FUNCTION")
    code = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    module_name = f"judge_scorers_{code}"
    if module_name not in sys.modules:
        _import_file(path, module_name)
    functions = {key: value for key, value in vars(sys.modules[module_name]).items() if isinstance(value, Scorer) or inspect.isfunction(value)}
    if name not in functions:
        raise UnknownName(f"function in {path}", name, known=functions)
    found = functions[name]
    return (found if isinstance(found, Scorer) else scorer(found)), code


def _import_file(path: Path, module_name: str) -> None:
    located = importlib.util.spec_from_file_location(module_name, path)
    if located is None or located.loader is None:
        raise UsageError(f"cannot import {path}", hint="it must be a Python file")
    module = importlib.util.module_from_spec(located)
    sys.modules[module_name] = module
    folder = str(path.parent.resolve())
    sys.path.append(folder)  # the file may import what lies beside it
    try:
        located.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}", hint="run it with python to see more") from error
    finally:
        sys.path.remove(folder)


def rubric_names() -> list[str]:
    """The rubrics of the library, sorted."""
    return sorted(path.stem for path in library_folder("rubrics").glob("*.yaml"))


def load_rubric(name: str) -> "Rubric":
    """A rubric of the library by its name, or of a file by its path. Raises: UnknownName, UsageError, ConfigError (file:line:column)."""
    from judgecli.config.rubric_file import load_rubric_file

    if name.endswith((".yaml", ".yml")) or "/" in name:
        return load_rubric_file(Path(name))
    if name not in rubric_names():
        raise UnknownName("rubric", name, known=rubric_names())
    return load_rubric_file(library_folder("rubrics") / f"{name}.yaml")


def bind_rubric(spec: Spec, rubric: "Rubric | None" = None, unit: "Unit | None" = None) -> Metric:
    """The metric of a spec `rubric:NAME_OR_PATH`. `spec.options` say how it is judged (models, parameters,
    samples, ...) and are part of its identity, as are the rubric and all that is said around its material."""
    from judgecli.judge.metric import rubric_scorer
    from judgecli.judge.prompt import rubric_code

    rubric = rubric or load_rubric(spec.target.removeprefix("rubric:"))
    return Metric(spec.name, rubric_scorer(rubric, unit), dict(spec.options), rubric_code(rubric))


def _describe_rubric(name: str) -> Description:
    from judgecli.judge.metric import rubric_scorer

    rubric = load_rubric(name)
    return replace(_describe_loaded(rubric_scorer(rubric)), theme="rubric", definition=rubric.about, source=rubric.source, docstring=rubric.instructions)


def _rubric_spec(alias: str | None, name: str) -> Spec:
    """`rubric:NAME`, `rubric:PATH.yaml` or `rubric.NAME` as a spec. Raises: UsageError."""
    if not name or ":" in name.removesuffix(".yaml"):
        raise UsageError(f"'rubric:{name}' names no rubric", hint="rubric:helpfulness, or rubric:./mine.yaml; judge rubric list shows the library")
    return Spec(alias or f"rubric.{Path(name).stem}", f"rubric:{name}")


def model_folders() -> list[Path]:
    """Where a reward model's bare name is looked up: in the project, then in the library."""
    return [Path("reward_models"), library_folder("reward_models")]


def _bind_model(spec: Spec) -> Metric:
    from judgecli.store.model_library import model_scorer

    loaded, code, options = model_scorer(spec.target, spec.options, model_folders())
    return Metric(spec.name, loaded, _check_options(loaded, replace(spec, options=options)), code)


def _describe_model(name: str) -> Description:
    from judgecli.reward_model.trained import definition_of, told_of, trained_scorer
    from judgecli.store.model_library import model_card, open_model

    card = model_card(name, model_folders())
    described = _describe_loaded(trained_scorer(f"rm.{name.rstrip('/').rpartition('/')[2]}", lambda: open_model(Path(name))))
    return replace(described, theme="reward model", definition=definition_of(card), docstring=f"{definition_of(card)}\n\n{told_of(card)}")
