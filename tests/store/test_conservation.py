"""The conservation law under any history of logs and runs: every line has one state, every record every metric once.

The oracle is plain Python over the bytes of the files, and at the end of a history a store that saw nothing else.
"""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from pathlib import Path

import hypothesis.strategies as st
import pytest
from harness import rows_of, score
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from judgecli.errors import MissingColumn, NoRecords
from judgecli.store import tables, upkeep
from judgecli.store.folder import Store

FILES = ("a.jsonl", "b.jsonl.gz", "c.jsonl")
MAPPINGS = ({"input": "q", "output": "one", "session": "who"}, {"input": "q", "output": "two", "session": "who"})
SESSIONS = ("ann", "bob", None)
METRICS = {"words": lambda text: float(len(text.split())), "characters": lambda text: float(len(text)), "empty": lambda text: float(not text.strip())}


def refuse(name: str) -> float:
    """JSON has no NaN."""
    raise ValueError(name)


def record(number: int) -> bytes:
    """A line that says much from its number: some lack one text, some repeat another's."""
    one = None if number % 5 == 4 else "word " * (number % 4)
    two = None if number % 7 == 6 else "x" * (number % 3)
    return json.dumps({"n": number, "q": f"question {number % 6}", "one": one, "two": two, "who": SESSIONS[number % 3]}).encode()


GOOD = st.integers(0, 14).map(record)
BAD = st.sampled_from([b'{"n": 1,', b'{"q": NaN}', b'{"n": 3}', b'{"q": "\xff"}', b""])
LINES = st.lists(st.one_of(GOOD, GOOD, GOOD, BAD), min_size=1, max_size=6)
CUTS = st.one_of(st.none(), st.none(), st.floats(0.05, 0.99))


class Oracle:
    """What a run must say, from the bytes of its files alone."""

    def __init__(self, contents: list[bytes], mapping: dict[str, str], forgotten: set[bytes], *, keep_duplicates: bool) -> None:
        self.lines = self.bad = self.partial = self.duplicate = self.forgotten = 0
        self.records: dict[bytes, dict] = {}
        self.keys: set[bytes] = set()
        for content in contents:
            seen: set[bytes] = set()
            *whole, last = content.split(b"\n")
            for line in [*whole, last]:
                if line.strip():
                    self._line(line, mapping, forgotten, seen if keep_duplicates else None, cut=line is last)

    def _line(self, line: bytes, mapping: dict[str, str], forgotten: set[bytes], seen: set[bytes] | None, *, cut: bool) -> None:
        self.lines += 1
        try:
            found = json.loads(line, parse_constant=refuse)
        except ValueError:
            found = None
            self.partial += cut
        if not isinstance(found, dict) or (found.get(mapping["input"]) is None and found.get(mapping["output"]) is None):
            self.bad += 1
            return
        key = plain = hashlib.blake2b(line, digest_size=16).digest()
        repeat = 0
        while seen is not None and key in seen:
            repeat += 1
            key = hashlib.blake2b(plain + repeat.to_bytes(8, "big"), digest_size=16).digest()
        if seen is not None:
            seen.add(key)
        self.keys.add(key)
        if key in forgotten:
            self.forgotten += 1
        elif key in self.records:
            self.duplicate += 1
        else:
            self.records[key] = {"session": found[mapping["session"]], "output": found[mapping["output"]]}

    def rows(self, metrics: list[str]) -> dict[str, tuple]:
        return {
            key.hex(): (
                record["session"],
                *((METRICS[name](record["output"]), None) if record["output"] is not None else (None, "input_missing_field") for name in metrics),
            )
            for key, record in self.records.items()
        }


def plain_rows(result, metrics: list[str]) -> dict[str, tuple]:
    rows = rows_of(result)
    found = {row["key"]: (row["session"], *((row[name], row[f"{name}.reason"]) for name in metrics)) for row in rows}
    assert len(found) == len(rows)
    return found


