"""The webhook against a real HTTP server: what is sent, what is not followed, and that the address stays secret."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from judgecli.endpoint.webhook import post

NAME = "TEST_WEBHOOK"


class Receiver(BaseHTTPRequestHandler):
    """Notes what it gets and answers with the status of its server."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        if self.server.status in (301, 302, 307):
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    made = HTTPServer(("127.0.0.1", 0), Receiver)
    made.status, made.got = 200, []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    monkeypatch.setenv(NAME, f"http://127.0.0.1:{made.server_port}/hook?token=s3cret")
    monkeypatch.setenv("no_proxy", "*")
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_one_json_document_arrives(server):
    assert post(NAME, {"alarm": {"metric": "größe"}}) is None
    assert server.got == [("/hook?token=s3cret", "application/json", {"alarm": {"metric": "größe"}})]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500])
def test_a_refusal_is_told_and_no_redirect_is_followed(server, status):
    server.status = status
    said = post(NAME, {})
    assert said == f"the alarm was not sent: the address in {NAME} answered {status}"
    assert len(server.got) == 1


@pytest.mark.parametrize("address", [
    "", "ftp://127.0.0.1/s3cret", "file:///x/JUDGE_MARK", "s3cret", "http://", "http://[s3cret", "http://127.0.0.1:9/s3cret", "http://127.0.0.1:99999/s3cret",
    "http://s3cret@\n/", "http://host with blank/s3cret", "http://s3cret.invalid/",
])  # fmt: skip
def test_what_is_no_address_is_told_without_it(monkeypatch, address):
    monkeypatch.setenv(NAME, address)
    monkeypatch.setenv("no_proxy", "*")
    said = post(NAME, {}, timeout_s=2.0)
    assert said is not None
    assert NAME in said
    assert "s3cret" not in said


def test_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    assert post(NAME, {}) == f"the alarm was not sent: the variable {NAME} is empty"
