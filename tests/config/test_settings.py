import re
from pathlib import Path

import pytest

from judgecli.config import Flags, LogSource, ScorerEntry, load_settings, parse_mapping
from judgecli.errors import ConfigError, EnvironmentFailure, UsageError

WHOLE = (Path(__file__).parents[1] / "data" / "judge.yaml").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path):
    def load(text=None, flags=None, environment=None, config=None):
        if text is not None:
            (tmp_path / "judge.yaml").write_text(text, encoding="utf-8")
        return load_settings(config, flags, environment=environment or {}, folder=tmp_path)

    return load


def test_the_whole_file_of_the_design_loads(load):
    settings = load(WHOLE)
    assert settings.logs[0].map == {"input": "question", "output": "answer.text", "time": "created_at", "tags.country": "user.country"}
    assert [entry.name for entry in settings.scorers] == [
        *("words", "flesch_reading_ease", "repetition", "refusal", "pii_count", "json_valid"),
        *("no_prices", "rubric.helpfulness", "rm.support"),
    ]
    assert settings.scorers[6].target == "regex"
    assert settings.scorers[6].options == {"pattern": "[$€]", "match": "none"}
    assert settings.redact == ("secrets",)
    assert settings.keep == "180d"
    assert settings.project.reward.terms["rm.support"].optional is True
    assert settings.project.scorers[2].judge.base_url == "${JUDGE_BASE_URL}"  # never expanded on loading


def test_defaults_without_a_file(load):
    settings = load()
    assert (settings.store, settings.measured, settings.max_bad, settings.policy, settings.guess) == (
        Path(".judge"),
        0.98,
        0.01,
        ("model", "prompt_version"),
        True,
    )


def test_flag_over_variable_over_file_over_default(load):
    text = "store: from_file\nmax_bad: 0.2\nworkers: 3"
    variables = {"JUDGE_STORE": "from_variable", "JUDGE_MAX_BAD": "0.3", "JUDGE_WORKERS": "4"}
    by_file, by_variable, by_flag = load(text), load(text, environment=variables), load(text, Flags(store="from_flag", max_bad=0.4, workers=5), variables)
    assert [(str(found.store), found.max_bad, found.workers) for found in (by_file, by_variable, by_flag)] == [
        ("from_file", 0.2, 3),
        ("from_variable", 0.3, 4),
        ("from_flag", 0.4, 5),
    ]