class Histories(RuleBasedStateMachine):
    """Log files that live, and runs over them."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="judge-conservation-"))
        self.store = self.root / ".judge"
        self.lines: dict[str, list[bytes]] = {}
        self.cut: dict[str, float | None] = {}
        self.clock = 1
        self.stored: dict[bytes, str | None] = {}
        self.forgotten: set[bytes] = set()
        self.last_run: tuple | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize(lines=st.tuples(LINES, LINES, LINES))
    def begin(self, lines):
        for name, own in zip(FILES, lines, strict=True):
            self.write(name, [record(0), *own])

    def write(self, name: str, lines: list[bytes], cut: float | None = None) -> None:
        self.lines[name], self.cut[name], self.last_run = lines, cut, None
        content = b"".join(line + b"\n" for line in lines)
        content = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        if cut is not None:
            content = content[: max(20 if name.endswith(".gz") else 1, int(len(content) * cut))]
        path = self.root / name
        path.write_bytes(content)
        self.clock += 1
        os.utime(path, ns=(self.clock * 10**9, self.clock * 10**9))

    def plain(self, name: str) -> bytes:
        content = (self.root / name).read_bytes()
        return zlib.decompressobj(wbits=31).decompress(content) if name.endswith(".gz") else content

    @rule(name=st.sampled_from(FILES), lines=LINES)
    def append(self, name, lines):
        self.write(name, [*self.lines[name], *lines])

    @rule(name=st.sampled_from(FILES), lines=LINES, first=GOOD)
    def rewrite(self, name, lines, first):
        self.write(name, [first, *lines])

    @rule(name=st.sampled_from(FILES), cut=CUTS)
    def truncate(self, name, cut):
        self.write(name, self.lines[name], cut)

    @rule(name=st.sampled_from(FILES), other=st.sampled_from(FILES))
    def duplicate(self, name, other):
        self.write(name, (self.lines[name] + self.lines[other])[:40])

    @rule(name=st.sampled_from(FILES), number=st.integers(20, 30))
    def repair(self, name, number):
        self.write(name, [line if line.endswith(b"}") and b"NaN" not in line and line != b'{"n": 3}' else record(number) for line in self.lines[name]])

    @rule(lines=LINES)
    def rotate(self, lines):
        self.write("b.jsonl.gz", self.lines["a.jsonl"], self.cut["a.jsonl"])
        self.write("a.jsonl", lines)

    @rule(
        names=st.lists(st.sampled_from(FILES), min_size=1, max_size=3, unique=True),
        metrics=st.lists(st.sampled_from(sorted(METRICS)), min_size=1, max_size=3, unique=True),
        mapping=st.sampled_from(MAPPINGS),
        keep_duplicates=st.sampled_from([False, False, False, True]),
    )
    def run(self, names, metrics, mapping, keep_duplicates):
        if not all(self.plain(name).strip() for name in names):
            return  # a file that holds nothing at all is an error of the command, tested elsewhere
        contents = [self.plain(name) for name in names]
        oracle = Oracle(contents, mapping, self.forgotten, keep_duplicates=keep_duplicates)
        everything = Oracle(contents, mapping, set(), keep_duplicates=keep_duplicates)
        self.stored |= {key: record["session"] for key, record in everything.records.items() if key not in self.forgotten}
        self.last_run = None
        try:
            result = score(self.store, [self.root / name for name in names], metrics, map=mapping, keep_duplicates=keep_duplicates)
        except NoRecords:
            assert not oracle.records
        except MissingColumn:
            assert not any(record["output"] is not None for record in oracle.records.values())
        else:
            self.compare(result, oracle, metrics)
            self.last_run = (names, metrics, mapping, keep_duplicates)
        with Store(self.store) as store:
            assert upkeep.verify(store)["problems"] == []
            held = {key for shard in store.shards() for key in tables.read_parquet(store.records_path(shard.name), ["key"]).column("key").to_pylist()}
        # What a file written anew no longer holds leaves the store; all that the logs of this run hold is there, and nothing that never was.
        assert held <= self.stored.keys()
        if self.last_run is not None:
            assert held >= oracle.records.keys()
        self.stored = {key: own for key, own in self.stored.items() if key in held}

    def compare(self, result, oracle: Oracle, metrics: list[str]) -> None:
        counts = result.counts
        assert counts.lines == counts.accepted + counts.quarantined + counts.duplicate + counts.forgotten
        assert (counts.lines, counts.accepted, counts.quarantined, counts.duplicate, counts.forgotten) == (
            oracle.lines,
            len(oracle.records),
            oracle.bad,
            oracle.duplicate,
            oracle.forgotten,
        )
        assert [summary.cells for summary in result.summaries] == [counts.accepted] * len(metrics)
        assert plain_rows(result, metrics) == oracle.rows(metrics)

    @precondition(lambda self: self.last_run is not None)
    @rule()
    def compare_with_fresh_store(self):
        names, metrics, mapping, keep_duplicates = self.last_run
        logs = [self.root / name for name in names]
        unchanged = score(self.store, logs, metrics, map=mapping, keep_duplicates=keep_duplicates)
        fresh = score(Path(tempfile.mkdtemp(dir=self.root)) / ".judge", logs, metrics, map=mapping, keep_duplicates=keep_duplicates)
        forgotten = {key.hex() for key in self.forgotten}
        assert plain_rows(unchanged, metrics) == {key: row for key, row in plain_rows(fresh, metrics).items() if key not in forgotten}
        assert unchanged.new_records == 0
        assert unchanged.counts.lines == fresh.counts.lines

    @rule(session=st.sampled_from(SESSIONS[:2]))
    def forget(self, session):
        chosen = {key for key, own in self.stored.items() if own == session}
        with Store(self.store) as store:
            assert upkeep.forget(store, f"session = '{session}'")["forgotten"] == len(chosen)
            assert upkeep.verify(store)["problems"] == []
        self.forgotten |= chosen
        self.stored = {key: own for key, own in self.stored.items() if key not in chosen}
        self.last_run = None

    @rule()
    def compact(self):
        with Store(self.store) as store:
            upkeep.compact(store)
            report = upkeep.verify(store)
        assert (report["problems"], report["orphans"]) == ([], 0)
        assert report["records"] == len(self.stored)


def run_histories(count: int, steps: int) -> None:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=count, stateful_step_count=steps, deadline=None, derandomize=True, suppress_health_check=quiet, database=None, phases=[Phase.generate]
    )
    run_state_machine_as_test(Histories, settings=chosen)


def test_a_hundred_histories():
    run_histories(100, 14)


@pytest.mark.long
def test_five_thousand_histories():
    run_histories(5000, 24)
