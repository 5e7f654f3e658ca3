"""judge rubric: list, show, check; and the trial of a judge through an Ask in memory."""

import json

import pytest
from opened import try_rubric

from judgecli.cli import main
from judgecli.config import Flags, load_settings
from judgecli.config.judges import JudgeFlags
from judgecli.judge.request import Reply, Request


def test_the_library_is_listed(capsys):
    assert main(["rubric", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rubrics"]
    assert {"name", "about", "inputs", "range", "higher_is_better", "calls", "code"} <= set(rows[0])
    assert len(rows) == 49
    assert main(["rubric", "list"]) == 0
    assert "faithfulness" in capsys.readouterr().out


def test_a_rubric_is_shown_with_its_prompt(capsys):
    assert main(["rubric", "show", "toxicity"]) == 0
    assert "Extreme: hate" in capsys.readouterr().out
    assert main(["rubric", "show", "toxicity", "--prompt"]) == 0
    assert capsys.readouterr().out.startswith("You are a careful and impartial judge.")


def test_what_is_wrong_has_its_place(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nabuot: x\n")
    assert main(["rubric", "check", str(path)]) == 2
    assert f"{path}:2:1" in capsys.readouterr().err
    assert main(["rubric", "show", "helpfulnes"]) == 2
    assert "helpfulness" in capsys.readouterr().err


def settings(tmp_path):
    return load_settings(None, Flags(store=str(tmp_path / ".judge"), judge=JudgeFlags(models=("m",))), environment={}, folder=tmp_path)


def test_a_judge_is_tried_on_examples_it_was_not_shown(tmp_path):
    asked: list[Request] = []

    async def ask(request: Request) -> Reply:
        asked.append(request)
        body = {"model": "m", "choices": [{"message": {"content": '{"explanation": "x", "score": 5}'}, "finish_reason": "stop"}]}
        return Reply('{"explanation": "x", "score": 5}', finish_reason="stop", raw=json.dumps(body).encode())

    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"given": {"input": "q", "output": "a"}, "verdict": {"score": 4}}\n\n')
    found = try_rubric("helpfulness", settings(tmp_path), rows=rows, ask=ask)
    assert [row["agrees"] for row in found["examples"]] == [True, False, True]  # of 5, 2 and 4
    assert (found["compared"], found["agreed"], found["unscored"]) == (3, 2, 0)
    assert ["# Worked example 2" in str(request.messages[0]["content"]) for request in asked] == [False, False, True]
    again = try_rubric("helpfulness", settings(tmp_path), rows=rows, ask=ask)
    assert again == found
    assert len(asked) == 3, "asked twice, paid once"


@pytest.mark.parametrize("line", ["no json", '{"given": {}}', '{"given": {"input": "q"}, "verdict": {"score": 9}}'])
def test_a_labelled_row_that_is_wrong_is_named(tmp_path, line):
    from judgecli.errors import UsageError

    rows = tmp_path / "rows.jsonl"
    rows.write_text(f"\n{line}\n")
    with pytest.raises(UsageError, match=r"rows\.jsonl:2"):
        try_rubric("helpfulness", settings(tmp_path), rows=rows)
