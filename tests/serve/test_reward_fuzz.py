"""S6: whatever is sent, the server answers 2xx, 4xx or 503, stays up, and gives the right number to the next who asks."""

import http.client
import json
import random
import resource
import string
import subprocess
import sys
import threading
import time

import pytest
from reward_servers import ByLength, running

from judgecli.serve.reward_wire import MOST_TAGS, Template

SEED = 20261127
LARGEST = 1 << 18
PATHS = [
    "/v1/rewards",
    "/classify",
    "/predict",
    "/get_reward",
    "/health",
    "/metrics",
    "/",
    "/../x/JUDGE_MARK",
    "/v1/rewards/x",
    "/%00",
    "/classify?model=rm:/x",
]
DOCUMENTS = [
    {"inputs": ["q", "r"], "outputs": ["a", "b"], "references": ["x", None], "contexts": [["c"], None], "tags": {"t": ["u", None]}},
    {"model": "m", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "use_activation": False},
    {"model": "m", "input": ["<q|a>", "<r|b>"], "use_activation": False, "truncate_prompt_tokens": -1},
    {"inputs": [["q", "a"], ["r", "b"]], "raw_scores": True, "truncate": True, "truncation_direction": "right"},
    {"query": ["qa", "rb"], "prompts": ["q", "r"], "labels": [None, "x"]},
]
ODD = [
    None,
    True,
    -1,
    0,
    1e308,
    2**70,
    "",
    "null",
    "raise",
    "\0",
    "\u202e",
    "ÿ" * 50,
    [],
    {},
    [[]],
    [None],
    {"a": {"b": []}},
    ["a"] * 300,
    "x" * 3000,
    "../../x/JUDGE_MARK",
]


def mutate(chance: random.Random, value: object) -> object:
    """Some other value, or this one with something inside changed."""
    if chance.random() < 0.2:
        return chance.choice(ODD)
    if isinstance(value, dict):
        kept = [(name, inner) for name, inner in value.items() if chance.random() < 0.95]
        return {chance.choice([name, name, name, f"{name}s", "model", "path"]): mutate(chance, inner) for name, inner in kept}
    if isinstance(value, list):
        found = [mutate(chance, inner) for inner in value if chance.random() < 0.95]
        return found * chance.choice([1, 1, 1, 2, 40])
    return value


def one_request(chance: random.Random) -> tuple[str, str, bytes, dict[str, str]]:
    method = chance.choices(["POST", "GET", "PUT", "DELETE", "OPTIONS"], [12, 2, 1, 1, 1])[0]
    place = chance.randrange(len(DOCUMENTS))
    document = DOCUMENTS[place]
    path = [PATHS[0], PATHS[1], PATHS[1], PATHS[2], PATHS[3]][place] if chance.random() < 0.8 else chance.choice(PATHS)
    body = json.dumps(document if chance.random() < 0.4 else mutate(chance, document)).encode()
    kind = chance.random()
    if kind < 0.1:
        body = chance.randbytes(chance.randrange(400))
    elif kind < 0.3:
        spoiled = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        body = bytes(spoiled)[: chance.randrange(len(spoiled)) + 1]
    headers = {"content-type": "application/json"}
    if chance.random() < 0.1:
        headers["content-type"] = chance.choice(["application/json; charset=utf-8", "text/plain", ""])
    if chance.random() < 0.05:
        odd = "x-" + "".join(chance.choices(string.ascii_lowercase, k=5))
        headers[chance.choice(["origin", "host", "authorization", odd])] = chance.choice(["null", "a" * 500, "localhost"])
    return method, path, body, headers


def fuzz(port: int, requests: int, seed: int, statuses: dict[int, int], seconds: list[float], failures: list[str]) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seeded test
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(requests):
        method, path, body, headers = one_request(chance)
        started = time.perf_counter()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            reply = response.read()
        except (http.client.HTTPException, OSError) as error:
            if len(body) <= 4 * LARGEST:  # who sends much more is cut off while sending
                failures.append(f"seed {seed}, request {number}: {type(error).__name__} {error}")
            else:
                statuses[413] = statuses.get(413, 0) + 1
            connection.close()
            continue
        seconds.append(time.perf_counter() - started)
        statuses[response.status] = statuses.get(response.status, 0) + 1
        if not (200 <= response.status < 300 or 400 <= response.status < 500 or response.status == 503):
            failures.append(f"seed {seed}, request {number}: {response.status} {method} {path} {body[:200]!r}")
        if response.status == 200 and method == "POST" and any(word in reply for word in (b"NaN", b"Infinity", b'"probs":[null]', b'"score":null')):
            failures.append(f"seed {seed}, request {number}: {reply[:200]!r}")
        if response.getheader("connection") == "close":
            connection.close()
    connection.close()


