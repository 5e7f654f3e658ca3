"""Judges under faults, end to end: the real command, a real server, the cells of the store (promises E1, E2 small, E6, E7, J5, S10)."""

import asyncio
import base64
import csv
import gzip
import json
import re
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
import zstandard
from judge_server import serving
from promise_runs import Run, check_quiet, check_whole, command, finish, run_here, start

from judgecli.catalog import load_rubric
from judgecli.judge.judge import Judge
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Reply, Request
from judgecli.pipeline.sentinels import ask_sentinels
from judgecli.schema import REASONS
from judgecli.scorer import Score
from judgecli.serve.completions import completion
from judgecli.serve.fake_judge import FakeSettings
from judgecli.serve.personalities import PERSONALITIES, read_prompt
from judgecli.serve.wire import Response, WireRequest, error_response

METRIC = "rubric.helpfulness"
CANARY = "sk-canary/4f81c2+d07be9=="
NUMBER = re.compile(rb"record (\d+) of the log")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "JUDGE_MODEL", "JUDGE_BASE_URL", "JUDGE_API_KEY", "OPENAI_API_KEY", "JUDGE_PRICES", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def write_log(folder: Path, records: int) -> None:
    rows = [
        {"id": f"r{n}", "input": f"How is dish {n} made?", "output": f"This is record {n} of the log. Boil the rice, then drain it."} for n in range(records)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def words(url: str, *more: str, store: str = ".judge") -> list[str]:
    judge = ["--judge-model", "fake", "--base-url", url, "--sentinels", "off"]
    return ["score", "log.jsonl", "-s", "rubric:helpfulness", *judge, "--store", store, "--workers", "1", *more]


def cells(folder: Path, found: Run) -> dict[int, float | str]:
    """Record -> its score, or the reason why it has none, from the rows that the run wrote."""
    check_quiet(found)
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all((row[METRIC] == "") != (row[f"{METRIC}.reason"] == "") for row in rows), "a cell is scored or has a reason"
    return {int(row["id"][1:]): float(row[METRIC]) if row[METRIC] else row[f"{METRIC}.reason"] for row in rows}


# E1 -----------------------------------------------------------------------------------------------


def body(content: object, finish: object = "stop", **message: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return json.dumps({"model": "fake", "choices": [choice], "usage": {"prompt_tokens": 90, "completion_tokens": 9}}).encode()


def verdict(score: object, why: str = "because") -> str:
    return json.dumps({"explanation": why, "score": score})


def says(content: object, finish: object = "stop", **message: object) -> Response:
    return Response(body=body(content, finish, **message))


def cut(data: bytes, keep: int) -> Response:
    return Response(raw=b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data) + data[:keep], close=True)


GOOD = verdict(4)
TOOL = [{"id": "1", "type": "function", "function": {"name": "verdict", "arguments": GOOD}}]
SENT: dict[str, tuple[Callable[[], Response], float | str]] = {
    # a number comes of these
    "plain": (lambda: says(GOOD), 4.0),
    "lowest": (lambda: says(verdict(1)), 1.0),
    "highest": (lambda: says(verdict(5)), 5.0),
    "number as text": (lambda: says(verdict("4")), 4.0),
    "whole float": (lambda: says('{"explanation": "x", "score": 4.0}'), 4.0),
    "no explanation": (lambda: says('{"score": 2}'), 2.0),
    "fence": (lambda: says(f"```json\n{GOOD}\n```"), 4.0),
    "reasoning before": (lambda: says(f"<think>maybe 2, maybe 3</think>\n{GOOD}"), 4.0),
    "words before": (lambda: says(f"Here it is.\n{GOOD}"), 4.0),
    "unknown finish": (lambda: says(GOOD, "eos_reached"), 4.0),
    "no finish": (lambda: says(GOOD, None), 4.0),
    "content parts": (lambda: says([{"type": "text", "text": GOOD}]), 4.0),
    "gzip": (lambda: Response(body=gzip.compress(body(GOOD)), headers={"content-encoding": "gzip"}), 4.0),
    "no content type": (lambda: Response(body=body(GOOD), headers={"content-type": ""}), 4.0),
    "wrong charset named": (lambda: Response(body=body(GOOD), headers={"content-type": "application/json; charset=latin-1"}), 4.0),
    "status 201": (lambda: Response(201, body(GOOD)), 4.0),
    # a reply that is no verdict
    "empty body": (lambda: Response(body=b""), "judge_parse"),
    "blank body": (lambda: Response(body=b" \n"), "judge_parse"),
    "half JSON": (lambda: Response(body=body(GOOD)[:50]), "judge_parse"),
    "JSON list": (lambda: Response(body=b"[4]"), "judge_parse"),
    "JSON number": (lambda: Response(body=b"4"), "judge_parse"),
    "no choices": (lambda: Response(body=b'{"choices": []}'), "judge_parse"),
    "no message": (lambda: Response(body=b'{"choices": [{"text": "4"}]}'), "judge_parse"),
    "login page": (lambda: Response(body=b"<html>4</html>", headers={"content-type": "text/html"}), "judge_parse"),
    "event stream cut": (lambda: Response(body=b'data: {"choices": [{"delta": {"content": "4"}}]}\n\ndata: [DO'), "judge_parse"),
    "UTF-16": (lambda: Response(body=body(GOOD).decode().encode("utf-16")), "judge_parse"),
    "null content": (lambda: says(None), "judge_parse"),
    "empty content": (lambda: says(""), "judge_parse"),
    "content is a number": (lambda: says(4), "judge_parse"),
    "content is an object": (lambda: says({"score": 4}), "judge_parse"),
    "prose": (lambda: says("A good answer."), "judge_parse"),
    "bare number": (lambda: says("4"), "judge_parse"),
    "nine of ten": (lambda: says(verdict("9/10")), "judge_parse"),
    "another scale": (lambda: says(verdict(0.8)), "judge_parse"),
    "too high": (lambda: says(verdict(6)), "judge_parse"),
    "zero": (lambda: says(verdict(0)), "judge_parse"),
    "negative": (lambda: says(verdict(-4)), "judge_parse"),
    "half a point": (lambda: says(verdict(3.5)), "judge_parse"),
    "percent": (lambda: says(verdict("80%")), "judge_parse"),
    "word": (lambda: says(verdict("four")), "judge_parse"),
    "true": (lambda: says(verdict(True)), "judge_parse"),
    "NaN": (lambda: says('{"explanation": "x", "score": NaN}'), "judge_parse"),
    "1e999": (lambda: says('{"explanation": "x", "score": 1e999}'), "judge_parse"),
    "list": (lambda: says(verdict([4])), "judge_parse"),
    "other key": (lambda: says('{"explanation": "x", "rating": 4}'), "judge_parse"),
    "one key more": (lambda: says('{"explanation": "x", "score": 4, "sure": true}'), "judge_parse"),
    "score twice": (lambda: says('{"explanation": "x", "score": 4, "score": 2}'), "judge_parse"),
    "two verdicts": (lambda: says(f"{GOOD}\n{verdict(2)}"), "judge_parse"),
    "words and object differ": (lambda: says(f"Score: 2\n{GOOD}"), "judge_parse"),
    "inside the reasoning": (lambda: says(f"<think>{GOOD}</think>"), "judge_parse"),
    "reasoning without end": (lambda: says(f"<think>{GOOD}"), "judge_parse"),
    "single quotes": (lambda: says("{'explanation': 'x', 'score': 4}"), "judge_parse"),
    "tool call unasked": (lambda: says(None, "tool_calls", tool_calls=TOOL), "judge_parse"),
    "10 MB": (lambda: says(verdict(4, "x" * 10_000_000)), "judge_parse"),
    # cut, refused, filtered
    "cut": (lambda: says(GOOD, "length"), "judge_truncated"),
    "cut inside": (lambda: says('{"explanation": "x", "sc', "length"), "judge_truncated"),
    "filtered": (lambda: says(GOOD, "content_filter"), "content_filter"),
    "refusal field": (lambda: says(None, refusal="I can't help with that."), "judge_refused"),
    "refusal in words": (lambda: says("I'm sorry, but I can't assist with that."), "judge_refused"),
    "cannot be judged": (lambda: says(verdict(None)), "judge_refused"),
    # no reply
    "gzip cut": (lambda: Response(body=gzip.compress(body(GOOD))[:-12], headers={"content-encoding": "gzip"}), "connection"),
    "body cut": (lambda: cut(body(GOOD), 30), "connection"),
    "reset": (lambda: Response(raw=b"", close=True), "connection"),
    "502 page": (lambda: Response(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), "connection"),
    "500": (lambda: error_response(500, "server_error", "boom"), "connection"),
    "429 for an hour": (lambda: Response(429, b"{}", {"retry-after": "3600"}), "rate_limited"),
    "400": (lambda: error_response(400, "context_length_exceeded", "too long"), "bad_request"),
    "400 policy": (lambda: error_response(400, "content_filter", "policy"), "content_filter"),
}


def scripted(responses: list[Callable[[], Response]]) -> Callable[[WireRequest], Response | None]:
    """The response of each record, the same at every attempt."""

    def answer(asked: WireRequest) -> Response | None:
        found = NUMBER.search(asked.body)
        return responses[int(found[1])]() if found else None

    return answer


def test_every_reply_ends_as_the_cell_that_it_should(tmp_path, capsys):
    """E1: each reply stands for ever for one record; between the records that fail others succeed, as in any run."""
    assert len(SENT) >= 60
    names = list(SENT)
    write_log(tmp_path, 2 * len(names) + 1)
    responses: list[Callable[[], Response]] = [lambda: says(verdict(3))]
    for name in names:
        responses += [SENT[name][0], lambda: says(verdict(3))]
    with serving(script=scripted(responses)) as server:
        found = run_here(words(server.url, "--concurrency", "4", "-o", "rows.csv"), tmp_path, capsys)
        asked = max(server.by_key.values())
    states = cells(tmp_path, found)
    assert found.code == 3
    assert {name: states[2 * place + 1] for place, name in enumerate(names)} == {name: state for name, (_, state) in SENT.items()}
    assert {states[place] for place in range(0, 2 * len(names) + 1, 2)} == {3.0}
    assert asked <= 5
    check_whole(tmp_path / ".judge")


# E2, small ------------------------------------------------------------------------------------------


def test_faults_leave_every_record_scored_or_named_and_change_no_number(tmp_path, capsys):
    """5 % 429, 2 % 500 and 2 % malformed replies over 1,000 records."""
    write_log(tmp_path, 1000)
    with serving() as server:
        clean = cells(tmp_path, run_here(words(server.url, "-o", "rows.csv", store="clean"), tmp_path, capsys))
    with serving(FakeSettings(faults={"429": 0.05, "500": 0.02, "malformed": 0.02}, retry_after="0.2", seed=7)) as server:
        found = run_here(words(server.url, "-o", "rows.csv", "--json", store="faulty"), tmp_path, capsys)
        seen, most = dict(server.by_fault), max(server.by_key.values())
        assert server.early == 0
    states = cells(tmp_path, found)
    assert set(seen) == {"429", "500", "malformed"}
    assert min(seen.values()) >= 10
    assert len(states) == len(clean) == 1000
    scored = {record: state for record, state in states.items() if isinstance(state, float)}
    assert all(clean[record] == state for record, state in scored.items())
    assert all(state in REASONS for record, state in states.items() if record not in scored)
    assert len(scored) >= 995
    assert most <= 5
    document = json.loads(found.out)["metrics"][METRIC]
    assert document["scored"] + sum(document["unscored"].values()) + document["pending"] == 1000
    check_whole(tmp_path / "faulty")


# E6, E7 ---------------------------------------------------------------------------------------------


def told(found: Run) -> list[str]:
    return [line for line in found.err.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("status", "code", "says_what"), [(401, "invalid_api_key", "JUDGE_API_KEY"), (403, "forbidden", "key"), (404, "model_not_found", "--judge-model")]
)
def test_a_key_or_model_that_is_refused_ends_the_run_at_once(tmp_path, capsys, monkeypatch, status, code, says_what):
    monkeypatch.setenv("JUDGE_API_KEY", CANARY)
    write_log(tmp_path, 200)
    with serving(script=lambda _: error_response(status, code, "no")) as server:
        found = run_here(words(server.url, "--concurrency", "8", "--quiet"), tmp_path, capsys)
        assert server.requests <= 10
    check_quiet(found)
    assert found.code == 4
    assert len(told(found)) <= 5
    assert says_what in found.err
    assert CANARY not in found.err + found.out


def test_a_dead_endpoint_ends_the_run_and_the_next_one_goes_on(tmp_path, capsys):
    write_log(tmp_path, 50)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = run_here(words(f"http://127.0.0.1:{port}/v1", "--quiet"), tmp_path, capsys)
    check_quiet(found)
    assert found.code == 4
    assert len(told(found)) <= 5
    assert str(port) in found.err
    with serving() as server:
        again = run_here(words(server.url, "-o", "rows.csv"), tmp_path, capsys)
    assert again.code == 0
    assert all(isinstance(state, float) for state in cells(tmp_path, again).values())


def test_an_endless_500_is_asked_at_most_five_times_a_record(tmp_path, capsys):
    """One record in four fails for ever; the rest of the run ends, and the next run asks for those alone."""
    write_log(tmp_path, 40)

    def answer(asked: WireRequest) -> Response | None:
        found = NUMBER.search(asked.body)
        return error_response(500, "server_error", "boom") if found and int(found[1]) % 4 == 3 else None

    with serving(script=answer) as server:
        found = run_here(words(server.url, "--concurrency", "4", "-o", "rows.csv"), tmp_path, capsys)
        assert max(server.by_key.values()) <= 5
        assert server.requests <= 30 + 5 * 10
    states = cells(tmp_path, found)
    assert found.code == 3
    assert [record for record, state in states.items() if state == "connection"] == list(range(3, 40, 4))
    assert sum(isinstance(state, float) for state in states.values()) == 30
    with serving() as server:
        again = run_here(words(server.url, "-o", "rows.csv"), tmp_path, capsys)
        assert server.requests == 10
    assert again.code == 0


# J5 -------------------------------------------------------------------------------------------------


def sentinel_run(personality: str, seed: int, count: int = 20) -> tuple[bool, int, int]:
    """The sentinels of one run: alarm, passed, asked."""
    rubric = load_rubric("helpfulness")
    judge = Judge(rubric, ("fake",), {}, secret=b"s" * 32)
    rows = [{"input": f"question {seed} {n}", "output": f"a sound answer number {n} of run {seed}"} for n in range(count)]

    async def ask(request: Request) -> Reply:
        sent = {"messages": list(request.messages), "response_format": {"type": "json_schema", "json_schema": {"schema": request.schema}}}
        content = PERSONALITIES[personality](read_prompt(sent), sent)
        return read_reply(json.dumps(completion(sent, content, "fake", None)).encode(), "json_schema")

    async def score(row: object) -> Score:
        return await judge.score(row, ask)  # type: ignore[arg-type]

    report = asyncio.run(ask_sentinels(rubric, rows, count, score))
    return report.alarm, report.passed, report.asked


def test_a_gullible_judge_raises_the_alarm_in_every_run():
    assert all(alarm and asked == 20 for alarm, _, asked in (sentinel_run("gullible", seed) for seed in range(100)))


def test_an_honest_judge_raises_none_in_200_runs():
    runs = [sentinel_run("honest", seed) for seed in range(200)]
    assert [run for run in runs if run[0]] == []
    assert all(asked == 20 for _, _, asked in runs)


# S10 ------------------------------------------------------------------------------------------------


def spellings(secret: str) -> list[bytes]:
    """The secret plain, as it stands in a URL, in JSON with escapes, and in base64 at each of its three offsets."""
    shifted = [base64.b64encode(b"\0" * shift + secret.encode()).decode()[4 if shift else 0 : -4] for shift in range(3)]
    return [text.encode() for text in {secret, quote(secret), quote(secret, safe=""), secret.replace("/", "\\/"), *shifted}]


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything under a folder, as it lies there and unpacked: files, columns of tables, replies of the ledger."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            yield f"{path} (columns)", repr(pq.read_table(path, partitioning=None).to_pylist()).encode() + repr(pq.read_metadata(path).metadata).encode()
        if path.suffix == ".db":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                bodies = connection.execute("SELECT body FROM replies").fetchall()
                yield f"{path} (dump)", "\n".join(connection.iterdump()).encode("utf-8", "backslashreplace")
            connection.close()
            yield f"{path} (replies)", b"\n".join(zstandard.ZstdDecompressor().decompress(found[0]) for found in bodies)


def test_a_key_stands_in_no_byte_that_is_written(tmp_path, monkeypatch):
    """A canary as key; a server that repeats it in replies and errors; every command that writes; the process list."""
    monkeypatch.setenv("JUDGE_API_KEY", CANARY)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    write_log(tmp_path, 40)
    arrived = []

    def answer(asked: WireRequest) -> Response | None:
        arrived.append(asked.headers.get("authorization"))
        found = NUMBER.search(asked.body)
        number = int(found[1]) if found else 0
        if number % 5 == 1:
            return says(verdict(4, f"your key is {CANARY}"))
        if number % 5 == 2:
            return error_response(400, "invalid_request_error", f"Bearer {CANARY} may not do this")
        return Response(500, f"upstream said no to {quote(CANARY, safe='')}".encode()) if number % 5 == 3 else None

    output: list[bytes] = []
    with serving(script=answer) as server:
        process = start([*words(server.url, "--concurrency", "2", "-o", "rows.csv"), "--json"], tmp_path)
        listed = []
        while process.poll() is None:
            listed.append(Path(f"/proc/{process.pid}/cmdline").read_bytes() if Path(f"/proc/{process.pid}/cmdline").exists() else b"")
            time.sleep(0.05)
        run = finish(process)
        output += [run.out.encode(), run.err.encode(), *listed]
        more = [
            ["replies", "export", "replies.jsonl"],
            ["score", "log.jsonl", "-s", "rubric:helpfulness", "--judge-model", "fake", "--base-url", f"http://user:{quote(CANARY, safe='')}@127.0.0.1:9/v1"],
            ["rubric", "audit", "helpfulness", "log.jsonl", "--judge-model", "fake", "--base-url", server.url, "-n", "5", "--json"],
            ["score", "log.jsonl", "-s", "rubric:helpfulness", "--judge-model", "fake", "--base-url", server.url.replace("/v1", "/${JUDGE_API_KEY}/v1")],
            ["report", "-o", "report.html"],
            ["store", "info", "--json"],
        ]
        for line in more:
            done = subprocess.run(command(line), cwd=tmp_path, capture_output=True, check=False)
            assert b"Traceback" not in done.stderr
            output += [done.stdout, done.stderr]
    check_quiet(run)
    assert set(arrived) >= {f"Bearer {CANARY}"}, "the key was sent, and could have been written"
    assert (tmp_path / "rows.csv").exists()
    assert (tmp_path / "replies.jsonl").stat().st_size > 1000
    places = [*written(tmp_path), *((f"output {place}", text) for place, text in enumerate(output))]
    hits = [(where, form.decode()) for where, content in places for form in spellings(CANARY) if form in content]
    assert hits == []
    assert (tmp_path / ".judge" / "ledger.db").stat().st_mode & 0o077 == 0
