"""Labels of the store as training data for a reward model."""

from harness import score, write_lines
from opened import read_labelled

from judgecli.config.project import Project
from judgecli.config.settings import Settings


def stored(tmp_path, lines):
    fields = ("messages", "model") if "messages" in lines[0] else ("input", "output", "model")
    mapping = {"label.thumb": "thumb", **dict(zip(fields, fields, strict=True))}
    made = [{"model": "m1", **line, "n": number} for number, line in enumerate(lines)]
    score(tmp_path / "store", [write_lines(tmp_path / "log.jsonl", made)], map=mapping)
    return Settings(project=Project(), store=tmp_path / "store")


def line(question, answer, thumb=None):
    return {"input": question, "output": answer, **({} if thumb is None else {"thumb": thumb})}


def test_good_and_bad_answers_to_a_prompt_are_pairs_and_the_rest_verdicts(tmp_path):
    lines = [line("Hi?", "a", True), line("hi?", "b", False), line("Hi?", "c", False), line("Else?", "x", True), line("None?", "y")]
    found = read_labelled(stored(tmp_path, lines))
    pairs = sorted((one.chosen, one.rejected, one.weight, one.source) for one in found.comparisons)
    assert pairs == [("a", "b", 0.5, "user"), ("a", "c", 0.5, "user")]
    assert {one.prompt for one in found.comparisons} == {"Hi?"}
    assert [(one.prompt, one.output, one.value, one.tags) for one in found.verdicts] == [("Else?", "x", 1.0, {"model": "m1"})]
    assert found.read == 3


def test_what_contradicts_itself_or_holds_a_secret_is_dropped(tmp_path):
    key = "AKIA" + "QYLPMN5HFIQR7XYA"
    lines = [line("p", "same", True), line("p", "same", False), line("q", f"use {key}", True), line("r", "fine", True)]
    found = read_labelled(stored(tmp_path, lines))
    assert (found.comparisons, [one.output for one in found.verdicts]) == ([], ["fine"])
    assert dict(found.dropped) == {"raters_disagree": 1, "secret": 1}
    assert found.read == 3


def test_a_dialogue_is_told_with_roles_as_files_tell_it(tmp_path):
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Refunds?"},
        {"role": "assistant", "content": "30 days."},
    ]
    (one,) = read_labelled(stored(tmp_path, [{"messages": messages, "thumb": True}])).verdicts
    assert (one.prompt, one.output) == ("User: Hi\n\nAssistant: Hello\n\nUser: Refunds?", "30 days.")


def test_a_store_without_labels_gives_nothing(tmp_path):
    found = read_labelled(stored(tmp_path, [line("p", "a")]))
    assert (found.comparisons, found.verdicts, found.read) == ([], [], 0)
