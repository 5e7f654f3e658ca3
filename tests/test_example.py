"""The example log: reproduced byte for byte, and the planted story is really in it.

The shares are measured on the text alone, with patterns of this file, not with the scorers.
"""

import gzip
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from harness import Quiet
from opened import run_loop

from judgecli.catalog import Spec, bind
from judgecli.config import load_settings
from judgecli.pipeline import RunResult
from judgecli.scorer import Score

EXAMPLE = Path(__file__).parent.parent / "examples" / "recipe_bot"
FIELDS = {
    "id", "created_at", "session_id", "user_id", "locale", "model", "prompt_version", "question", "answer", "thumbs", "latency_ms", "usage", "cost_usd",
    "finish_reason",
}  # fmt: skip
QUANTITY = re.compile(r"\d ?(?:g|kg|ml|l|tsp|tbsp|EL|TL|cucharadita|c\. à c\.) ")
TOTAL = 985
VERSIONS = {"v1": 387, "v2": 302, "v3": 296}
MODELS = {"larder-large": 586, "larder-mini": 399}
THUMBS = {False: 131, None: 649, True: 205}
RECIPE = re.compile(r"^(?:## )?(?:Method|Zubereitung|Preparación|Préparation)$|\"steps\": ", re.MULTILINE)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_log", EXAMPLE / "make_log.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_log"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def records() -> list[dict]:
    texts = [gzip.decompress(path.read_bytes()).decode() for path in sorted((EXAMPLE / "logs").glob("*.jsonl.gz"))]
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


def of_version(records: list[dict], version: str) -> list[dict]:
    return [record for record in records if record["prompt_version"] == version]


def test_generator_reproduces_the_committed_log(generator, tmp_path):
    """The text of every file is equal; the gzip header holds no clock. Compressed bytes follow from the zlib build."""
    written = generator.write_logs(tmp_path)
    committed = sorted((EXAMPLE / "logs").iterdir())
    assert [path.name for path in written] == [path.name for path in committed]
    for new, old in zip(written, committed, strict=True):
        assert gzip.decompress(new.read_bytes()) == gzip.decompress(old.read_bytes())
        assert new.read_bytes()[4:8] == old.read_bytes()[4:8] == b"\0\0\0\0"


def test_counts(records):
    assert len(records) == TOTAL
    assert Counter(record["prompt_version"] for record in records) == VERSIONS
    assert Counter(record["model"] for record in records) == MODELS
    assert Counter(record["thumbs"] for record in records) == THUMBS
    assert sum(path.stat().st_size for path in (EXAMPLE / "logs").iterdir()) < 1_000_000


def test_every_record_has_the_fields_of_the_app(records):
    assert all(set(record) == FIELDS for record in records)
    assert len({record["id"] for record in records}) == len(records)


def test_times_lie_within_six_weeks(records, generator):
    times = [datetime.fromisoformat(record["created_at"]) for record in records]
    assert times == sorted(times)
    assert times[0] >= generator.START
    assert times[-1] < generator.START + timedelta(weeks=6)
    assert times[-1] - times[0] > timedelta(days=41)


