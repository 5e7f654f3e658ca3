#!/usr/bin/env python3
"""Judge calls a second and CPU a call, ours beside bare clients: `python benchmarks/judge_calls.py [--records N] [--quick]`.

    judge score   the real command, rubric, ledger and score files included; start-up is measured on 64 records and taken off
    ask           our endpoint alone: capture, send, retry layer, limiter, ladder
    aiohttp       one session, a semaphore, orjson: nothing else
    openai        the SDK called once a record under a semaphore

Settings: 100 ms and 64 in flight (the ideal is 640 calls a second), 256 in flight, 0 ms with both, and TLS. Each row tells
the load of the machine (runnable processes, last minute); `--repeat N` shows of N measurements the quickest. The
server is a mock on loopback: the one of a bench folder beside the project where there is one
(`--mock FILE --server-python PYTHON`, it needs uvloop and httptools), else `judge dev fake-judge`, which
is slower; TLS is always the latter. Other tools are measured where `--peers DIR --venvs DIR` hold their
scripts and environments. CPU is user + system of the client process; take ratios from one run.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
BENCH = ROOT.parent / "shared" / "bench"
START = 64  # records of the run that is taken off
KEY = {"OPENAI_API_KEY": "sk-bench"}
RUBRIC = "helpfulness"


@dataclass(frozen=True)
class Setting:
    """How long the server takes, how many calls are under way, whether by TLS."""

    latency_ms: int
    in_flight: int
    tls: bool = False

    @property
    def name(self) -> str:
        return f"{self.latency_ms} ms, {self.in_flight} in flight{', TLS' if self.tls else ''}"


SETTINGS = (Setting(100, 64), Setting(100, 256), Setting(0, 64), Setting(0, 256), Setting(100, 64, tls=True))


def write_log(path: Path, records: int) -> Path:
    """Question and answer of about 1 kB, all different."""
    text = "The answer is long enough to look like one of an assistant, and it says nothing that matters. " * 10
    lines = (json.dumps({"id": str(n), "question": f"[{n}] What should I cook tonight?", "answer": f"{n} {text}"}) for n in range(records))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# Servers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(setting: Setting, arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """A server of one setting, and its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if arguments.mock and not setting.tls:
        words = [arguments.server_python, str(arguments.mock), "--port", str(port), "--latency-ms", str(setting.latency_ms)]
    else:
        words = [sys.executable, "-m", "judgecli", "dev", "fake-judge", "--port", str(port), "--latency-ms", str(setting.latency_ms)]
        words += ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")] if setting.tls else []
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                break
            time.sleep(0.05)
        yield f"{'https://localhost' if setting.tls else 'http://127.0.0.1'}:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def make_certificate(folder: Path) -> bool:
    """A certificate for localhost that its own file vouches for; False where openssl is missing."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return False
    words = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    done = subprocess.run([*words, "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")], capture_output=True, check=False)
    return done.returncode == 0


# Clients: each runs in a process of its own ---------------------------------------------------------


def cpu() -> float:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def messages(number: int) -> list[dict[str, str]]:
    text = "The answer is long enough to look like one of an assistant, and it says nothing that matters. " * 10
    return [{"role": "system", "content": "Judge the answer from 1 to 5. " * 60}, {"role": "user", "content": f"[{number}] {text}"}]


SCHEMA = {
    "type": "object",
    "properties": {"explanation": {"type": "string"}, "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
    "required": ["explanation", "score"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA, "strict": True}}

Call = Callable[[int], Awaitable[object]]


@contextlib.asynccontextmanager
async def ask_call(url: str, in_flight: int) -> AsyncIterator[Call]:
    from judgecli.endpoint.ask import open_ask
    from judgecli.endpoint.settings import EndpointSettings
    from judgecli.judge.request import Request

    async with open_ask(EndpointSettings(base_url=url, concurrency=in_flight)) as ask:
        yield lambda number: ask(Request(tuple(messages(number)), SCHEMA, {"model": "mock"}, 0, number.to_bytes(32, "big")))


@contextlib.asynccontextmanager
async def openai_call(url: str, in_flight: int) -> AsyncIterator[Call]:  # noqa: ARG001
    import openai

    async with openai.AsyncOpenAI(base_url=url, max_retries=2) as client:
        yield lambda number: client.chat.completions.create(model="mock", messages=messages(number), response_format=FORMAT)


@contextlib.asynccontextmanager
async def aiohttp_call(url: str, in_flight: int) -> AsyncIterator[Call]:
    import aiohttp
    import orjson

    tls = ssl.create_default_context() if url.startswith("https") else True
    headers = {"authorization": "Bearer sk-bench", "content-type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=in_flight, ssl=tls)) as session:

        async def call(number: int) -> object:
            body = orjson.dumps({"model": "mock", "messages": messages(number), "response_format": FORMAT})
            async with session.post(f"{url}/chat/completions", data=body) as reply:
                return orjson.loads(orjson.loads(await reply.read())["choices"][0]["message"]["content"])

        yield call


CLIENTS = {"ask": ask_call, "aiohttp": aiohttp_call, "openai": openai_call}


async def work(name: str, url: str, in_flight: int, records: int) -> dict[str, float]:
    """Ask `records` times; seconds of wall and CPU without start-up and the first call."""
    async with CLIENTS[name](url, in_flight) as call:
        await call(10**6)
        todo = iter(range(records))

        async def run() -> None:
            for number in todo:
                await call(number)

        wall, used = time.perf_counter(), cpu()
        await asyncio.gather(*(run() for _ in range(in_flight)))
        return {"wall_s": time.perf_counter() - wall, "cpu_s": cpu() - used}


# The table --------------------------------------------------------------------------------------


def children() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def score_run(log: Path, url: str, in_flight: int, store: Path, environment: dict[str, str]) -> tuple[float, float, int]:
    """Wall, CPU and scored records of one `judge score`."""
    words = [sys.executable, "-m", "judgecli", "score", str(log), "-s", f"rubric:{RUBRIC}", "--judge-model", "mock", "--base-url", url]
    words += ["--concurrency", str(in_flight), "--sentinels", "off", "--store", str(store), "--workers", "1", "--json", "--quiet"]
    wall, used = time.perf_counter(), children()
    done = subprocess.run(words, cwd=store.parent, env=environment, capture_output=True, text=True, check=False)
    wall, used = time.perf_counter() - wall, children() - used
    if done.returncode != 0:
        sys.exit(f"judge score ended with {done.returncode}: {done.stderr[-800:]}")
    return wall, used, json.loads(done.stdout)["metrics"][f"rubric.{RUBRIC}"]["scored"]


def measure_score(folder: Path, url: str, setting: Setting, records: int, environment: dict[str, str]) -> dict[str, float]:
    """The command over `records`, less the quicker of two runs over START records."""
    log = write_log(folder / "small.jsonl", START)
    starts = [score_run(log, url, setting.in_flight, folder / f"a{time.monotonic_ns()}", environment) for _ in range(2)]
    small = [min(found[part] for found in starts) for part in range(2)]
    large = score_run(write_log(folder / "large.jsonl", records + START), url, setting.in_flight, folder / f"b{time.monotonic_ns()}", environment)
    assert large[2] == records + START, large
    return {"wall_s": large[0] - small[0], "cpu_s": large[1] - small[1]}


def measure_client(name: str, url: str, setting: Setting, records: int, environment: dict[str, str]) -> dict[str, float]:
    words = [sys.executable, __file__, "--worker", name, "--url", url, "--in-flight", str(setting.in_flight), "--records", str(records)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{name} ended with {done.returncode}: {done.stderr[-800:]}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measure_peers(arguments: argparse.Namespace, folder: Path, url: str, setting: Setting) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Every peer that has a script and an environment."""
    scripts = sorted(arguments.peers.glob("judge_*.py")) if arguments.peers and arguments.venvs else []
    for script in scripts:
        name = script.stem.removeprefix("judge_")
        python = arguments.venvs / name / "bin" / "python"
        if not python.exists():
            continue
        records = min(arguments.records, 500)
        log = write_log(folder / "peer.jsonl", records)
        words = [str(python), str(script), "--log", str(log), "--records", str(records), "--concurrency", str(setting.in_flight)]
        done = subprocess.run(words, cwd=folder, env={**os.environ, **KEY, "OPENAI_BASE_URL": url}, capture_output=True, text=True, check=False)
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if line is not None:
            found = json.loads(line.removeprefix("RESULT "))
            yield name, records, {"wall_s": found["loop_wall_s"], "cpu_s": found["loop_cpu_s"]}


