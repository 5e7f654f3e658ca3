"""YAML text as plain data with the place of every key and value.

Only data comes out: mappings with string keys, lists, strings, numbers, booleans, null, after the
core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema). So `no`, `on` and
`2026-10-01` stay strings, `1e3` is a float, `012` is twelve. Tags other than the core ones, merge
keys, duplicate keys, a second document, and whatever grows beyond the bounds below are refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol, cast

import yaml

from judgecli.errors import ConfigError, UsageError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 50_000  # aliases count with all that they stand for

KeyPath = tuple[str | int, ...]
TextPlace = tuple[int, int]  # line and column, both from 1

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAGS = ("!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(slots=True)
class Node:
    """One value of the document, where it stands, and its children by key or position."""

    value: object
    place: TextPlace
    size: int = 1
    keys: dict[str, TextPlace] = field(default_factory=dict)
    children: dict[str | int, "Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A file as plain data, with `where` for messages."""

    file: str
    root: Node

    @property
    def data(self) -> object:
        return self.root.value

    def place(self, path: Sequence[str | int]) -> TextPlace:
        """Line and column of the key at `path`, or of its nearest parent that the file has."""
        node, place = self.root, self.root.place
        for step in path:
            if step not in node.children:
                return node.keys.get(cast(str, step), place)
            place = node.keys.get(cast(str, step), node.children[step].place)
            node = node.children[step]
        return place

    def known_path(self, path: Sequence[str | int]) -> KeyPath:
        """`path` without the steps that name no key or position of the file."""
        node, kept = self.root, []
        for step in path:
            if step in node.children:
                kept.append(step)
                node = node.children[step]
        return tuple(kept)

    def error(self, message: str, path: Sequence[str | int], *, hint: str) -> ConfigError:
        line, column = self.place(path)
        named = f"{path_text(path)}: " if path else ""
        return ConfigError(f"{named}{message}", where=f"{self.file}:{line}:{column}", hint=hint)


