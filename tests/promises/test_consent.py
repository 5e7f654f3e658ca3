"""A judge.yaml from a pull request leads no secret and no text away; what a person allowed works.

Another port of loopback is another address. `Listener` keeps what reaches it: it must stay empty wherever a configuration is refused, and
gets a question (and the key that was allowed, no other) in the twin that a person allowed.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from judgecli.cli import main
from judgecli.endpoint.consent import Consent, origin, shown_name
from judgecli.errors import UsageError

CANARIES = {
    "OPENAI_API_KEY": "canary-openai-51c07d",
    "JUDGE_API_KEY": "canary-judge-90ab12",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-77e0fd",
    "GROQ_API_KEY": "canary-groq-3319aa",
    "GITHUB_TOKEN": "canary-github-0c55b1",
}


class Listener:
    """An address that answers everything with 401, or with a redirect, and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], str]] = []
        self.redirect: tuple[int, str] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, target = outer.redirect or (401, "")
                self.send_response(status)
                if target:
                    self.send_header("location", target)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the name that http.server wants

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def everything(self) -> str:
        return repr(self.seen)


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    try:
        yield listener
    finally:
        listener.close()


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "JUDGE_ALLOW", "JUDGE_MODEL", "JUDGE_BASE_URL", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "JUDGE_PRICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    rows = [{"id": str(number), "input": f"canary-text question {number}", "output": f"canary-text answer {number}"} for number in range(3)]
    Path("log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def judged(**judge: object) -> str:
    """A judge.yaml whose rubric is asked like this."""
    return f"scorers:\n  - rubric: helpfulness\n    judge: {json.dumps({'model': 'm', 'sentinels': 'off', **judge})}\n"


def rewarded(url: str, **remote: object) -> str:
    more = {"remote": remote} if remote else {}
    return "scorers:\n" + "".join(f"  - {json.dumps({'reward_model': url, 'name': 'served', **more})}\n")


@dataclass(frozen=True)
class Case:
    """A configuration (PORT is the listener's); `allow` makes its twin work (None: nothing does), `key` is the variable whose value may then go."""

    name: str
    text: str
    allow: str | None = "http://127.0.0.1:PORT"
    key: str | None = None
    environment: tuple[tuple[str, str], ...] = ()


URL = "http://127.0.0.1:PORT/v1"
PAIR = "http://127.0.0.1:PORT:"
CASES = [
    Case("texts to an address", judged(base_url=URL)),
    Case("texts to a name", judged(base_url="http://localhost:PORT/v1"), "http://localhost:PORT"),
    Case("texts to a name in capitals", judged(base_url="HTTP://LOCALHOST:PORT/v1"), "http://localhost:PORT"),
    Case("texts to a name with a dot", judged(base_url="http://localhost.:PORT/v1"), "http://localhost:PORT"),
    Case("a jury", judged(base_url=URL, model=["a", "b"])),
    Case("a cascade", judged(base_url=URL, model=["a", "b"], cascade=0.9)),
    Case("three draws", judged(base_url=URL, samples=3)),
    Case("another path", judged(base_url="http://127.0.0.1:PORT/openai/deployments/x/v1")),
    Case("a query", judged(base_url="http://127.0.0.1:PORT/v1?api-version=1")),
    *(Case(f"{name} by its name", judged(base_url=URL, api_key_env=name), PAIR + name, name) for name in CANARIES),
    *(Case(f"{name} where texts alone were allowed", judged(base_url=URL, api_key_env=name), None) for name in CANARIES),
    *(Case(f"{name} to OpenAI's own address", judged(api_key_env=name), None) for name in ("AWS_SECRET_ACCESS_KEY", "GROQ_API_KEY", "GITHUB_TOKEN")),
    Case("a key of one provider to another", judged(base_url="https://api.groq.com/openai/v1", api_key_env="OPENAI_API_KEY"), None),
    Case("a key without encryption", judged(base_url="http://api.openai.com/v1", api_key_env="OPENAI_API_KEY"), None),
    Case("a key to another port", judged(base_url="https://api.openai.com:8443/v1", api_key_env="OPENAI_API_KEY"), None),
    Case("a name that begins alike", judged(base_url="https://api.openai.com.invalid/v1", api_key_env="OPENAI_API_KEY"), None),
    Case("a name that ends alike", judged(base_url="https://x-api.openai.com/v1", api_key_env="OPENAI_API_KEY"), None),
    Case("a letter that looks alike", judged(base_url="https://api.op\u0435nai.com/v1", api_key_env="OPENAI_API_KEY"), None),
    Case(
        "anybody's host at Azure",
        judged(base_url="https://somebody.openai.azure.com", api_key_env="AZURE_OPENAI_API_KEY"),
        None,
        environment=(("AZURE_OPENAI_API_KEY", "canary-azure-1"),),
    ),
    Case("a user before the host", judged(base_url="http://api.openai.com@127.0.0.1:PORT/v1"), None),
    Case("a user and a password", judged(base_url="http://me:secret@127.0.0.1:PORT/v1"), None),
    Case("a secret as the user", judged(base_url="http://${GITHUB_TOKEN}@127.0.0.1:PORT/v1"), None),
    Case("a secret in the path", judged(base_url="http://127.0.0.1:PORT/${GITHUB_TOKEN}/v1"), None),
    Case("a secret in the query", judged(base_url="http://127.0.0.1:PORT/v1?x=${GITHUB_TOKEN}"), None),
    Case("a secret behind a mark", judged(base_url="http://127.0.0.1:PORT/v1#${GITHUB_TOKEN}"), None),
    Case("a secret as the host", judged(base_url="http://${GITHUB_TOKEN}:PORT/v1"), None),
    Case("a secret as a part of the host", judged(base_url="http://${GITHUB_TOKEN}.invalid:PORT/v1"), None),
    Case("a variable as the host", judged(base_url="http://${ANY_HOST}:PORT/v1"), PAIR + "ANY_HOST", environment=(("ANY_HOST", "127.0.0.1"),)),
    Case("a variable as the address", judged(base_url="${ANY_URL}"), PAIR + "ANY_URL", environment=(("ANY_URL", URL),)),
    Case("a variable as the port", judged(base_url="http://127.0.0.1:${ANY_DOOR}/v1"), PAIR + "ANY_DOOR", environment=(("ANY_DOOR", "PORT"),)),
    Case("a served reward model", rewarded("http://127.0.0.1:PORT/classify")),
    Case("a served reward model by its name", rewarded("http://localhost:PORT/pooling"), "http://localhost:PORT"),
    Case("a served reward model of no known path", rewarded("http://127.0.0.1:PORT/")),
    *(Case(f"{name} to a served reward model", rewarded("http://127.0.0.1:PORT/classify", api_key_env=name), PAIR + name, name) for name in CANARIES),
    *(Case(f"{name} to a served reward model, texts allowed", rewarded("http://127.0.0.1:PORT/classify", api_key_env=name), None) for name in CANARIES),
    Case("a user before a reward model", rewarded("http://me:x@127.0.0.1:PORT/classify"), None),
]


def prepare(case: Case, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(listener.port)
    Path("judge.yaml").write_text(case.text.replace("PORT", port), encoding="utf-8")
    for name, value in case.environment:
        monkeypatch.setenv(name, value.replace("PORT", port))


def test_the_matrix_is_as_large_as_promised() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_configuration_leads_nothing_away(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as listener:
        prepare(case, listener, monkeypatch)
        if case.allow is None and "texts a" in case.name:
            monkeypatch.setenv("JUDGE_ALLOW", f"http://127.0.0.1:{listener.port}")
        code = main(["score", "log.jsonl", "--map", "auto", "--quiet"])
        assert listener.seen == []
    told = capsys.readouterr().err
    assert code == 2, told
    assert "judge.yaml:" in told
    assert not any(value in told for value in CANARIES.values())
    assert case.allow is None or "--allow" in told


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.allow and "localhost." not in case.text],  # a name that not every machine resolves
    ids=lambda case: case.name,
)
def test_what_a_person_allowed_works(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as listener:
        prepare(case, listener, monkeypatch)
        code = main(["score", "log.jsonl", "--map", "auto", "--quiet", "--allow", str(case.allow).replace("PORT", str(listener.port))])
        assert code == 4, capsys.readouterr().err  # the listener refuses every key
        sent = {name: value in listener.everything for name, value in CANARIES.items()}
        assert "canary-text" in listener.everything or case.text.startswith("scorers:\n  - {")
    assert listener.seen
    assert {name for name, there in sent.items() if there} == ({case.key} if case.key else set())


@pytest.mark.parametrize("way", ["variable", "file", "typed address", "JUDGE_BASE_URL", "OPENAI_BASE_URL"])
def test_a_person_says_it_in_many_ways(way: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as listener:
        here = f"http://127.0.0.1:{listener.port}"
        Path("judge.yaml").write_text(judged(**({} if way in ("typed address", "JUDGE_BASE_URL") else {"base_url": f"{here}/v1"})), encoding="utf-8")
        words = ["score", "log.jsonl", "--map", "auto", "--quiet"]
        if way == "variable":
            monkeypatch.setenv("JUDGE_ALLOW", f"https://elsewhere.invalid {here}:OPENAI_API_KEY")
        elif way == "file":
            (project / "home/.config/judge").mkdir(parents=True)
            (project / "home/.config/judge/allow").write_text(f"# our own\n{here}  # the server below the desk\n", encoding="utf-8")
        elif way == "typed address":
            words += ["--base-url", f"{here}/v1"]
        else:
            monkeypatch.setenv(way, f"{here}/v1")
        assert main(words) == 4
    assert listener.seen
    wanted = {"JUDGE_BASE_URL": "JUDGE_API_KEY", "typed address": "JUDGE_API_KEY", "OPENAI_BASE_URL": "OPENAI_API_KEY", "variable": "OPENAI_API_KEY"}.get(way)
    assert {name for name, value in CANARIES.items() if value in listener.everything} <= ({wanted} if wanted else set())


def test_a_key_belongs_to_the_address_that_it_was_given_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """JUDGE_API_KEY came with JUDGE_BASE_URL; another address, typed or not, does not get it."""
    with listening() as own, listening() as other:
        monkeypatch.setenv("JUDGE_BASE_URL", f"http://127.0.0.1:{own.port}/v1")
        Path("judge.yaml").write_text(judged(base_url=f"http://127.0.0.1:{other.port}/v1"), encoding="utf-8")
        monkeypatch.setenv("JUDGE_ALLOW", f"http://127.0.0.1:{other.port}")
        assert main(["score", "log.jsonl", "--map", "auto", "--quiet"]) == 4
        assert main(["score", "log.jsonl", "--map", "auto", "--quiet", "--base-url", f"http://127.0.0.1:{other.port}/v1"]) == 4
        assert own.seen == []
    assert other.seen
    assert not any(value in other.everything for value in CANARIES.values())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["judge", "reward model"])
def test_a_redirect_takes_nothing_along(status: int, kind: str) -> None:
    with listening() as own, listening() as other:
        own.redirect = (status, f"http://127.0.0.1:{other.port}/v1/chat/completions")
        here = f"http://127.0.0.1:{own.port}"
        text = judged(base_url=f"{here}/v1", api_key_env="GROQ_API_KEY") if kind == "judge" else rewarded(f"{here}/classify", api_key_env="GROQ_API_KEY")
        Path("judge.yaml").write_text(text, encoding="utf-8")
        main(["score", "log.jsonl", "--map", "auto", "--quiet", "--allow", f"{here}:GROQ_API_KEY"])
        assert own.seen
        assert other.seen == []


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["rubric", "test", "helpfulness"],
        ["rubric", "audit", "helpfulness", "log.jsonl"],
        ["score", "log.jsonl", "--batch", "submit"],
        ["run", "log.jsonl"],
    ],
)
def test_every_command_asks_for_consent(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as listener:
        text = judged(base_url=f"http://127.0.0.1:{listener.port}/v1", api_key_env="GITHUB_TOKEN")
        text += "reward:\n  name: good\n  terms: {rubric.helpfulness: {weight: 1}}\n"
        Path("judge.yaml").write_text(text, encoding="utf-8")
        code = main([*command, "--map", "auto"] if command[0] in ("score", "run") else command)
        assert listener.seen == []
    assert code == 2, capsys.readouterr().err


@pytest.mark.parametrize("name", ["ANY_HOOK", "OPENAI_BASE_URL", "HTTP_PROXY"])
def test_an_alarm_goes_where_a_person_wanted_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from judgecli.endpoint.webhook import check_webhook
    from judgecli.errors import ConfigError

    monkeypatch.setenv(name, "http://127.0.0.1:9/hook")
    with pytest.raises(ConfigError, match="nobody allowed"):
        check_webhook(name, (), "judge.yaml:1:1")
    check_webhook(name, (f"http://127.0.0.1:9:{name}",), "judge.yaml:1:1")
    monkeypatch.setenv("JUDGE_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    check_webhook("JUDGE_WEBHOOK_URL", (), "judge.yaml:1:1")


@pytest.mark.parametrize("written", ["sk-proj-Abc123Def456Ghi789", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLEKEY0"])
def test_a_key_in_the_place_of_a_name_is_not_repeated(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("judge.yaml").write_text(judged(base_url="http://127.0.0.1:9/v1", api_key_env=written), encoding="utf-8")
    assert main(["score", "log.jsonl", "--map", "auto"]) == 2
    said = capsys.readouterr()
    assert written not in said.err + said.out


def test_one_host_has_one_spelling() -> None:
    assert origin("HTTPS://API.OpenAI.com./v1") == ("https", "api.openai.com", 443) == origin("https://api.openai.com:443")
    assert origin("https://api.op\u0435nai.com") != origin("https://api.openai.com")


def test_what_is_no_entry_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for text in ("sk-secret-1", "https://", "ftp://x", "https://a b", "https://user:pass@host", "https://host/path"):
        with pytest.raises(UsageError) as error:
            Consent.of({"HOME": str(tmp_path)}, (text,))
        assert text not in str(error.value)
    assert Consent.of({"HOME": str(tmp_path)}, ("http://[::1]:8000:KEY",)).pairs == {(("http", "::1", 8000), "KEY")}


def test_doctor_and_dry_run_say_which_key_goes_where(capsys: pytest.CaptureFixture[str]) -> None:
    Path("judge.yaml").write_text(judged(base_url="http://127.0.0.1:9/v1", api_key_env="GROQ_API_KEY"), encoding="utf-8")
    assert main(["doctor"]) == 4
    assert "nobody allowed" in capsys.readouterr().out
    assert main(["score", "log.jsonl", "--map", "auto", "--dry-run", "--allow", "http://127.0.0.1:9:GROQ_API_KEY"]) == 0
    said = capsys.readouterr().out
    assert "texts to  http://127.0.0.1:9, with the value of GROQ_API_KEY as its key" in said
    assert CANARIES["GROQ_API_KEY"] not in said


def test_names_of_variables_are_told_and_keys_are_not() -> None:
    assert shown_name("OPENAI_API_KEY") == "OPENAI_API_KEY"
    assert "AKIA" not in shown_name("AKIAIOSFODNN7EXAMPLEKEY0")
