"""judge align on real judgements: the stored oracle, SummEval's experts, LLMBar's swapped orders; labels from files; planted errors."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from harness import DATA, score
from opened import align_metric, import_labels

from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import Incomplete, MissingColumn, NoRecords, UnknownName, UsageError
from judgecli.pipeline.align import Alignment
from judgecli.stats.intervals import mean_interval


def settings(folder: Path):
    return load_settings(environment={"JUDGE_STORE": str(folder / "store")}, folder=folder)


def rows_of(path: str) -> list[dict]:
    if not (DATA / path).exists():
        pytest.skip("the shared data is not here")
    return [json.loads(line) for line in gzip.open(DATA / path, "rt", encoding="utf-8")]


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("files", "labels", "oracle"), [(["base"], 480, 0.754), (["clone", "clone_probe"], 50, 0.779)])
def test_the_corrected_mean_is_where_the_oracle_has_it(tmp_path, files, labels, oracle):
    """The cheap judge is about 0.08 too kind; its corrected mean lies within the interval of the oracle's own mean, from the labelled part only."""
    rows = [row for file in files for row in rows_of(f"judge_alignment/cje_arena_{file}.jsonl.gz")]
    log = write(tmp_path / "log.jsonl", [{**row, "id": f"{place}"} for place, row in enumerate(rows)])
    maps = {"input": "prompt", "output": "response", "score.judge": "judge_score", "id": "id"}
    score(tmp_path / "store", [log], ["score.judge"], map=maps)
    import_truth(tmp_path, rows)
    found = align_metric(settings(tmp_path), "score.judge", Alignment("truth", same_units=True))
    truth = np.array([row["oracle_label"] for row in rows if row.get("oracle_label") is not None])
    plain = mean_interval(truth, np.ones(len(truth)))
    assert found["n"] == labels == len(truth)
    assert plain.mean == pytest.approx(oracle, abs=0.001)
    assert plain.low <= found["corrected"]["mean"] <= plain.high
    assert found["corrected"]["low"] <= oracle <= found["corrected"]["high"]
    assert found["corrected"]["high"] - found["corrected"]["low"] <= 1.1 * (plain.high - plain.low)
    assert found["corrected"]["raw"] > plain.high or labels == 50
    assert found["bias"]["mean"]["value"] == pytest.approx(
        np.mean([row["judge_score"] - row["oracle_label"] for row in rows if row.get("oracle_label") is not None])
    )


def import_truth(folder: Path, rows: list[dict]) -> None:
    labels = [{"id": str(place), "value": row["oracle_label"]} for place, row in enumerate(rows) if row.get("oracle_label") is not None]
    import_labels(settings(folder), str(write(folder / "truth.jsonl", labels)), name="truth")


@pytest.mark.long
def test_llmbars_flips_are_those_that_are_stored(tmp_path):
    rows = rows_of("preferences/llmbar_processed_human.jsonl.gz")
    expected = {("MT-Bench", "GPT-4"): (159, 165), ("MT-Bench", "ChatGPT"): (140, 145), ("FairEval", "GPT-4"): (51, 45)}
    expected |= {("FairEval", "ChatGPT"): (44, 32), ("LLMEval^2", "GPT-4"): (152, 150), ("LLMEval^2", "ChatGPT"): (140, 141)}
    verdict = {"1": 1.0, "2": 0.0}
    log = []
    for row in rows:
        scores = {f"{name}_{order}": verdict.get(str(said[f"swap={order}"]), 0.5) for name, said in row["judges"].items() for order in (False, True)}
        log.append({"id": row["id"], "input": row["input"], "output": row["output_1"], "set": row["set"], **scores})
    columns = ["GPT-4_False", "GPT-4_True", "ChatGPT_False", "ChatGPT_True"]
    names = {column: "score." + column.replace("-", "").lower() for column in columns}
    maps = {name: column for column, name in names.items()} | {"id": "id", "input": "input", "output": "output", "tags.set": "set"}
    score(tmp_path / "store", [write(tmp_path / "log.jsonl", log)], list(names.values()), map=maps)
    labels = [{"id": row["id"], "value": float(row["label"] == 1)} for row in rows]
    import_labels(settings(tmp_path), str(write(tmp_path / "people.jsonl", labels)), name="better")
    for (group, judge), (right, swapped_right) in expected.items():
        own, other = (names[f"{judge}_{order}"] for order in (False, True))
        found = align_metric(settings(tmp_path), own, Alignment("better", on=f"tags.set={group}", swapped=other))["position"]
        stored = [row for row in rows if row["set"] == group]
        flips = sum(row["judges"][judge]["swap=False"] != row["judges"][judge]["swap=True"] for row in stored)
        assert (found["right"]["shown"], found["right"]["swapped"]) == (right, swapped_right)
        assert (found["flips"], found["n"]) == (flips, len(stored))


