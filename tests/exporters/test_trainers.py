"""The trainers of the installed TRL load the files and make a step (extra `train`; `pytest -m trainers`, in CI)."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from judgecli.cli import main
from judgecli.exporters.files import TRAIN, write_export
from judgecli.exporters.format import ExportItem, format_named

USER, GOOD, BAD = ({"role": role, "content": text} for role, text in (("user", "Refunds?"), ("assistant", "30 days."), ("assistant", "We are great!")))
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
ORIGIN = {"source": "reward", "basis": "reward", "chosen": {"prompt_version": "2026-10-01"}}


def call(**arguments):
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": arguments}}]}


def items():
    """Plain questions, and before them tool calls with other arguments each: what a loader has to fit into one column."""
    for place in range(4):
        history = (USER, call(city="Rome") if place % 2 else call(days=place, unit="C"), {"role": "tool", "name": "f", "content": "12"})
        yield ExportItem(history, (GOOD,), (TOOL,), ORIGIN, worse=(call(city="x"),), margin=0.4, good=place % 2 == 0)
    for place in range(4):
        yield ExportItem((USER,), (GOOD,), (), ORIGIN, worse=(BAD,), margin=1.0, good=place % 2 == 0)


def run_script(folder, *arguments):
    """What the script printed, in a process of its own: without a GPU, a hub or our settings of warnings."""
    if importlib.util.find_spec("trl") is None:
        pytest.skip("TRL is not installed: pip install 'judgecli[train]'")
    script = Path(__file__).with_name("one_step.py")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.trainers
@pytest.mark.long
@pytest.mark.parametrize(("trainer", "name"), [("dpo", "trl-preference"), ("reward", "trl-preference"), ("kto", "trl-kto")])
def test_a_trainer_makes_a_step(trainer, name, tmp_path):
    kind = format_named(name)
    write_export(tmp_path / "rows.jsonl", [(TRAIN, kind.row(item, False)) for item in items()], kind, standard=False)
    assert f"{trainer}: 8 rows" in run_script(tmp_path, trainer, str(tmp_path / "rows.jsonl"))


@pytest.mark.trainers
@pytest.mark.long
@pytest.mark.parametrize("standard", [False, True], ids=["messages", "texts"])
def test_grpo_asks_the_exported_reward(standard, tmp_path, monkeypatch):
    """The policy is drawn by the trainer, the reward is that of judge.yaml, by the file that judge wrote."""
    kind = format_named("trl-preference")
    plain = [item for item in items() if not item.tools]  # TRL 1.16 generates from no prompt that holds a message without content
    write_export(tmp_path / "rows.jsonl", [(TRAIN, kind.row(item, standard)) for item in plain], kind, standard=standard)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "judge.yaml").write_text(
        "scorers: [{heuristics: [repetition]}, {letters: {regex: {pattern: '[a-z]'}}}]\n"
        "reward: {name: letters_first, terms: {letters: {weight: 3}, repetition: {weight: 1, optional: true}}}\n",
        encoding="utf-8",
    )
    assert main(["export", "reward-function", "-o", "rewards/made.py", "--quiet"]) == 0
    said = run_script(tmp_path, "grpo", str(tmp_path / "rows.jsonl"), str(tmp_path / "rewards" / "made.py"))
    assert f"grpo: {len(plain)} rows, letters_first" in said
    assert all(0 <= float(mean) <= 1 for mean in said.split("mean rewards ")[1].split())