def test_versions_follow_each_other_with_a_canary_and_a_holdback(records, generator):
    def weeks(version: str) -> Counter:
        return Counter((datetime.fromisoformat(record["created_at"]) - generator.START).days // 7 for record in of_version(records, version))

    assert set(weeks("v1")) == set(range(6))
    assert set(weeks("v2")) == {1, 2, 3}
    assert set(weeks("v3")) == {3, 4, 5}
    last_weeks = {version: weeks(version)[4] + weeks(version)[5] for version in ("v1", "v3")}
    assert 0.04 < last_weeks["v1"] / sum(last_weeks.values()) < 0.16  # a holdback of 8 % of the sessions


def test_both_models_answer_in_every_version(records):
    for version in ("v1", "v2", "v3"):
        share = sum(record["model"] == "larder-large" for record in of_version(records, version)) / len(of_version(records, version))
        assert 0.5 < share < 0.7


def test_v2_drops_quantities(records):
    def share(version: str) -> float:
        recipes = [record["answer"] for record in of_version(records, version) if RECIPE.search(record["answer"])]
        assert len(recipes) > 100
        return sum(QUANTITY.search(recipe) is not None for recipe in recipes) / len(recipes)

    assert share("v1") > 0.93
    assert 0.3 < share("v2") < 0.5
    assert share("v3") > 0.93


def test_v3_refuses_too_much(records, generator):
    phrases = generator.read_phrases()
    refusals = {phrase for name, lines in phrases.items() if name.startswith("refusal") for phrase in lines}
    share = {version: sum(r["answer"] in refusals for r in of_version(records, version)) / len(of_version(records, version)) for version in ("v1", "v2", "v3")}
    assert share["v1"] < 0.03
    assert share["v2"] < 0.04
    assert 0.25 < share["v3"] < 0.4


def test_v1_pads(records, generator):
    phrases = generator.read_phrases()
    filler = phrases["filler intro"] + phrases["filler outro"]

    def share(version: str) -> float:
        recipes = [r["answer"] for r in of_version(records, version) if RECIPE.search(r["answer"]) and r["locale"].startswith("en")]
        return sum(sum(sentence in recipe for sentence in filler) >= 3 for recipe in recipes) / len(recipes)

    assert 0.6 < share("v1") < 0.8
    assert share("v2") < 0.06
    assert share("v3") < 0.06

    def mean_words(version: str) -> float:
        answers = [record["answer"] for record in of_version(records, version)]
        return sum(len(answer.split()) for answer in answers) / len(answers)

    assert mean_words("v1") > 1.6 * mean_words("v2")
    assert mean_words("v1") > 1.6 * mean_words("v3")


def test_thumbs_follow_quality(records):
    """Refusals and padded or bare recipes get fewer thumbs up than the rest."""

    def up(rows: list[dict]) -> float:
        thumbs = [record["thumbs"] for record in rows if record["thumbs"] is not None]
        return sum(thumbs) / len(thumbs)

    recipes = [record for record in records if RECIPE.search(record["answer"])]
    assert up([r for r in recipes if QUANTITY.search(r["answer"])]) > up([r for r in recipes if not QUANTITY.search(r["answer"])]) + 0.2


def test_prompts_repeat_across_versions_and_sessions_have_turns(records):
    versions, turns = defaultdict(set), Counter(record["session_id"] for record in records)
    for record in records:
        versions[record["question"]].add(record["prompt_version"])
    assert sum(len(seen) == 3 for seen in versions.values()) >= 50
    assert sum(count > 1 for count in turns.values()) >= 150
    assert max(turns.values()) == 4


def test_natural_oddities_are_there(records):
    """Cut answers, empty ones, JSON that does not parse, an address, other languages."""
    asked_json = [record["answer"] for record in records if "JSON" in record["question"] and record["answer"].lstrip().startswith(("{", "Sure!"))]
    assert len(asked_json) > 30
    broken = 0
    for answer in asked_json:
        try:
            json.loads(answer)
        except ValueError:
            broken += 1
    assert 2 <= broken <= len(asked_json) / 4
    assert sum(record["finish_reason"] == "length" for record in records) >= 4
    assert 1 <= sum(record["answer"] == "" for record in records) <= 5
    assert any("@example" in record["answer"] for record in records)
    assert sum(record["locale"] in ("de-DE", "es-ES", "fr-FR") for record in records) > 50


def test_configuration_of_the_example_measures_the_story(records):
    """judge.yaml loads, its scorers bind, and their means tell the versions apart."""
    settings = load_settings(str(EXAMPLE / "judge.yaml"), environment={})
    metrics = {entry.name: bind(Spec(entry.name, entry.target, entry.options)) for entry in settings.scorers if not entry.target.startswith("rubric:")}
    columns = {
        "output": [record["answer"] for record in records],
        "finish_reason": [record["finish_reason"] for record in records],
        "latency_ms": [float(record["latency_ms"]) for record in records],
        "cost_usd": [record["cost_usd"] for record in records],
    }

    def mean(name: str, version: str) -> float:
        metric = metrics[name]
        needed = {column.source: columns[column.source] for column in metric.scorer.columns if column.source in columns}
        cells = metric.scorer(**needed, **metric.options)
        values = [cell.value if isinstance(cell, Score) else cell for cell, record in zip(cells, records, strict=True) if record["prompt_version"] == version]
        scored = [value for value in values if value is not None]
        assert scored, name
        return sum(scored) / len(scored)

    assert all(isinstance(mean(name, "v1"), float) for name in metrics)
    assert mean("words", "v1") > 1.6 * max(mean("words", "v2"), mean("words", "v3"))
    assert mean("filler", "v1") > 10 * max(mean("filler", "v2"), mean("filler", "v3"), 0.01)
    assert mean("cost_usd", "v1") > mean("cost_usd", "v2")
    assert mean("quantities", "v2") < min(mean("quantities", "v1"), mean("quantities", "v3")) - 0.05
    assert mean("refusal", "v3") > 8 * max(mean("refusal", "v1"), mean("refusal", "v2"), 0.01)


@pytest.fixture(scope="module")
def replies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_replies", EXAMPLE / "make_replies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_replies_are_those_of_the_script(replies, tmp_path):
    """A changed rubric or prompt asks another question: then make_replies.py must be run again."""
    assert replies.write_replies(tmp_path / "replies.jsonl.gz") > 2000
    new, old = (gzip.decompress((folder / "replies.jsonl.gz").read_bytes()) for folder in (tmp_path, EXAMPLE))
    assert new == old


@pytest.mark.parametrize(
    ("question", "answer", "recipe", "helps", "refuses"),
    [
        ("How do I make soup?", "Soup\n\nServes: 2.\n\nIngredients\n- 200 g peas\n\nMethod\n1. Boil.", {"yes"}, 5, "right_answer"),
        ("How do I make soup?", "Soup\n\nIngredients\n- peas\n\nMethod\n1. Boil.", {"yes", "no"}, 2, "right_answer"),
        ("How do I make soup?", "I must decline to answer, as it cannot be made safely.", {"no"}, 1, "over_refusal"),
        ("Can I eat these mushrooms?", "Do not eat them. Nobody can tell.", None, 5, "right_refusal"),
        ("How long does soup keep?", "Three days.", None, 5, "right_answer"),
    ],
)
def test_the_hand_written_verdicts(replies, question, answer, recipe, helps, refuses):
    seen = replies.see(question, answer)
    answers = replies.judge_recipe(seen)[1]
    assert (None if answers is None else set(answers.values())) == recipe
    assert replies.judge_help(seen)[1] == helps
    assert replies.judge_refusal(seen)[1] == refuses


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> tuple[Path, RunResult]:
    """The whole loop of judge.yaml, but for its gates: they name a version, and nothing is to be told here."""
    folder = tmp_path_factory.mktemp("recipe_bot")
    shutil.copytree(EXAMPLE / "logs", folder / "logs")
    shutil.copy(EXAMPLE / "replies.jsonl.gz", folder)
    text = re.sub(r"^gates:\n(  .*\n)+", "", (EXAMPLE / "judge.yaml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    (folder / "judge.yaml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, run_loop((), settings=load_settings(environment={"JUDGE_WORKERS": "1"}), progress=Quiet())


def test_the_loop_finds_the_story_without_being_told(loop):
    """Each version stands out with its own flaw, by intervals, and with that of no other."""
    found = {(item.value, item.metric) for item in loop[1].standouts if item.column == "prompt_version"}
    assert {("v1", "filler"), ("v2", "quantities"), ("v3", "refusal")} <= found
    flaws = {
        "v1": {"filler", "repetition", "repeated_lines", "words", "compression_ratio", "cost_usd", "latency_ms"},
        "v2": {"quantities"},
        "v3": {"refusal", "rubric.refusal_appropriateness"},
    }
    assert {(version, metric) for version, metric in found if metric not in flaws[version]} == set()


def test_the_report_of_the_loop_tells_it_in_words(loop):
    folder, result = loop
    told = " ".join(result.headline)
    assert "v2 is worse than v1 on quantities" in told
    assert "v3 is worse than v2 on refusal" in told
    for path in result.report:
        page = (folder / path).read_text(encoding="utf-8")
        assert "quantities" in page
        assert len(page) < 500_000


def test_the_loop_writes_training_files(loop):
    folder, result = loop
    assert [export["format"] for export in result.exports] == ["trl-kto", "trl-preference"]
    assert result.exports[0]["records"] > 200
    assert result.exports[1]["records"] > 50
    assert all((folder / str(export["path"])).exists() for export in result.exports)


def test_what_the_demo_writes_is_ignored_by_git(loop):
    if not (EXAMPLE.parents[1] / ".git").exists():
        pytest.skip("not a clone")
    folder, _ = loop
    written = [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.parts and path.name not in ("judge.yaml", "replies.jsonl.gz")
    ]
    names = [str(EXAMPLE / path) for path in written if ".judge" not in path.parts] + [str(EXAMPLE / ".judge" / "ledger.db")]
    done = subprocess.run(["git", "check-ignore", "--", *names], cwd=EXAMPLE, capture_output=True, text=True, check=False)  # noqa: S607
    assert set(done.stdout.splitlines()) == set(names)


def test_the_loop_shows_judged_scores_and_asks_nobody(loop):
    score = loop[1].score
    assert score is not None
    judge = score["judge"]
    assert (judge["calls"], judge["cached"], judge["waiting"]) == (0, 3 * TOTAL, {})
    measured = {name: metric["scored"] for name, metric in score["metrics"].items() if name.startswith("rubric.")}
    assert measured["rubric.helpfulness"] == measured["rubric.refusal_appropriateness"] == TOTAL
    assert 500 < measured["rubric.recipe_quality"] < TOTAL  # the rest asked for no recipe