@pytest.mark.parametrize(
    ("text", "where", "says", "hint"),
    [
        ("scorer: []", "1:1", "there is no key 'scorer'", "did you mean scorers"),
        ("logs:\n  - path: a\n    fromat: x", "3:5", r"logs\[0\].fromat: there is no key 'fromat'", "did you mean format"),
        ("logs:\n  - {path: a, map: {otput: x}}", "2:21", "no record field 'otput'", "did you mean output"),
        ("logs:\n  - {format: csv}", "2:5", "the key 'path' is missing", "add path"),
        ("logs: a.jsonl", "1:1", "expected a valid list, found 'a.jsonl'", ""),
        ("logs:\n  - a.jsonl", "2:5", "expected the keys of Log, found 'a.jsonl'", ""),
        ("logs:\n  - {path: a, zone: Mars/Base}", "2:15", "no time zone 'Mars/Base'", "Europe/Berlin"),
        ("policy: [model, 3]", "1:17", r"policy\[1\]: expected a valid string, found 3", "quotes"),
        ("scorers:\n  - words", "2:5", "a scorer entry is", ""),
        ("scorers:\n  - rubrics: helpfulness", "2:5", "a scorer entry is", ""),
        ("scorers:\n  - {rubric: help, judge: {modle: x}}", "2:28", "no key 'modle'", "did you mean model"),
        ("scorers:\n  - heuristics: [words, words]", "2:5", "two are called 'words'", "NAME"),
        ("keep: 180", "1:1", "expected a valid string, found 180", "quotes"),
        ("keep: half a year", "1:1", "keep: .*found 'half a year'", "7d"),
        ("measured: 98", "1:1", "less than or equal to 1, found 98", ""),
        ("redact: [passwords]", "1:10", "'secrets' or 'pii', found 'passwords'", ""),
        ("reward:\n  name: r\n  terms:\n    a: {weight: -1}", "4:9", "greater than 0, found -1", ""),
        ("reward:\n  name: r\n  terms:\n    a: {weight: 1, optional: yes}", "4:20", "valid boolean, found 'yes'", "true or false"),
        ("reward: {name: r, terms: {a: {weight: 1}}, vetoes: [{metric: x}]}", "1:53", "a veto needs one of", "at_most"),
        ("gates:\n  - {at_least: 0.7}", "2:5", "exactly one of reward, metric, measured", ""),
        ("gates:\n  - {reward: r}", "2:5", "exactly one of at_least", ""),
        ("feedback:\n  - {format: x, path: y, sources: [robots]}", "2:36", "found 'robots'", ""),
        ("- a", "1:1", "must be a mapping", ""),
        ("store: 1\nkeep: 2", "1:1", r"\(and 1 more\)", ""),
    ],
)
def test_errors_carry_line_column_and_key(load, tmp_path, text, where, says, hint):
    with pytest.raises(ConfigError, match=says) as caught:
        load(text)
    assert caught.value.where == f"{tmp_path / 'judge.yaml'}:{where}"
    assert hint in caught.value.hint
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_named_file_must_be_there(load, tmp_path):
    with pytest.raises(EnvironmentFailure, match="No such file"):
        load(config=str(tmp_path / "gone.yaml"))


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"JUDGE_MAX_BAD": "lots"}, "JUDGE_MAX_BAD is 'lots'"),
        ({"JUDGE_MAX_BAD": "nan"}, "no share"),
        ({"JUDGE_MEASURED": "98"}, "measured is 98"),
        ({"JUDGE_WORKERS": "2.5"}, "no whole number"),
        ({"JUDGE_WORKERS": "inf"}, "no whole number"),
        ({"JUDGE_WORKERS": "0"}, "0 workers"),
    ],
)
def test_bad_variables(load, variables, says):
    with pytest.raises(UsageError, match=says):
        load(environment=variables)


@pytest.mark.parametrize(
    ("entry", "allowed", "says"),
    [
        ("heuristics: [./mine.py:politeness]", False, "is code of the project"),
        ("polite: {./mine.py:politeness: {n: 1}}", False, "is code of the project"),
    ],
)
def test_what_may_not_run_is_refused_when_used(load, entry, allowed, says):
    settings = load(f"scorers:\n  - {entry}", Flags(allow_code=allowed))
    with pytest.raises(ConfigError, match=says):
        settings.configured_scorers()


def test_code_runs_with_consent_only(load):
    settings = load("scorers:\n  - heuristics: [./mine.py:politeness]", Flags(allow_code=True))
    (entry,) = settings.configured_scorers()
    assert (entry.name, entry.target) == ("politeness", "./mine.py:politeness")
    assert isinstance(entry, ScorerEntry)


def test_mapping_options():
    assert parse_mapping(["output=a.b|c", "tags.x=y", "auto"]) == ({"output": "a.b|c", "tags.x": "y"}, True)


@pytest.mark.parametrize(
    ("given", "says", "hint"),
    [
        (["output"], "cannot read --map 'output'", "FIELD=PATH"),
        (["=x"], "cannot read", "FIELD=PATH"),
        (["ouput=x"], "no record field 'ouput'", "did you mean output"),
        (["tags.=x"], "no record field", "tags.NAME"),
        (["output=a", "output=b"], "given twice", "output=a|b"),
    ],
)
def test_mapping_errors(given, says, hint):
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        parse_mapping(given)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("ci", "mapping", "guess"), [("", (), True), ("true", (), False), ("1", ("auto",), True), ("false", (), True)])
def test_guessing_is_off_in_ci(load, ci, mapping, guess):
    assert load(flags=Flags(map=mapping), environment={"CI": ci}).guess is guess


