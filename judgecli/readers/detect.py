"""Which format a log has and which of its fields are which: told from a sample, shown to the user, kept in the checkpoint."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NoReturn

from judgecli.errors import LogError, UnknownName
from judgecli.labels.rating import kind_of_labels
from judgecli.readers import times
from judgecli.readers.adapter import Adapter, Object, adapters
from judgecli.readers.container import container_of
from judgecli.readers.decimals import is_plain, needs_rule, read_number, rule_of, written
from judgecli.readers.delimited import header_of
from judgecli.readers.entries import lines_of
from judgecli.readers.log import Detected, Position, Shaping
from judgecli.readers.mapping import check_fields, getter
from judgecli.readers.read import ReadItem, items_of, parquet_rows, parse_entry
from judgecli.readers.reasoning import split_reasoning
from judgecli.readers.source import check_encoding, local_path, open_plain
from judgecli.readers.synonyms import guess, texts_in, unmapped
from judgecli.readers.values import in_words, number_of
from judgecli.readers.wrapped import answers_of, kind_of
from judgecli.schema import NUMBER_COLUMNS

SAMPLE = 50  # entries from the start, and as many from later
_WINDOW = 2000  # entries among which the later ones are looked for
_WINDOW_BYTES = 8 * 1024 * 1024
_WINS = 0.8  # share of the sample that a format must win
_UNKNOWN = 0.5  # share of answers of no known kind from which on the log is refused, not the single lines
_SURE = 0.8  # and how well at least one object must match it
_CONTAINERS = ("jsonl", "json", "csv", "parquet", "plain")
_ACCEPTED = ("input", "output", "messages", "output_messages")
_BESIDE = (
    "session",
    "user",
    "prompt_version",
    "reference",
    "contexts",
    "latency_ms",
    "cost_usd",
    "trace_id",
)  # what apps write beside an exchange of a known format
_PARENTS = ("parent_run_id", "parent_span_id")
_ENVELOPES = ("data", "records", "rows", "logs", "runs", "items", "results", "samples")


def detect(path: str, shaping: Shaping) -> Detected:
    """How to read this log. Raises: LogError (missing, empty, no format wins, nothing can be mapped, a guess that is refused), UnknownName."""
    check_fields(shaping.map)
    times.zone_named(shaping.zone)
    check_encoding(shaping.encoding)
    known = adapters()
    if shaping.format is not None and shaping.format not in (*_CONTAINERS, *known):
        raise UnknownName("log format", shaping.format, known=(*_CONTAINERS, *known))
    container, compression, delimiter = container_of(path, shaping)
    columns: tuple[str, ...] = ()
    if container == "csv":
        with open_plain(path, shaping.encoding) as stream:
            columns = header_of(stream, delimiter, shaping.max_line_bytes)
    found = Detected(
        format="plain",
        container=container,
        compression=compression,
        delimiter=delimiter or None,
        columns=columns,
        may_guess=shaping.guess,
        encoding=shaping.encoding,
    )
    objects = sample(path, found, shaping)
    adapter, confidence = _choose(path, objects, shaping)
    found = replace(found, format=_shown_format(adapter, container), confidence=confidence)
    found = _map(path, found, adapter, objects, shaping)
    found = _with_decimals(path, _with_day_order(path, _with_signs(found, objects), objects, shaping), objects, shaping)
    return replace(found, ratings=tuple(field for field in found.mapping if field.startswith("label.") and _rates(field, found, objects)))


def sample(path: str, detected: Detected, shaping: Shaping) -> list[Object]:
    """Objects of the first 50 entries, of 50 spread over the next thousands, and of some in the middle of a large JSONL file."""
    if detected.container == "parquet":
        return _objects(islice(parquet_rows(path, Position()), 2 * SAMPLE))
    with open_plain(path, shaping.encoding) as stream:
        found = _objects(_spread(items_of(stream, detected, Position(), shaping)))
    if detected.container == "jsonl" and detected.compression is None:
        found += _middle(path, shaping)
    return found


def _objects(items: Iterable[ReadItem]) -> list[Object]:
    return [value for _, value, _ in items if isinstance(value, dict)]


def _spread(items: Iterator[ReadItem]) -> list[ReadItem]:
    head = list(islice(items, SAMPLE))
    rest = list(islice(_within(items, _WINDOW_BYTES), _WINDOW))
    return head + rest[:: max(1, -(-len(rest) // SAMPLE))]


def _within(items: Iterator[ReadItem], size: int) -> Iterator[ReadItem]:
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
    with open_plain(path, shaping.encoding) as stream:
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
    _refuse_runs_inside_runs(path, objects, shaping)
    given = {**adapter.mapping, **shaping.map}
    if adapter.rows is not None:
        there = {field: said for field, said in given.items() if field in shaping.map or any(value is not None for value in getter(said)(objects))}
        beside = {field: said for field, said in guess(objects, there).items() if field in _BESIDE or field.startswith("label.")}
        if not shaping.guess:
            notes_off = ("not read, because guessing is off: " + _arguments(beside),) if beside else ()
            return replace(found, mapping=there, unmapped=_unread(objects, given, found), notes=notes_off)
        mapping = {**there, **beside}
        return replace(found, mapping=mapping, guessed=bool(beside), unmapped=_unread(objects, mapping, found))
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
    else:
        notes += _answer_notes(path, found, mapping, objects, named="output" in shaping.map)
    missing = _empty(shaping.map, found, objects)
    notes += [f"--map {field}={shaping.map[field]} finds nothing in the first {len(objects)} entries" for field in missing]
    return replace(
        found,
        mapping=mapping,
        guessed=shaping.guess and bool(guesses),
        unmapped=_unread(objects, mapping, found),
        notes=tuple(notes),
        empty=tuple(_empty(mapping, found, objects)),
    )


def _rates(field: str, found: Detected, objects: Sequence[Object]) -> bool:
    """Whether the numbers of a column of labels are ratings, and not thumbs alone."""
    values, rule = getter(found.mapping[field], found.columns)(objects), found.decimals.get(field)
    numbers = [number for value in values if (number := number_of(value if rule is None else read_number(value, rule))) is not None]
    return bool(numbers) and kind_of_labels(numbers) == "rating"


def _empty(mapping: Mapping[str, str], found: Detected, objects: Sequence[Object]) -> list[str]:
    """The mapped fields that no entry of the sample holds; none where there is no sample."""
    return [field for field, path in mapping.items() if objects and not any(value is not None for value in getter(path, found.columns)(objects))]


def _refuse_runs_inside_runs(path: str, objects: Sequence[Object], shaping: Shaping) -> None:
    """A chain and the call of a model inside it hold one answer. Raises: LogError, unless a person mapped parent_id and so knows of it."""
    for name in _PARENTS:
        ids = {one.get(key) for one in objects for key in ("id", "run_id", "span_id") if isinstance(one.get(key), str)}
        inside = sum(isinstance(one.get(name), str) and one[name] in ids for one in objects)
        if inside and "parent_id" not in shaping.map:
            raise LogError(
                f"{path} holds runs and the runs inside them ({inside} of {len(objects)} looked at lie inside another): one answer would count twice",
                hint=f"keep the outer runs: jq -c 'select(.{name} == null)' {path} > roots.jsonl; or --map parent_id={name} if each is an answer of its own",
            )


def _answer_notes(path: str, found: Detected, mapping: Mapping[str, str], objects: Sequence[Object], *, named: bool) -> list[str]:
    """What is said of answers that are objects or hold reasoning. Raises: LogError where nothing tells what the answer in them is."""
    if "output" not in mapping:
        return []
    field = mapping["output"]
    values = [value for value in getter(field, found.columns)(objects) if value is not None]
    kinds = [kind_of(value) for value in values]
    notes = []
    if not named and kinds and kinds.count("unknown") >= _UNKNOWN * len(kinds):
        keys = list(dict.fromkeys(str(key) for value in values if isinstance(value, dict) for key in value))[:8]
        inner = ", ".join(f"--map output={field}.{path}" for path in texts_in(values)[:3]) or f"--map output={field}.0"
        raise LogError(
            f"{path}: the answers in '{field}' are objects ({', '.join(keys) or 'lists'}), and nothing tells which part is the answer",
            hint=f"which is it? {inner} for a text inside; --map output={field} if the JSON itself is what the app answers",
        )
    if "wrapped" in kinds:
        notes.append(
            f"'{field}' holds objects or JSON around the answer in {kinds.count('wrapped')} of {len(kinds)} entries looked at: the text inside is read"
        )
    several = sum(answers_of(value) > 1 for value in values)
    if several:
        notes.append(f"{several} of {len(values)} entries looked at hold several answers in '{field}': the first of each is read")
    thinking = sum(isinstance(value, str) and split_reasoning(value)[0] is not None for value in values)
    if thinking:
        notes.append(
            f"{thinking} of {len(values)} answers looked at begin with the model's reasoning: it goes into `reasoning` and is not measured as the answer"
        )
    return notes


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


def _unread(objects: Sequence[Object], mapping: Mapping[str, str], found: Detected) -> tuple[str, ...]:
    return unmapped(objects, mapping.values(), found.columns)


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


def _with_signs(found: Detected, objects: Sequence[Object]) -> Detected:
    """`found` with the labels whose thumbs are partly words and partly -1, with a note: there a 0 is neutral, so that a word for down must be none."""
    signed, notes = [], []
    for field, said in found.mapping.items():
        values = getter(said, found.columns)(objects) if field.startswith("label.") else []
        words = {str(value) for value in values if in_words(value)}
        if words and any(number_of(value) == -1 for value in values):
            signed.append(field)
            shown = ", ".join(sorted(words)[:4])
            notes.append(f"'{said}' ({field}) holds thumbs in words ({shown}) beside -1: both words and numbers are read, up as 1 and down as -1; 0 is neutral")
    return replace(found, signed=tuple(signed), notes=(*found.notes, *notes)) if signed else found


def _with_decimals(path: str, found: Detected, objects: Sequence[Object], shaping: Shaping) -> Detected:
    """`found` with the decimal mark of each number column whose texts need one: from the whole file, with a note that says it."""
    if _makes_rows(found):
        return found
    decimals, notes = {}, []
    for field, said in found.mapping.items():
        get = getter(said, found.columns)
        values = get(objects) if field in NUMBER_COLUMNS or field.startswith(("score.", "label.")) else []
        if not needs_rule(values, field):
            continue
        every = (value for one in _all_objects(path, found, shaping) for value in get([one]))
        rule = rule_of(every, field, semicolons=found.delimiter == ";")
        notes.append(_told_decimals(f"'{said}' ({field})", rule, values, otherwise="they stay texts" if field.startswith("label.") else "they are not read"))
        if rule[0] not in "?!" or not field.startswith("label."):
            decimals[field] = rule
    return replace(found, decimals=decimals, notes=(*found.notes, *notes)) if notes else found


def _told_decimals(column: str, rule: str, values: Sequence[object], *, otherwise: str) -> str:
    """How a column of written numbers is read, by an example that shows it."""
    texts = [value for value in values if isinstance(value, str) and written(value)]
    first = next((text for text in texts if not is_plain(text)), texts[0])
    read = read_number(first, rule)
    if isinstance(read, float):
        return f"{column} holds numbers as {first!r}: read as {read:.15g}, for '{rule[0]}' is the decimal mark of the whole column"
    why = "its numbers are of several kinds or currencies" if rule == "!" else "the whole column does not tell its decimal mark"
    return f"{column} holds numbers as {first!r}, and {why if rule in '!?' else 'most of the column is written in another way'}: {otherwise}"


def _makes_rows(found: Detected) -> bool:
    adapter = adapters().get(found.format)
    return adapter is not None and adapter.rows is not None


def _all_objects(path: str, found: Detected, shaping: Shaping) -> Iterator[Object]:
    if found.container == "parquet":
        yield from (value for _, value, _ in parquet_rows(path, Position()) if isinstance(value, dict))
        return
    with open_plain(path, shaping.encoding) as stream:
        yield from (value for _, value, _ in items_of(stream, found, Position(), shaping) if isinstance(value, dict))
