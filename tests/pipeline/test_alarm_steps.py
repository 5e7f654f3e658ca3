"""Alarms as people meet them: in judge run, signals, report, export and alarms; the exit codes; the webhook."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from harness import write_lines

from judgecli.cli import main

CONFIG = """
logs: [{path: app.jsonl, map: {id: id, input: input, output: output, session: session, time: created_at, model: model, label.thumbs: thumbs}}]
policy: [model]
cluster: session
scorers: [{heuristics: [words, refusal]}]
gates: [{metric: words, at_least: 1}]
report: {html: out.html, markdown: out.md}
"""
ALARMS = "alarms: {false_alarm_every: 90d, lateness: 1d, reference: 10d, webhook_env: TEST_HOOK}\n"
FEEDBACK = "feedback: [{format: trl-kto, path: feedback/thumbs.jsonl, sources: [user]%s}]\n"


def log(days=30, change=20, hostile=""):
    lines = []
    for day in range(days):
        for number in range(12):
            refuses = number % 2 == 0 if day >= change else number == 99
            lines.append({
                "id": f"r{day}-{number}", "created_at": f"2026-09-{1 + day:02d}T{8 + number:02d}:00:00Z", "session": f"s{day}-{number}", "model": "m" + hostile,
                "input": f"question {number}", "output": "I'm sorry, but I can't help with that." if refuses else f"answer {number}",
                "thumbs": number % 3 == 0,
            })  # fmt: skip
    return lines


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "JUDGE_STORE", "JUDGE_CONFIG", "TEST_HOOK", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUDGE_WORKERS", "1")
    monkeypatch.setenv("no_proxy", "*")
    write_lines(tmp_path / "app.jsonl", log())
    return tmp_path


@pytest.fixture
def judge(capsys):
    def run(*words, text=None):
        if text is not None:
            Path("judge.yaml").write_text(CONFIG + text)
        code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def step_of(document, name):
    return next(step for step in document["steps"] if step["step"] == name)


def test_a_run_tells_the_alarm_and_refuses_feedback(folder, judge):
    code, out, _ = judge("run", "--quiet", text=ALARMS + FEEDBACK % "")
    assert code == 0  # the gates answer; the refusal is told, not a verdict
    assert "ALARM " in out
    assert " refusal rose from 0 to 0." in out
    assert re.search(
        r" \(by 0\.\d+ to 0\.\d+\) since 2026-09-2[01], cannot tell better than 2026-09-(19|20) to 2026-09-21 \(all records; noticed 2026-09-2", out
    )
    assert "feedback   refused: 1 of 1 files not written" in out
    assert not (folder / "feedback").exists()
    assert judge("run", "--quiet", "--fail-on-alarm")[0] == 1
    assert judge("signals", "--metric", "refusal")[0] == 0
    code, out, _ = judge("signals", "--metric", "refusal", "--fail-on-alarm")
    assert code == 1
    assert out.startswith("ALARM  ")
    document = json.loads(judge("run", "--json", "--quiet")[1])
    assert step_of(document, "feedback")["exit_code"] == 1
    assert {(alarm["metric"], alarm["direction"]) for alarm in document["signals"]["alarms"]} == {("refusal", "rise"), ("words", "rise")}
    wanted = {"metric", "policy", "time", "direction", "since", "size"}  # DESIGN's keys
    assert all(wanted <= set(alarm) for alarm in document["signals"]["alarms"])
    for alarm in document["signals"]["alarms"]:
        assert alarm["since_low"] <= alarm["since"] <= alarm["since_high"] <= alarm["time"]
        assert alarm["size_low"] < alarm["size"] < alarm["size_high"]


@pytest.mark.usefixtures("folder")
def test_without_gates_a_refusal_is_the_exit_code(judge):
    Path("judge.yaml").write_text(CONFIG.replace("gates: [{metric: words, at_least: 1}]\n", "") + ALARMS + FEEDBACK % "")
    assert judge("run", "--quiet")[0] == 1


@pytest.mark.usefixtures("folder")
def test_what_judge_yaml_exports_despite_alarms(judge):
    document = json.loads(judge("run", "--json", "--quiet", text=ALARMS + FEEDBACK % ", despite_alarm: true")[1])
    assert step_of(document, "feedback")["state"] == "done"
    manifest = json.loads(Path(document["exports"][0]["manifest"]).read_text())
    assert "refusal" in {alarm["metric"] for alarm in manifest["alarms"]}


@pytest.mark.usefixtures("folder")
def test_the_way_of_an_alarm(judge):
    """Noticed, export refused; looked at and closed, export written; the report says so each time."""
    judge("run", "--quiet", text=ALARMS + FEEDBACK % "")
    assert judge("export", "trl-kto")[0] == 1
    assert judge("export", "trl-kto", "--despite-alarm")[0] == 0
    code, out, _ = judge("alarms", "list")
    assert code == 0
    assert "2 open" in out.splitlines()[0]
    document = json.loads(judge("alarms", "list", "--json")[1])
    assert {"alarms", "charts", "until", "notes"} <= set(document)
    names = [alarm["id"] for alarm in document["alarms"]]
    assert judge("alarms", "close", names[0], "--comment", "known [bold]\x1b[31m")[0] == 0
    assert judge("export", "trl-kto")[0] == 1
    code, out, _ = judge("alarms", "close", "all")
    assert (code, "2 closed" in out, "\x1b" in out) == (0, True, False)
    assert judge("export", "trl-kto")[0] == 0
    assert judge("run", "--quiet", "--fail-on-alarm")[0] == 0
    assert judge("alarms", "close", "nothing")[0] == 2


def test_the_report_has_a_section_of_alarms(folder, judge):
    judge("run", "--quiet", text=ALARMS)
    page, text = (folder / "out.html").read_text(), (folder / "out.md").read_text()
    (alarm,) = (found for found in json.loads(judge("report", "--json")[1])["alarms"] if found["metric"] == "refusal")
    span = f"{alarm['since_low'][:10]} to {alarm['since_high'][:10]}"
    assert span in page
    assert span in text
    assert "Alarms" in page
    assert "## Alarms" in text
    before = page
    names = [alarm["id"] for alarm in json.loads(judge("alarms", "list", "--json")[1])["alarms"]]
    judge("alarms", "close", names[0])
    document = json.loads(judge("run", "--json", "--quiet")[1])
    assert step_of(document, "report")["state"] == "done"  # written again: an alarm was closed
    assert (folder / "out.html").read_text() != before
    assert step_of(json.loads(judge("run", "--json", "--quiet")[1]), "report")["state"] == "nothing new"
    assert [alarm["state"] for alarm in json.loads(judge("report", "--json")[1])["alarms"]].count("closed") == 1
    assert "Alarms" in judge("report")[1]


def test_hostile_names_reach_no_terminal(folder, judge):
    write_lines(folder / "app.jsonl", log(hostile="\x1b[31m<script>|\u202e"))
    judge("run", "--quiet", text=ALARMS)
    for words in (("alarms", "list"), ("signals",), ("report",)):
        out = judge(*words)[1]
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert "<script>" not in (folder / "out.html").read_text()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("TEST_HOOK", f"http://127.0.0.1:{server.server_port}/s3cret-token")
    monkeypatch.setenv("JUDGE_ALLOW", f"http://127.0.0.1:{server.server_port}:TEST_HOOK")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_alarm_is_sent_once_and_tried_again(folder, judge, hook):
    """Down at first: a warning, and the run is as good as before. Then each alarm once; looking sends nothing."""
    hook.status = 503
    code, out, err = judge("run", text=ALARMS)
    assert code == 0
    assert "WARNING: the alarm was not sent: the address in TEST_HOOK answered 503" in " ".join(out.split())
    assert len(hook.got) == 1
    hook.got.clear()
    hook.status = 200
    for words in (("signals",), ("alarms", "list"), ("report",), ("export", "trl-kto", "--despite-alarm")):
        judge(*words)
    assert hook.got == []
    judge("run", "--quiet")
    assert {message["alarm"]["metric"] for message in hook.got} == {"refusal", "words"}
    assert len(hook.got) == 2
    judge("run", "--quiet")
    assert len(hook.got) == 2
    assert "s3cret" not in out + err
    assert not any(b"s3cret" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("folder")
def test_a_webhook_without_its_variable_is_a_warning(judge):
    code, out, _ = judge("run", "--quiet", text=ALARMS)
    assert code == 0
    assert "the variable TEST_HOOK is empty" in " ".join(out.split())