def row(setting: Setting, name: str, records: int, found: dict[str, float]) -> None:
    ideal = setting.in_flight / (setting.latency_ms / 1000) if setting.latency_ms else None
    rate = records / found["wall_s"]
    share = f"{rate / ideal:6.0%}" if ideal else "     -"
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(f"{setting.name:<26} {name:<12} {records:>6} {rate:>9,.0f} {share} {1000 * found['cpu_s'] / records:>9.2f} {load:>9.1f}", flush=True)


def quickest(repeat: int, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Of some measurements the lowest wall and the lowest CPU."""
    found = [measure() for _ in range(repeat)]
    return {name: min(one[name] for one in found) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="1,000 records, and only the first setting")
    parser.add_argument("--repeat", type=int, default=1, help="measurements of each client; the quickest is shown")
    parser.add_argument("--mock", type=Path, default=BENCH / "mock_judge.py" if (BENCH / "mock_judge.py").exists() else None)
    parser.add_argument("--server-python", default=sys.executable)
    parser.add_argument("--peers", type=Path, default=BENCH / "peers" if (BENCH / "peers").exists() else None)
    parser.add_argument("--venvs", type=Path, default=Path(os.environ["VENVS"]) if "VENVS" in os.environ else None)
    for hidden in ("--worker", "--url", "--in-flight"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(asyncio.run(work(arguments.worker, arguments.url, int(arguments.in_flight), arguments.records))))
        return
    if arguments.quick:
        arguments.records = 1000
    runs = subprocess.run([arguments.server_python, "-c", "import uvloop, httptools, orjson"], capture_output=True, check=False)
    arguments.mock = arguments.mock if runs.returncode == 0 else None
    print(f"server: {'mock_judge.py' if arguments.mock else 'judge dev fake-judge'} (TLS: judge dev fake-judge); {os.cpu_count()} cores; CPU in ms a call")
    print(f"{'setting':<26} {'client':<12} {'calls':>6} {'calls/s':>9} {'ideal':>6} {'CPU ms':>9} {'load/core':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = make_certificate(folder)
        for setting in SETTINGS[:1] if arguments.quick else SETTINGS:
            if setting.tls and not tls:
                print(f"{setting.name:<26} skipped: openssl is missing")
                continue
            environment = {**os.environ, **KEY, "PYTHONPATH": str(ROOT)} | ({"SSL_CERT_FILE": str(folder / "cert.pem")} if setting.tls else {})
            with server(setting, arguments, folder) as url:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url.removesuffix('/v1')}/stats", timeout=5).close()  # noqa: S310 - loopback
                run = partial(measure_score, folder, url, setting, arguments.records, environment)
                row(setting, "judge score", arguments.records, quickest(arguments.repeat, run))
                for client in CLIENTS:
                    calls = arguments.records if client != "openai" else min(arguments.records, 1000)
                    row(setting, client, calls, quickest(arguments.repeat, partial(measure_client, client, url, setting, calls, environment)))
                if setting == SETTINGS[0]:
                    for peer, calls, found in measure_peers(arguments, folder, url, setting):
                        row(setting, peer, calls, found)


if __name__ == "__main__":
    main()
