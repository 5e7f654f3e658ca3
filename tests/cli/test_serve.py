"""`judge serve` as a process: what it says when it starts, what it refuses to start with, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from judgecli.cli import main

PROJECT = "scorers: [{heuristics: [repetition, empty]}]\nreward: {name: fresh, terms: {repetition: {weight: 1}}, vetoes: [{metric: empty, at_most: 0}]}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "judge.yaml").write_text(PROJECT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder, *arguments, **environment):
    command = [sys.executable, "-m", "judgecli", "serve", "--port", "0", "--json", *arguments]
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process):
    """The JSON document that is printed once it serves."""
    text = ""
    while line := process.stdout.readline():
        text += line
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise AssertionError(process.stderr.read())


def ask(url, document, **headers):
    request = urllib.request.Request(f"{url}/v1/rewards", json.dumps(document).encode(), {"content-type": "application/json", **headers})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310 - loopback
        return json.loads(reply.read())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_the_reward_of_judge_yaml_until_a_signal(project, number, code):
    process = start(project)
    try:
        document = told(process)
        assert (document["reward"], document["range"], document["token"]) == ("fresh", [0.0, 1.0], False)
        reply = ask(document["url"], {"outputs": ["a b a b a b", "a b c d", "", None]})
        assert reply["rewards"] == [0.5, 1.0, None, None]
        assert reply["identity"] == document["identity"]
        process.send_signal(number)
        assert process.wait(20) == code
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def test_a_token_beyond_loopback(project):
    process = start(project, "--host", "0.0.0.0", "--token-env", "REWARD_TOKEN", REWARD_TOKEN="0123456789abcdef0123")  # noqa: S104, S106
    try:
        document = told(process)
        url = document["url"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert document["token"] is True
        assert "0123456789abcdef0123" not in json.dumps(document)
        assert ask(url, {"outputs": ["a b c"]}, authorization="Bearer 0123456789abcdef0123")["rewards"] == [1.0]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(url, {"outputs": ["a b c"]})
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--host", "0.0.0.0"], 2, "no token is wanted"),  # noqa: S104
        (["--host", "example.org"], 2, "no token is wanted"),
        (["--token-env", "NOT_SET"], 2, "holds no token"),
        (["--token-env", "SHORT"], 2, "fewer than 16"),
        (["--template", "no place"], 2, "where an answer begins"),
        (["--template", "{input}{output}"], 2, "where an answer begins"),
        (["--template", "{output} {input}"], 2, "where an answer begins"),
        (["latency_ms"], 2, "comes with a log"),
        (["nothing_like_it"], 2, "nothing_like_it"),
        (["--port", "70000"], 2, "65535"),
    ],
)
def test_what_it_does_not_start_with(project, arguments, code, said, capsys, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("SHORT", "abc")
    monkeypatch.delenv("NOT_SET", raising=False)
    assert main(["serve", *arguments]) == code
    assert said in capsys.readouterr().err


def test_without_a_reward_there_is_nothing_to_serve(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["serve"]) == 2
    assert "no reward in judge.yaml" in capsys.readouterr().err
