"""What a run goes by: flags over JUDGE_* variables over judge.yaml over defaults.

`Settings` is plain frozen data, so it may be sent to worker processes. Nothing is imported or run
because a configuration names it; a scorer of the project's own code needs `allow_code`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from os.path import isabs, normpath
from pathlib import Path
from typing import TYPE_CHECKING

from judgecli import outputs
from judgecli.config.document import Node, YamlDocument, near_hint, path_text, read_document
from judgecli.config.judges import JudgeFlags, JudgeSettings, judge_settings
from judgecli.config.validation import validate
from judgecli.errors import ConfigError, EnvironmentFailure, UsageError
from judgecli.schema import MAPPABLE

if TYPE_CHECKING:
    from judgecli.config.project import Judge, Project, Remote

FILE = "judge.yaml"
PLACED = ("reward", "gates", "feedback", "value", "report", "policy", "cluster", "group", "alarms")  # sections whose places are kept for later errors
# Every environment variable that judge reads for itself, and what it stands for.
VARIABLES = {
    "JUDGE_CONFIG": "the configuration file (--config)",
    "JUDGE_STORE": "the store (--store)",
    "JUDGE_MEASURED": "the share that must be measured for exit code 0; default 0.98",
    "JUDGE_MAX_BAD": "the share of lines that may be quarantined (--max-bad); default 0.01",
    "JUDGE_WORKERS": "worker processes (--workers)",
    "JUDGE_MODEL": "the model that judges (--judge-model)",
    "JUDGE_BASE_URL": "the address of the judge's endpoint (--base-url)",
    "JUDGE_API_KEY": "the key of the judge's endpoint; else OPENAI_API_KEY for OpenAI's own address",
    "JUDGE_ALLOW": "addresses that judge.yaml may name, and variables that may go there: https://HOST or https://HOST:VARIABLE (--allow)",
    "JUDGE_PRICES": "a file of prices that adds to and replaces the table of the package",
}


@dataclass(frozen=True, slots=True)
class LogSource:
    """How one path, folder or glob of logs is read. A field of `map` replaces the format's own."""

    path: str
    format: str | None = None
    zone: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class ScorerEntry:
    """A scorer that judge.yaml asks for: its one name, what it comes from, its options, its line; of a rubric its judge and sample."""

    name: str
    target: str
    options: Mapping[str, object] = field(default_factory=dict)
    where: str = ""
    judge: "Judge | None" = None
    sample: float = 1.0
    against: str = "answers"
    remote: "Remote | None" = None


@dataclass(frozen=True, slots=True)
class Flags:
    """What was typed on the command line; None or empty where it was not."""

    store: str | None = None
    map: tuple[str, ...] = ()
    format: str | None = None
    zone: str | None = None
    encoding: str | None = None
    keep_duplicates: bool = False
    max_bad: float | None = None
    workers: int | None = None
    allow_code: bool = False
    allow: tuple[str, ...] = ()
    judge: JudgeFlags = field(default_factory=JudgeFlags)


@dataclass(frozen=True)
class Settings:
    """All that a run needs to know beside its logs and scorers.

    `map`, `format`, `zone` and `encoding` were typed and win over what a log entry says; `guess` allows column
    names to be guessed (always, except in CI without `--map auto`); `measured` and `max_bad` are
    shares from 0 to 1; `project` is the whole judge.yaml, or its defaults.
    """

    project: "Project"
    store: Path = Path(".judge")
    config: Path | None = None
    logs: tuple[LogSource, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    zone: str | None = None
    encoding: str | None = None
    guess: bool = True
    policy: tuple[str, ...] = ("model", "prompt_version")
    cluster: str | None = None
    group: str | None = None
    scorers: tuple[ScorerEntry, ...] = ()
    keep: str | None = None
    redact: tuple[str, ...] = ()
    measured: float = 0.98
    max_bad: float = 0.01
    keep_duplicates: bool = False
    workers: int | None = None
    allow_code: bool = False
    allow: tuple[str, ...] = ()  # addresses, and variables that may go there, as typed (endpoint/consent.py)
    judge: JudgeFlags = field(default_factory=JudgeFlags)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # JUDGE_MODEL and JUDGE_BASE_URL; no key
    places: Mapping[str, str] = field(default_factory=dict)  # key path below PLACED -> file:line:column

    def where(self, path: str) -> str:
        """Where judge.yaml says `path` (`reward.terms.words`, `gates[0]`), or its nearest parent: file:line:column, for a ConfigError."""
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, str(self.config or FILE))

    def source(self, path: str) -> LogSource:
        """How `path` is read: the first log entry that covers it, with the typed options on top."""
        entry = next((entry for entry in self.logs if _covers(entry.path, path)), LogSource(path))
        return replace(
            entry,
            path=path,
            format=self.format or entry.format,
            zone=self.zone or entry.zone,
            map={**entry.map, **self.map},
            encoding=self.encoding or entry.encoding,
        )

    def configured_scorers(self) -> tuple[ScorerEntry, ...]:
        """The scorers of judge.yaml, as far as the user's consent allows. Raises: ConfigError."""
        for entry in self.scorers:
            if ".py:" in entry.target and not self.allow_code:
                raise ConfigError(f"'{entry.name}' is code of the project ({entry.target})", where=entry.where, hint="add --allow-code to run it")
        return self.scorers

    def remote_of(self, target: str, name: str) -> "tuple[Remote, float]":
        """How a served reward model is asked, and the share of prompts to ask for: as the entry of that name says, else of that address."""
        from judgecli.config.project import Remote

        entries = [entry for entry in self.scorers if entry.target == target]
        entry = next((entry for entry in entries if entry.name == name), entries[0] if entries else None)
        return (entry.remote if entry and entry.remote else Remote()), (entry.sample if entry else 1.0)

    def judge_of(self, target: str, name: str) -> JudgeSettings:
        """How the judge of a rubric is asked: as the entry of that name in judge.yaml says, else of that rubric, with what was typed on top."""
        entries = [entry for entry in self.scorers if entry.target == target]
        entry = next((entry for entry in entries if entry.name == name), entries[0] if entries else None)
        found = judge_settings(entry.judge if entry else None, entry.sample if entry else 1.0, self.judge, self.environment)
        found = replace(found, allowed=self.allow, name=name)
        return replace(found, against=entry.against, where=entry.where) if entry else found