def path_text(path: Sequence[str | int]) -> str:
    """A key path as people write it.

    >>> path_text(("scorers", 1, "judge", "model"))
    'scorers[1].judge.model'
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def near_hint(name: str, known: Sequence[str]) -> str:
    """The hint of an unknown key: the nearest that exist, else all of them."""
    near = get_close_matches(name, known, n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"keys here: {', '.join(known)}"


def read_document(raw: bytes, *, file: str) -> YamlDocument:
    """Read one YAML document. Raises: ConfigError with file, line and column."""
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{len(raw):,} bytes are more than a configuration may have ({MAX_BYTES:,})", where=f"{file}:1:1", hint="is this the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError(f"byte {raw[error.start]:#04x} is not UTF-8", where=f"{file}:{line}:{column}", hint="save the file as UTF-8") from error
    return YamlDocument(file, _Reader(text, file).document())


def parse_scalar(text: str, *, where: str) -> object:
    """One option value, written as YAML: `3`, `0.5`, `true`, `'[$€]'`, `[a, b]`, `plain text`.

    Text that is no YAML value (`*x`, `%`, `a: b`) is taken as it is; text that looks like another
    value is quoted (`'[$€]'`: without quotes it is a list).
    Raises: UsageError for a number that is not finite.
    """
    stripped = text.strip()
    try:
        value = read_document(text.encode("utf-8", "surrogatepass"), file=where).data
    except ConfigError as error:
        if _NOT_FINITE.fullmatch(stripped) or _FLOAT.fullmatch(stripped):
            raise UsageError(f"'{text}' in '{where}' is not a finite number", hint="give a finite number, or quote it if it is text") from error
        return text
    unquoted = value is None or (isinstance(value, str) and stripped[:1] not in ("'", '"'))
    if unquoted and not (value is None and stripped and _NULL.fullmatch(stripped)):
        return text  # what YAML would take for a comment (#) belongs to the text here
    return text if isinstance(value, dict) and not stripped.startswith("{") else value


class _Events(Protocol):
    def get_event(self) -> yaml.Event: ...

    def check_event(self, *choices: type[yaml.Event]) -> bool: ...

    def dispose(self) -> None: ...


class _Reader:
    """Builds the nodes from the parser's events, so that depth and size are bounded while reading."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.text = file, text
        self.anchors: dict[str, Node] = {}
        self.nodes = 0
        try:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            self.events = cast(_Events, loader(text))
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from error

    def document(self) -> Node:
        try:
            return self._document()
        except yaml.YAMLError as error:
            if "maximum nesting depth" in str(error):  # libyaml reads ahead to a depth of its own; the slow reader stops at ours, at its place
                return self._document_read_slowly()
            raise self._syntax_error(error) from error
        finally:
            self.events.dispose()

    def _document_read_slowly(self) -> Node:
        self.events.dispose()
        self.events, self.anchors, self.nodes = cast(_Events, yaml.SafeLoader(self.text)), {}, 0
        try:
            return self._document()
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from error

    def _document(self) -> Node:
        self.events.get_event()  # the start of the stream
        if self.events.check_event(yaml.StreamEndEvent):
            return Node(None, (1, 1))
        self.events.get_event()  # the start of the document
        root = self._node(self.events.get_event(), depth=0)
        self.events.get_event()  # the end of the document
        after = self.events.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._error(after, "a second document starts here", hint="keep one document, without another '---'")
        return root

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", hint="flatten it")
        node = self._alias(event) if isinstance(event, yaml.AliasEvent) else self._fresh(event, depth)
        self.nodes += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self.nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES:,} values, aliases included", hint="use fewer aliases (*name)")
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = node
        return node

    def _alias(self, event: yaml.Event) -> Node:
        anchor = str(event.anchor)  # type: ignore[attr-defined]
        if anchor not in self.anchors:
            raise self._error(event, f"*{anchor} stands for nothing that was written before it", hint=f"mark a value above with &{anchor}")
        return self.anchors[anchor]

    def _fresh(self, event: yaml.Event, depth: int) -> Node:
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TAGS:
            raise self._error(event, f"the tag '{tag}' is refused", hint="configuration is plain data: remove the tag")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return Node(self._scalar(cast(yaml.ScalarEvent, event)), _place(event))

    def _mapping(self, start: yaml.Event, depth: int) -> Node:
        node = Node({}, _place(start))
        values = cast(dict[str, object], node.value)
        for key_event in self._until(yaml.MappingEndEvent):
            key = self._key(key_event)
            if key in values:
                line, _ = node.keys[key]
                raise self._error(key_event, f"the key '{key}' stands here a second time", hint=f"the first is in line {line}; keep one")
            node.keys[key] = _place(key_event)
            child = self._node(self.events.get_event(), depth=depth + 1)
            node.children[key], values[key] = child, child.value
            node.size += child.size
        return node

    def _sequence(self, start: yaml.Event, depth: int) -> Node:
        node = Node([], _place(start))
        for position, event in enumerate(self._until(yaml.SequenceEndEvent)):
            child = self._node(event, depth=depth + 1)
            node.children[position] = child
            cast(list[object], node.value).append(child.value)
            node.size += child.size
        return node

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := self.events.get_event(), end):
            yield event

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, *_TAGS):
            raise self._error(event, "a key must be plain text", hint="write NAME: value; quote text that starts with * & ! [ or {")
        if event.value == "<<" and not event.style:
            raise self._error(event, "merge keys (<<) are not part of YAML 1.2", hint="write the keys out")
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        text = str(event.value)
        if event.style or event.tag is not None:
            return text
        if _NOT_FINITE.fullmatch(text):
            raise self._error(event, f"{text} is not a finite number", hint="give a finite number, or leave the key out")
        try:
            return _plain(text)
        except (OverflowError, ValueError) as error:
            raise self._error(event, f"cannot read the number {text[:40]}", hint="quote it if it is text") from error

    def _error(self, event: yaml.Event, message: str, *, hint: str) -> ConfigError:
        line, column = _place(event)
        return ConfigError(message, where=f"{self.file}:{line}:{column}", hint=hint)

    def _syntax_error(self, error: yaml.YAMLError) -> ConfigError:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
        hint = "check indentation (spaces, never tabs), quotes and colons near this place"
        return ConfigError(f"not valid YAML: {problem}", where=f"{self.file}:{line}:{column}", hint=hint)


def _place(event: yaml.Event) -> TextPlace:
    if event.start_mark is None:
        return 1, 1
    return event.start_mark.line + 1, event.start_mark.column + 1


def _plain(text: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise OverflowError(text)
    return number