def run_fuzz(requests: int, clients: int) -> None:
    reward = ByLength()
    failures: list[str] = []
    statuses: dict[int, int] = {}
    seconds: list[float] = []
    with running(reward, most_rows=200, longest_text=2000, largest_body=LARGEST, template=Template("<{input}|{output}>")) as server:
        share = requests // clients
        threads = [threading.Thread(target=fuzz, args=(server.port, share, SEED + place, statuses, seconds, failures)) for place in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert server.post("/v1/rewards", {"outputs": ["abc"]})[1]["rewards"] == [3.0]
        counted = sum(server.server.counters.requests.values())
    assert sum(statuses.values()) == share * clients
    assert counted <= share * clients + 1
    assert statuses.get(200, 0) > requests * 0.05
    ranked = sorted(seconds)
    half, most = (ranked[int(len(ranked) * share)] * 1e3 for share in (0.5, 0.99))
    print(f"{requests} requests, {clients} clients: {dict(sorted(statuses.items()))}, p50 {half:.1f} ms, p99 {most:.1f} ms")  # noqa: T201


def test_fuzzed_requests():
    run_fuzz(1500, 4)


@pytest.mark.long
def test_fuzzed_requests_in_full():
    run_fuzz(50_000, 16)


def test_idle_sockets_keep_nobody_out():
    idle_sockets(300)


@pytest.mark.long
def test_ten_thousand_idle_sockets():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 10_500:
        pytest.skip(f"this machine lets a process open {most} files")
    idle_sockets(10_000)


IDLE = """
import contextlib, resource, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
opened = [socket.create_connection(("127.0.0.1", port), 60, (f"127.0.0.{1 + place % 4}", 0)) for place in range(count)]
print("open", flush=True)
for one in opened:
    with contextlib.suppress(ConnectionError):
        assert one.recv(1) == b""
print("closed", flush=True)
"""


def idle_sockets(count: int) -> None:
    """Sockets of another process that send nothing: others are served beside them, and they are all closed."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with running(ByLength(), idle_s=5.0) as server:
            client = subprocess.Popen([sys.executable, "-c", IDLE, str(server.port), str(count)], stdout=subprocess.PIPE, text=True)
            with client:
                assert client.stdout is not None
                assert client.stdout.readline() == "open\n"
                assert server.post("/v1/rewards", {"outputs": ["abc"]})[1]["rewards"] == [3.0]
                assert client.stdout.readline() == "closed\n"
            assert client.returncode == 0
            assert server.post("/v1/rewards", {"outputs": ["abc"]})[1]["rewards"] == [3.0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("said", [True, False], ids=["content-length", "chunked"])
def test_a_body_of_100_mb_is_refused_before_it_is_read(said):
    with running(ByLength()) as server, server.connect() as connection:
        length = b"content-length: 104857600" if said else b"transfer-encoding: chunked"
        connection.sendall(b"POST /v1/rewards HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" + length + b"\r\n\r\n")
        block, sent = b"x" * (1 << 16), 0
        try:
            while sent < 100 << 20:
                connection.sendall(block if said else b"10000\r\n" + block + b"\r\n")
                sent += len(block)
        except OSError:
            pass
        assert sent < 64 << 20  # four times the cap, and what fits into the system's buffers
        assert server.post("/v1/rewards", {"outputs": ["abc"]})[0] == 200


def test_rows_depth_and_tags_just_over_the_limits():
    with running(ByLength()) as server:
        assert server.post("/v1/rewards", {"outputs": [""] * (server.server.settings.most_rows + 1)})[0] == 413
        deep = b'{"outputs":' + b"[" * 1_025 + b"]" * 1_025 + b"}"
        assert server.send("POST", "/v1/rewards", deep, {"content-type": "application/json"})[0] == 400
        wide = json.dumps({"outputs": ["a"], "tags": {f"t{number}": ["x"] for number in range(MOST_TAGS + 1)}}).encode()
        assert server.send("POST", "/v1/rewards", wide, {"content-type": "application/json"})[0] == 413