def load_settings(
    config: str | None = None, flags: Flags | None = None, *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """Settings from judge.yaml in `folder` (or the named file), JUDGE_* variables and flags.

    Raises: ConfigError (file:line:column), UsageError (a flag or variable), EnvironmentFailure
    (a named file that cannot be read).
    """
    from judgecli.config.project import Project

    flags = flags or Flags()
    environment = os.environ if environment is None else environment
    path = _find(config or environment.get("JUDGE_CONFIG"), folder or Path())
    _guard(path or (folder or Path()) / FILE)
    document = _open(path) if path else None
    project = validate(document, Project, page="docs/configuration.md") if document else Project()
    mapping, automatic = parse_mapping(flags.map)
    return Settings(
        project=project,
        config=path,
        store=Path(flags.store or environment.get("JUDGE_STORE") or project.store or ".judge"),
        logs=tuple(LogSource(log.path, log.format, log.zone, dict(log.map), log.encoding) for log in project.logs),
        map=mapping,
        format=flags.format,
        zone=_check_zone(flags.zone),
        encoding=flags.encoding,
        guess=automatic or not in_ci(environment),
        policy=tuple(project.policy),
        cluster=project.cluster,
        group=project.group,
        scorers=tuple(_entries(project, document)) if document else (),
        keep=project.keep,
        redact=tuple(project.redact),
        measured=_share("JUDGE_MEASURED", None, environment, project.measured, 0.98),
        max_bad=_share("JUDGE_MAX_BAD", flags.max_bad, environment, project.max_bad, 0.01),
        keep_duplicates=flags.keep_duplicates,
        workers=_workers(flags.workers, environment, project.workers),
        allow_code=flags.allow_code,
        allow=flags.allow,
        judge=flags.judge,
        environment={name: environment[name] for name in ("JUDGE_MODEL", "JUDGE_BASE_URL") if environment.get(name)},
        places=_places(document) if document else {},
    )


def parse_mapping(given: Sequence[str]) -> tuple[dict[str, str], bool]:
    """`--map FIELD=PATH` options as a mapping, and whether `--map auto` was among them. Raises: UsageError."""
    mapping: dict[str, str] = {}
    for item in given:
        if item == "auto":
            continue
        name, equals, path = item.partition("=")
        name, path = name.strip(), path.strip()
        if not equals or not name or not path:
            raise UsageError(f"cannot read --map '{item}'", hint="write --map FIELD=PATH, for example --map output=answer.text, or --map auto")
        prefix, _, rest = name.partition(".")
        if name not in MAPPABLE and not (prefix in ("tags", "score", "label") and rest):
            raise UsageError(f"there is no record field '{name}'", hint=near_hint(name, [*MAPPABLE, "tags.NAME", "score.NAME", "label.NAME"]))
        if name in mapping:
            raise UsageError(f"--map {name} is given twice", hint=f"for the first that exists, write --map {name}={mapping[name]}|{path}")
        mapping[name] = path
    return mapping, "auto" in given


def in_ci(environment: Mapping[str, str]) -> bool:
    """Whether CI is set to anything but nothing, 0 or false."""
    return environment.get("CI", "").lower() not in ("", "0", "false")


def _covers(pattern: str, path: str) -> bool:
    """Whether an entry of judge.yaml (a file, a folder, a glob whose `**/` may stand for no folder) means a file."""
    given, wanted = normpath(path), normpath(pattern)
    if wanted == ".":
        return not isabs(given) and not given.startswith("..")
    return fnmatch(given, wanted) or fnmatch(given, wanted.replace("**/", "")) or given == wanted or given.startswith(wanted + "/")


def _find(named: str | None, folder: Path) -> Path | None:
    if named:
        return Path(named)
    return folder / FILE if (folder / FILE).is_file() else None


def _guard(config: Path) -> None:
    """No output may take the place of the configuration, nor of what people review beside it."""
    outputs.reads(config, "the configuration")
    outputs.reads(config.with_name("judge.lock"), "judge.lock")
    for folder in ("baselines", "anchors"):
        outputs.guards(config.parent / folder, folder)


def _open(path: Path) -> YamlDocument:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise EnvironmentFailure(f"cannot read {path}: {error.strerror}", hint="check --config and JUDGE_CONFIG") from error
    return read_document(raw, file=str(path))


def _entries(project: "Project", document: YamlDocument) -> list[ScorerEntry]:
    """The scorer entries of judge.yaml under their names. Raises: ConfigError where two share one."""
    from judgecli.config.project import Heuristics, Named, Rubric

    found: list[ScorerEntry] = []
    for position, entry in enumerate(project.scorers):
        where = "{}:{}:{}".format(document.file, *document.place(("scorers", position)))
        if isinstance(entry, Heuristics):
            found += [ScorerEntry(name.rpartition(":")[2], name, {}, where) for name in entry.heuristics]
        elif isinstance(entry, Named):
            found.append(ScorerEntry(entry.name, entry.scorer, dict(entry.options), where))
        elif isinstance(entry, Rubric):
            name = entry.name or f"rubric.{Path(entry.rubric).stem}"
            found.append(ScorerEntry(name, f"rubric:{entry.rubric}", {}, where=where, judge=entry.judge, sample=entry.sample, against=entry.against))
        else:
            named = entry.name or f"rm.{Path(entry.reward_model).name}"
            found.append(ScorerEntry(named, f"rm:{entry.reward_model}", _remote_options(entry.remote), where, None, entry.sample, remote=entry.remote))
    seen: set[str] = set()
    for wanted in found:
        if wanted.name in seen:
            raise ConfigError(f"scorers: two are called '{wanted.name}'", where=wanted.where, hint="give one of them a NAME of its own")
        seen.add(wanted.name)
    return found


def _remote_options(remote: "Remote | None") -> dict[str, object]:
    """What of a served reward model decides its numbers."""
    said = {} if remote is None else {"protocol": remote.protocol, "model": remote.model, "template": remote.template}
    return {name: value for name, value in said.items() if value is not None}


def _places(document: YamlDocument) -> dict[str, str]:
    """Where each key of the sections in PLACED stands."""
    found: dict[str, str] = {}
    todo: list[tuple[tuple[str | int, ...], Node]] = [((name,), document.root.children[name]) for name in PLACED if name in document.root.children]
    while todo:
        path, node = todo.pop()
        found[path_text(path)] = "{}:{}:{}".format(document.file, *document.place(path))
        todo += [((*path, step), child) for step, child in node.children.items()]
    return found


def _share(variable: str, flag: float | None, environment: Mapping[str, str], in_file: float | None, default: float) -> float:
    value = flag
    if value is None and environment.get(variable):
        value = _number(variable, environment[variable])
    if value is None:
        return default if in_file is None else in_file
    if not 0 <= value <= 1:
        raise UsageError(
            f"{variable.removeprefix('JUDGE_').lower()} is {value:g}, which is no share", hint="give a number from 0 to 1, for example 0.01 for 1 %"
        )
    return value


def _number(variable: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{variable} is '{text}', which is no number", hint=f"unset {variable}, or give it a number") from error


def _workers(flag: int | None, environment: Mapping[str, str], in_file: int | None) -> int | None:
    value = flag
    if value is None and environment.get("JUDGE_WORKERS"):
        number = _number("JUDGE_WORKERS", environment["JUDGE_WORKERS"])
        if number != number // 1:
            raise UsageError(f"JUDGE_WORKERS is '{environment['JUDGE_WORKERS']}', which is no whole number", hint="give 1 or more, or unset it")
        value = int(number)
    if value is not None and value < 1:
        raise UsageError(f"{value} workers cannot work", hint="give 1 or more, or leave --workers out")
    return in_file if value is None else value


def _check_zone(zone: str | None) -> str | None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone or "UTC")
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone '{zone}'", hint="for example UTC or Europe/Berlin") from error
    return zone
