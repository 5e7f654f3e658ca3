"""What the tests of the reward server share: a reward worked by hand, and a server in a thread of its own."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from judgecli.reward.outcome import Outcome, Rows, count_rows
from judgecli.serve.reward_server import RewardServer, ServeSettings, make_server


@dataclass
class ByLength:
    """The reward of an output is its length less that of its input / 10; `null` has none, `nan` is a bug, `raise` raises."""

    name: str = "by_length"
    identity: str = "0123456789abcdef"
    columns: frozenset[str] = frozenset({"input", "output"})
    required: frozenset[str] = frozenset({"output"})
    range: tuple[float | None, float | None] = (None, None)
    pause_s: float = 0.0
    batches: list[int] = field(default_factory=list)
    seen: list[Rows] = field(default_factory=list)

    def rewards(self, rows: Rows) -> list[Outcome]:
        self.batches.append(count_rows(rows))
        self.seen.append(rows)
        time.sleep(self.pause_s)
        if "raise" in rows["output"]:
            raise RuntimeError("a bug of the reward")
        return [self._one(output, given) for output, given in zip(rows["output"], rows.get("input", [None] * count_rows(rows)), strict=True)]

    def _one(self, output: object, given: object) -> Outcome:
        if not isinstance(output, str):
            return Outcome(None, "input_missing_field")
        if output == "null":
            return Outcome(None, "not_applicable")
        return Outcome(len(output) - len(given or "") / 10, sd=0.5, outside=len(output) > 100)  # type: ignore[arg-type]

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Running:
    """A server that runs; `post` sends JSON, `send` anything."""

    port: int
    server: RewardServer

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, path: str, document: object, **headers: str) -> tuple[int, object]:
        body = json.dumps(document).encode()
        status, _, reply = self.send("POST", path, body, {"content-type": "application/json", **{n.replace("_", "-"): v for n, v in headers.items()}})
        return status, json.loads(reply)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@contextlib.contextmanager
def running(reward: object, **settings: object) -> Iterator[Running]:
    """A server of this reward on a free port, ended at the end."""
    server = RewardServer(reward, ServeSettings(port=0, **settings))  # type: ignore[arg-type]
    bound = server.listen()
    made = make_server(server.app, server.settings)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not made.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made.started
    try:
        yield Running(bound.getsockname()[1], server)
    finally:
        made.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