@pytest.mark.long
def test_summeval_agrees_as_measured():
    """Summary-level Spearman (the mean over documents) of our ROUGE-1 and of length with the experts."""
    from scipy import stats

    from judgecli.scorers.reference.rouge import rouge_1

    documents = {row["doc_id"]: row["reference"] for row in rows_of("judge_alignment/summeval_docs.jsonl.gz")}
    rows = rows_of("judge_alignment/summeval_scores.jsonl.gz")
    rouge = rouge_1([row["summary"] for row in rows], [documents[row["doc_id"]] for row in rows], stemmer=True)
    length = [len(row["summary"]) for row in rows]
    expected = {"coherence": (0.122, 0.009), "consistency": (0.159, 0.101), "fluency": (0.107, 0.003), "relevance": (0.256, 0.147)}
    for name, wanted in expected.items():
        for values, number in zip((rouge, length), wanted, strict=True):
            found = []
            for document in documents:
                own = [place for place, row in enumerate(rows) if row["doc_id"] == document]
                human = [rows[place]["human"][name] for place in own]
                if len(set(human)) > 1:
                    found.append(stats.spearmanr([values[place] for place in own], human).statistic)
            assert np.mean(found) == pytest.approx(number, abs=0.006), name


def judged_log(folder: Path, *, n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A 0/1 judge with sensitivity .9 and specificity .8 on records of which 70 % are good; returns (truth, judged)."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(n) < 0.7).astype(int)
    judged = np.where(draw.random(n) < np.where(truth == 1, 0.9, 0.8), truth, 1 - truth)
    rows = [{"id": f"r{at}", "input": f"q{at}", "output": "yes" if judged[at] else "no", "model": "a" if at % 2 else "b"} for at in range(n)]
    score(folder / "store", [write(folder / "log.jsonl", rows)], ["ok=regex:pattern=yes"])
    return truth, judged


def test_agreement_is_that_of_scikit_learn(tmp_path):
    from sklearn import metrics

    truth, judged = judged_log(tmp_path)
    told = import_labels(settings(tmp_path), str(write(tmp_path / "anna.jsonl", [{"id": f"r{at}", "value": int(truth[at])} for at in range(200)])), name="good")
    assert told["labels"] == told["new"] == 200
    assert told["raters"] == {"anna": 200}
    found = align_metric(settings(tmp_path), "ok", Alignment("good", by=("model",)))
    y, f = truth[:200], judged[:200]
    assert found["kappa"] == pytest.approx(metrics.cohen_kappa_score(y, f))
    assert found["agreement"] == pytest.approx((y == f).mean())
    assert found["sensitivity"] == pytest.approx(f[y == 1].mean())
    assert found["specificity"] == pytest.approx(1 - f[y == 0].mean())
    assert found["auroc"] == pytest.approx(metrics.roc_auc_score(y, f))
    low, high = found["intervals"]["kappa"]
    assert low < found["kappa"] < high
    assert found["corrected"]["low"] <= 0.7 <= found["corrected"]["high"]
    assert [part["policy"] for part in found["segments"]] == [{"model": "a"}, {"model": "b"}]
    again = align_metric(settings(tmp_path), "ok", Alignment("good", by=("model",)))
    assert json.dumps(again) == json.dumps(found)


def test_labels_from_elsewhere_correct_by_the_judges_errors(tmp_path):
    """Only bad answers and a few good ones were labelled: the sample's rate is wrong, sensitivity and specificity are not."""
    truth, _ = judged_log(tmp_path, n=1500)
    chosen = [at for at in range(1500) if truth[at] == 0 or at % 4 == 0]
    import_labels(settings(tmp_path), str(write(tmp_path / "l.jsonl", [{"id": f"r{at}", "value": int(truth[at])} for at in chosen])), name="good")
    found = align_metric(settings(tmp_path), "ok", Alignment("good", origin="elsewhere"))["corrected"]
    assert found["method"] == "rogan-gladen"
    assert found["low"] <= truth.mean() <= found["high"]
    wrong = align_metric(settings(tmp_path), "ok", Alignment("good"))["corrected"]
    assert wrong["high"] < truth.mean()


def test_signals_show_the_corrected_mean_beside_the_raw_one(tmp_path):
    from opened import compute_signals

    truth, _ = judged_log(tmp_path)
    (tmp_path / "judge.yaml").write_text("align: {ok: {label: good}}\n", encoding="utf-8")
    bare = compute_signals(settings(tmp_path), by=["model"], window="all")
    assert {row.corrected for row in bare.rows} == {None}
    assert "no label by human" in bare.notes[-1]
    import_labels(settings(tmp_path), str(write(tmp_path / "l.jsonl", [{"id": f"r{at}", "value": int(truth[at])} for at in range(200)])), name="good")
    rows = [row for row in compute_signals(settings(tmp_path), by=["model"], window="all").rows if row.metric == "ok"]
    segments = align_metric(settings(tmp_path), "ok", Alignment("good", by=("model",)))["segments"]
    assert [row.corrected for row in rows] == [part["corrected"] for part in segments]
    assert [row.mean for row in rows] == pytest.approx([part["mean"] for part in segments])


def test_a_file_of_labels_is_never_guessed_at(tmp_path):
    judged_log(tmp_path, n=30)
    own = settings(tmp_path)
    bad = [{"id": "r1", "value": "nan"}, {"id": "r2"}, {"value": 1}, {"id": "r3", "value": 1, "time": "soon"}, [1], {"key": "zz", "value": 1}]
    with pytest.raises(Incomplete, match="6 of 7 rows are no labels"):
        import_labels(own, str(write(tmp_path / "bad.jsonl", [*bad, {"id": "r4", "value": 1}])), name="good")
    with pytest.raises(UnknownName):
        align_metric(own, "ok", Alignment("good"))
    (tmp_path / "ok.csv").write_text("id,name,value,rater\nr1,good,1,ann\nr1,good,0,bob\nr9999,good,1,ann\n", encoding="utf-8")
    told = import_labels(own, str(tmp_path / "ok.csv"))
    assert (told["labels"], told["dropped"]) == (2, {"no_record": 1})
    assert import_labels(own, str(tmp_path / "ok.csv"))["replaced"] == 2
    with pytest.raises(NoRecords):
        align_metric(own, "ok", Alignment("good"))  # ann and bob are evenly split
    (tmp_path / "mixed.csv").write_text("id,name,value\nr1,mixed,1\nr2,mixed,fine\n", encoding="utf-8")
    import_labels(own, str(tmp_path / "mixed.csv"))
    with pytest.raises(UsageError, match="numbers and others are text"):
        align_metric(own, "ok", Alignment("mixed"))


def test_two_raters_make_a_ceiling(tmp_path):
    truth, _ = judged_log(tmp_path, n=100)
    rows = [{"id": f"r{at}", "name": "good", "value": int(truth[at]), "rater": rater} for at in range(100) for rater in ("ann", "bob", "cy")]
    import_labels(settings(tmp_path), str(write(tmp_path / "l.jsonl", rows)))
    top = align_metric(settings(tmp_path), "ok", Alignment("good"))["ceiling"]
    assert (top["raters"], top["n"], top["alpha"]) == (3, 100, 1.0)
    assert top["judge_alpha"] < 1


def test_the_command(tmp_path, monkeypatch, capsys):
    truth, _ = judged_log(tmp_path, n=60)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "people.jsonl", [{"id": f"r{at}", "value": int(truth[at])} for at in range(60)])
    assert main(["label", "import", "people.jsonl", "--name", "good", "--store", "store", "--json"]) == 0
    capsys.readouterr()
    assert main(["align", "ok", "--label", "good", "--store", "store", "--json", "-o", "a.md", "-o", "a.json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "a.json").read_text())
    for key in ("n", "agreement", "kappa", "weighted_kappa", "alpha", "spearman", "pearson", "auroc", "bias", "corrected"):
        assert key in document
        assert document[key] is not None or key in document["reasons"]
    assert "Cohen's kappa" in (tmp_path / "a.md").read_text()
    assert main(["align", "ok", "--label", "good", "--store", "store"]) == 0
    assert main(["align", "ok", "--label", "nope", "--store", "store"]) == 2
    assert main(["align", "ok", "--label", "good", "--store", "store", "-o", "a.pdf"]) == 2


def test_labels_of_users_are_pointed_at(tmp_path):
    truth, _ = judged_log(tmp_path, n=40)
    rows = [{"id": f"r{at}", "value": int(truth[at]), "rater_kind": "user"} for at in range(40)]
    import_labels(settings(tmp_path), str(write(tmp_path / "l.jsonl", rows)), name="good")
    with pytest.raises(UnknownName, match="no label by human raters is called 'good'") as caught:
        align_metric(settings(tmp_path), "ok", Alignment("good"))
    assert caught.value.hint == "there are 40 by user raters: --rater-kind user counts them (in judge.yaml: raters: [user])"
    assert align_metric(settings(tmp_path), "ok", Alignment("good", kinds=("user",)))["n"] == 40
    with pytest.raises(UnknownName) as caught:
        align_metric(settings(tmp_path), "ok", Alignment("goods"))
    assert "--rater-kind" not in caught.value.hint


def test_labels_that_belong_to_no_answer_are_an_error_that_says_so(tmp_path):
    """Read again by a mapping without answers, the log leaves labels of nothing; signals with `align` go on and say it."""
    log = write(tmp_path / "log.jsonl", [{"id": f"r{at}", "input": "q", "output": "yes", "text": "t", "up": at % 2 == 0} for at in range(20)])
    maps = {"id": "id", "input": "input", "label.up": "up"}
    score(tmp_path / "store", [log], ["ok=regex:pattern=yes"], map=maps | {"output": "output"})
    with pytest.raises(MissingColumn):
        score(tmp_path / "store", [log], ["ok=regex:pattern=yes"], map=maps | {"output": "nothing"})
    with pytest.raises(NoRecords, match=r"20 of the labels 'up' are there, and none belongs to an answer of this store \(no_record 20\)"):
        align_metric(settings(tmp_path), "ok", Alignment("up", kinds=("user",)))
