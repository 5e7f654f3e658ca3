"""card.yaml: plain data only. No tag, anchor, alias, merge key, second document or duplicate key is read, and nothing deep or large."""

import math
from typing import Any

import yaml

from judgecli.reward_model.card import Card, to_plain

MAX_DEPTH = 16
MAX_NODES = 40_000
_CORE = "tag:yaml.org,2002:"


def write(card: Card) -> str:
    """The text of card.yaml. Raises: ValueError where the card holds what is no plain data."""
    found: str = yaml.dump(to_plain(card), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return found


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _: Any) -> bool:
        """Every value is written out."""
        return True


def read(text: str) -> object:
    """The data of a card. Raises: ValueError."""
    try:
        _check_events(text)
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return _data(yaml.compose(text, Loader=loader))
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {(str(error).splitlines() or ['?'])[0][:120]}") from error


def _check_events(text: str) -> None:
    """Bound the text before anything is built of it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent) or anchor:
            raise ValueError(f"it holds an alias or anchor ({str(anchor)[:40]}), which a card has none of")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if getattr(event, "tag", None):
                raise ValueError(f"it holds the tag {str(event.tag)[:80]}, which a card has none of")  # type: ignore[attr-defined]
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES or documents > 1:
            raise ValueError(f"it is deeper than {MAX_DEPTH} levels, larger than {MAX_NODES:,} values, or more than one document")


def _data(node: yaml.Node | None) -> object:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_CORE}merge":
                raise ValueError("it has a key that is no text")
            if key.value in found:
                raise ValueError(f"it has the key {key.value[:80]!r} twice")
            found[key.value] = _data(value)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_data(value) for value in node.value]
    return None if node is None else _scalar(node)


def _scalar(node: yaml.Node) -> object:
    """A value as it was written; dates and whatever else YAML 1.1 knows stay text."""
    text, kind = str(node.value), node.tag.removeprefix(_CORE)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("true", "yes", "on")
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            return number
    except ValueError:
        raise ValueError(f"it holds the number {text[:40]}, which is no finite decimal one") from None
    return text
