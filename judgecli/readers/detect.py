"""Which format a log has and which of its fields are which: told from a sample, shown to the user, kept in the checkpoint."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NoReturn

from judgecli.errors import LogError, UnknownName
from judgecli.readers import times
from judgecli.readers.adapter import Adapter, Object, adapters
from judgecli.readers.container import container_of
from judgecli.readers.delimited import header_of
from judgecli.readers.entries import lines_of
from judgecli.readers.log import Detected, Position, Shaping
from judgecli.readers.mapping import check_fields, getter, parse_path
from judgecli.readers.read import Item, items_of, parquet_rows, parse_entry
from judgecli.readers.source import local_path, open_plain
from judgecli.readers.synonyms import guess, unmapped

SAMPLE = 50  # entries from the start, and as many from later
_WINDOW = 2000  # entries among which the later ones are looked for
_WINDOW_BYTES = 8 * 1024 * 1024
_WINS = 0.8  # share of the sample that a format must win
_SURE = 0.8  # and how well at least one object must match it
_CONTAINERS = ("jsonl", "json", "csv", "parquet", "plain")
_ACCEPTED = ("input", "output", "messages", "output_messages")
_ENVELOPES = ("data", "records", "rows", "logs", "runs", "items", "results", "samples")


def detect(path: str, shaping: Shaping) -> Detected:
    """How to read this log. Raises: LogError (missing, empty, no format wins, nothing can be mapped, a guess that is refused), UnknownName."""
    check_fields(shaping.map)
    times.zone_named(shaping.zone)
    known = adapters()
    if shaping.format is not None and shaping.format not in (*_CONTAINERS, *known):
        raise UnknownName("log format", shaping.format, known=(*_CONTAINERS, *known))
    container, compression, delimiter = container_of(path, shaping)
    columns: tuple[str, ...] = ()
    if container == "csv":
        with open_plain(path) as stream:
            columns = header_of(stream, delimiter, shaping.max_line_bytes)
    found = Detected(format="plain", container=container, compression=compression, delimiter=delimiter or None, columns=columns)
    objects = sample(path, found, shaping)
    adapter, confidence = _choose(path, objects, shaping)
    found = replace(found, format=_shown_format(adapter, container), confidence=confidence)
    found = _map(path, found, adapter, objects, shaping)
    return _with_day_order(path, found, objects, shaping)


def sample(path: str, detected: Detected, shaping: Shaping) -> list[Object]:
    """Objects of the first 50 entries, of 50 spread over the next thousands, and of some in the middle of a large JSONL file."""
    if detected.container == "parquet":
        return _objects(islice(parquet_rows(path, Position()), 2 * SAMPLE))
    with open_plain(path) as stream:
        found = _objects(_spread(items_of(stream, detected, Position(), shaping)))
    if detected.container == "jsonl" and detected.compression is None:
        found += _middle(path, shaping)
    return found


def _objects(items: Iterable[Item]) -> list[Object]:
    return [value for _, value, _ in items if isinstance(value, dict)]


def _spread(items: Iterator[Item]) -> list[Item]:
    head = list(islice(items, SAMPLE))
    rest = list(islice(_within(items, _WINDOW_BYTES), _WINDOW))
    return head + rest[:: max(1, -(-len(rest) // SAMPLE))]


def _within(items: Iterator[Item], size: int) -> Iterator[Item]:
    """Items until they have taken `size` bytes."""
    for item in items:
        yield item
        size -= item[0].end - item[0].offset
        if size < 0:
            return


def _middle(path: str, shaping: Shaping) -> list[Object]:
    """Objects from half way into a file that the first sample covered a small part of."""
    size = os.path.getsize(local_path(path))
    if size < 4 * _WINDOW_BYTES:
        return []
    with open_plain(path) as stream:
        entries = islice(lines_of(stream, Position(offset=size // 2), shaping.max_line_bytes), 1, SAMPLE + 1)
        return [value for entry in entries if isinstance(value := parse_entry(entry, shaping), dict)]


def _choose(path: str, objects: Sequence[Object], shaping: Shaping) -> tuple[Adapter, float]:
    """The adapter that wins at least 80 % of the sample, and its share. Raises: LogError with a table of all."""
    known = adapters()
    if shaping.format in known:
        return known[shaping.format], 1.0
    if "messages" in shaping.map:
        return known["chat"], 1.0
    if shaping.format is not None or not objects:
        return known["plain"], 1.0
    scores = [{name: adapter.match(one) for name, adapter in known.items()} for one in objects]
    sure = {name for name in known if name == "plain" or max(row[name] for row in scores) >= _SURE}
    wins = Counter(max(sure, key=lambda name: (row[name], -known[name].order)) for row in scores)
    name, count = wins.most_common(1)[0]
    if count < _WINS * len(objects):
        table = "; ".join(f"{name} {wins.get(name, 0)} of {len(objects)}" for name in known)
        raise LogError(f"{path} holds no one format: {table}", hint=f"force one with --format ({', '.join(known)}), or split the file")
    return known[name], count / len(objects)


def _shown_format(adapter: Adapter, container: str) -> str:
    """A mapped plain log is called by its container."""
    return {"array": "json", "object": "json"}.get(container, container) if adapter.name == "plain" else adapter.name


def _map(path: str, found: Detected, adapter: Adapter, objects: Sequence[Object], shaping: Shaping) -> Detected:
    """`found` with its mapping. Raises: LogError where nothing can be mapped, or a guess would be needed and is refused."""
    given = {**adapter.mapping, **shaping.map}
    if adapter.rows is not None:
        return replace(found, mapping=given, unmapped=unmapped(objects, _heads(given, found)))
    header_only = not objects and bool(found.columns)
    seen = [dict.fromkeys(found.columns)] if header_only else objects
    own = guess(seen, given, own_names_only=True, by_name=header_only)
    guesses = {field: said for field, said in guess(seen, given, by_name=header_only).items() if own.get(field) != said}
    mapping = {**own, **guesses, **given} if shaping.guess else {**own, **given}
    notes: list[str] = []
    if not shaping.guess and guesses:
        if not shaping.map and not adapter.mapping:  # a mapping that was given, even in part, is the owner's word
            _refuse_guess(path, {**own, **guesses})
        notes.append("not read, because guessing is off: " + _arguments(guesses))
    if not objects:
        notes.append("no entry of the sample could be read")
    elif not _is_enough(mapping):
        _refuse_unmapped(path, objects)
    missing = _empty(shaping.map, found, objects)
    notes += [f"--map {field}={shaping.map[field]} finds nothing in the first {len(objects)} entries" for field in missing]
    return replace(
        found,
        mapping=mapping,
        guessed=shaping.guess and bool(guesses),
        unmapped=unmapped(objects, _heads(mapping, found)),
        notes=tuple(notes),
        empty=tuple(_empty(mapping, found, objects)),
    )


def _empty(mapping: Mapping[str, str], found: Detected, objects: Sequence[Object]) -> list[str]:
    """The mapped fields that no entry of the sample holds; none where there is no sample."""
    return [field for field, path in mapping.items() if objects and not any(value is not None for value in getter(path, found.columns)(objects))]


def _is_enough(mapping: Mapping[str, str]) -> bool:
    """Whether a record mapped so can be accepted."""
    return any(field in _ACCEPTED or field.startswith(("score.", "label.")) for field in mapping)


def _refuse_guess(path: str, mapping: Mapping[str, str]) -> NoReturn:
    raise LogError(f"the fields of {path} would have to be guessed, which is refused here", hint=f"say them: {_arguments(mapping)}; or --map auto")


def _refuse_unmapped(path: str, objects: Sequence[Object]) -> NoReturn:
    keys = list(dict.fromkeys(key for one in objects for key in one))
    envelope = next((key for key in keys if len(objects) == 1 and key in _ENVELOPES and isinstance(objects[0][key], list)), None)
    hint = (
        f"its records seem to lie in the list '{envelope}': write that list to a file of its own"
        if envelope
        else "name at least one: --map output=PATH --map input=PATH"
    )
    raise LogError(f"none of the fields of {path} is known as an input or output: {', '.join(keys[:20]) or 'there are none'}", hint=hint)


def _arguments(mapping: Mapping[str, str]) -> str:
    return " ".join("--map " + shlex.quote(f"{field}={said}") for field, said in mapping.items())


def _heads(mapping: Mapping[str, str], found: Detected) -> set[str]:
    """The top-level fields that the paths of a mapping start with."""
    flat = {said for said in mapping.values() if said in found.columns}
    return flat | {steps[0][0] for said in mapping.values() if said not in flat for steps in parse_path(said)}


def _with_day_order(path: str, found: Detected, objects: Sequence[Object], shaping: Shaping) -> Detected:
    """`found` with the order of day and month decided: from the sample, else from the whole file, else month first with a note."""
    if "time" not in found.mapping or _makes_rows(found):
        return found
    get = getter(found.mapping["time"], found.columns)
    day_first, sure = times.day_order(get(objects))
    if not sure:
        day_first, sure = times.day_order(value for one in _all_objects(path, found, shaping) for value in get([one]))
    if sure:
        return replace(found, day_first=day_first)
    order = "day" if day_first else "month"
    return replace(found, day_first=day_first, notes=(*found.notes, f"no date of '{found.mapping['time']}' tells day from month: read with the {order} first"))


def _makes_rows(found: Detected) -> bool:
    adapter = adapters().get(found.format)
    return adapter is not None and adapter.rows is not None


def _all_objects(path: str, found: Detected, shaping: Shaping) -> Iterator[Object]:
    if found.container == "parquet":
        yield from (value for _, value, _ in parquet_rows(path, Position()) if isinstance(value, dict))
        return
    with open_plain(path) as stream:
        yield from (value for _, value, _ in items_of(stream, found, Position(), shaping) if isinstance(value, dict))