def test_source_takes_the_first_entry_that_covers_a_path(load):
    text = "logs:\n  - {path: 'logs/*.csv', format: csv, zone: UTC, map: {input: q}}\n  - {path: other, format: chat}"
    settings = load(text, Flags(map=("output=o",), zone="Europe/Berlin"))
    assert settings.source("./logs/a.csv") == LogSource("./logs/a.csv", "csv", "Europe/Berlin", {"input": "q", "output": "o"})
    assert settings.source("other/b.jsonl").format == "chat"
    assert settings.source("else.jsonl") == LogSource("else.jsonl", None, "Europe/Berlin", {"output": "o"})


def test_nothing_of_200_hostile_files_is_executed(load, tmp_path):
    bait = tmp_path / "executed"
    payloads = [
        f"!!python/object/apply:builtins.open ['{bait}', w]",
        f"$(touch {bait})",
        f"`touch {bait}`",
        "{{ 7*7 }}",
        f"open('{bait}', 'w')",
    ]
    fields = [
        *("store: {}", "logs: [{{path: {}}}]", "policy: [{}]", "cluster: {}", "group: {}", "keep: {}", "redact: [{}]", "scorers: [{{heuristics: [{}]}}]"),
        *(
            "scorers: [{{rubric: {}}}]",
            "scorers: [{{reward_model: {}}}]",
            "scorers: [{{x: {{{}: {{}}}}}}]",
            "scorers: [{{x: {{regex: {{pattern: {}}}}}}}]",
            "measured: {}",
        ),
        *(
            "gates: [{{metric: {}, at_least: 1}}]",
            "report: {{html: {}}}",
            "feedback: [{{format: {}, path: x}}]",
            "value: {{half_life: {}}}",
            "alarms: {{reference: {}}}",
        ),
        *("reward: {{name: r, terms: {{{}: {{weight: 1}}}}}}", "{}: 1"),
    ]
    quoted = [payload if payload.startswith("!!") else f'"{payload}"' for payload in payloads] + payloads + ["./evil.py:run", '"./evil.py:run"']
    (tmp_path / "evil.py").write_text(f"open({str(bait)!r}, 'w')\ndef run(output): return [0]\n")
    tried = refused = 0
    for field in fields:
        for payload in quoted:
            tried += 1
            try:
                load(field.format(payload)).configured_scorers()
            except (ConfigError, UsageError):
                refused += 1
    assert tried >= 200
    assert refused > tried / 2
    assert not bait.exists()


def test_the_page_names_every_key_and_its_example_loads(load):
    from judgecli.config.project import Project

    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [key for key in Project.model_fields if f"`{key}`" not in page] == []
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(load(example).scorers) == 7


@pytest.mark.parametrize(
    ("entry", "path", "covers"),
    [
        (".", "./logs/app.jsonl", True),
        ("./", "app.jsonl", True),
        (".", "../other/app.jsonl", False),
        (".", "/elsewhere/app.jsonl", False),
        ("logs/**/*.jsonl", "logs/app.jsonl", True),
        ("logs/**/*.jsonl", "logs/2026/10/app.jsonl", True),
        ("logs/", "logs/app.jsonl", True),
        ("logs", "logs2/app.jsonl", False),
        ("../logs/./a.jsonl", "../logs/a.jsonl", True),
    ],
)
def test_the_mapping_of_a_folder_or_glob_holds_for_every_file_that_it_names(load, entry, path, covers):
    found = load(f"logs: [{{path: '{entry}', map: {{input: q}}}}]").source(path)
    assert dict(found.map) == ({"input": "q"} if covers else {})
