#!/usr/bin/env python3
"""`judge serve` under load beside the bare scorer: `python benchmarks/serve.py [--requests N] [--connections 64] [REWARD ...]`.

    bare         the reward called in this process, `rows` outputs at a time, by CPU time: no HTTP. A call of few rows costs nearly as
                 much as one of many, which is why the server gathers what waits
    /v1/rewards  and the other protocols: the real command on loopback, keep-alive connections, each asking again once it is answered

One table: requests/s, rewards/s, p50 and p99 of a request, CPU of the server a request, its RSS. The client is aiohttp in this
process and needs about as much CPU as the server: on a machine of two cores both are near one core each. REWARD: as for
`judge serve`; default the reward of examples/recipe_bot without its judged rubrics (six regular expressions and counts).
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
ANSWER = "Whisk 3 eggs with 50 ml of milk, melt 10 g of butter in a pan, and stir over low heat for 4 minutes until just set. " * 6


def rows(count: int, start: int) -> tuple[list[str], list[str]]:
    return [f"[{number}] What can I cook with eggs?" for number in range(start, start + count)], [
        f"{number} {ANSWER}" for number in range(start, start + count)
    ]


def body(path: str, count: int, start: int) -> dict[str, object]:
    inputs, outputs = rows(count, start)
    if path == "/v1/rewards":
        return {"inputs": inputs, "outputs": outputs}
    if path == "/predict":
        return {"inputs": [list(pair) for pair in zip(inputs, outputs, strict=True)], "raw_scores": True}
    if path == "/get_reward":
        return {"query": [given + output for given, output in zip(inputs, outputs, strict=True)], "prompts": inputs}
    return {"input": [f"Q: {given} A: {output}" for given, output in zip(inputs, outputs, strict=True)], "use_activation": False}


def bare(folder: Path, specs: Sequence[str], count: int, total: int) -> float:
    """Rewards a second of CPU without a server."""
    sys.path.insert(0, str(ROOT))
    from judgecli.config import load_settings
    from judgecli.pipeline.serve import open_reward

    before = Path.cwd()
    os.chdir(folder)
    try:
        reward = open_reward(specs, load_settings())
        batches = [rows(count, start) for start in range(0, total, count)]
        reward.rewards({"input": batches[0][0], "output": batches[0][1]})
        started = time.process_time()
        for inputs, outputs in batches:
            reward.rewards({"input": inputs, "output": outputs})
        spent = time.process_time() - started
        reward.close()
    finally:
        os.chdir(before)
    return total / spent


async def load(url: str, path: str, count: int, requests: int, connections: int) -> tuple[float, list[float], int]:
    """Seconds of all requests, of each, and how many were not answered 200."""
    import aiohttp

    bodies = [json.dumps(body(path, count, number * count)).encode() for number in range(min(requests, 2000))]
    todo = iter(range(requests))
    seconds: list[float] = []
    failed = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers={"content-type": "application/json"}) as session:

        async def client() -> None:
            nonlocal failed
            for number in todo:
                started = time.perf_counter()
                async with session.post(url + path, data=bodies[number % len(bodies)]) as response:
                    await response.read()
                    failed += response.status != 200
                seconds.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        return time.perf_counter() - started, sorted(seconds), failed


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and RSS in MB of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start(folder: Path, specs: Sequence[str]) -> tuple[subprocess.Popen[str], Mapping[str, object]]:
    command = [sys.executable, "-m", "judgecli", "serve", *specs, "--port", "0", "--json", "--template", "Q: {input} A: {output}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = ""
    while line := process.stdout.readline():
        text += line
        if line.startswith("}"):
            return process, json.loads(text)
    raise SystemExit("judge serve did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reward", nargs="*", help="a reward model's folder, or scorers")
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    specs = [str(Path(spec).resolve()) if Path(spec).exists() else spec for spec in given.reward]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "examples" / "recipe_bot" / "judge.yaml", folder)
        process, told = start(folder, specs)
        try:
            url = str(told["url"])
            print(f"{told['reward']}, {given.connections} connections, {os.cpu_count()} cores; answers of {len(ANSWER)} characters")
            print(f"{'':14}{'rows':>6}{'requests/s':>12}{'rewards/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms a request':>18}{'RSS MB':>8}")
            for count in (1, 32):
                speed = bare(folder, specs, count, 500 * count)
                print(f"{'bare':14}{count:>6}{speed / count:>12.0f}{speed:>11.0f}{1e3 * count / speed:>9.2f}{'':>9}{1e3 * count / speed:>18.2f}")
                for path in ("/v1/rewards", "/classify", "/predict", "/get_reward"):
                    requests = given.requests if count == 1 else given.requests // 8
                    asyncio.run(load(url, path, count, min(200, requests), given.connections))
                    before, _ = used(process.pid)
                    spent, seconds, failed = asyncio.run(load(url, path, count, requests, given.connections))
                    after, memory = used(process.pid)
                    half, most = (1e3 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
                    line = f"{path:14}{count:>6}{requests / spent:>12.0f}{count * requests / spent:>11.0f}{half:>9.1f}{most:>9.1f}"
                    print(f"{line}{1e3 * (after - before) / requests:>18.2f}{memory:>8.0f}{f'  {failed} not answered 200' if failed else ''}")
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    main()
