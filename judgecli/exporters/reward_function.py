"""A reward as a Python file for RL trainers: no training data, but the function that scores what a policy writes.

reward = judgecli.reward_function(config=ROOT / "judge.yaml", root=ROOT, identity="3f0c...")
compute_score = reward.compute_score
"""

import os
import pprint
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "reward-function"
DEFINITION = "A Python file that gives the reward to a trainer as a function, pinned to its identity."
TRAINERS = "TRL GRPOTrainer, RLOOTrainer (reward_funcs); verl (custom_reward_function, compute_score)"
SAMPLE = 'reward = judgecli.reward_function(config=ROOT / "judge.yaml", root=ROOT, identity="3f0c5a9be1d24c77")'


@dataclass(frozen=True)
class Pinned:
    """What the file says: the reward's name and identity, and how to open it again."""

    name: str
    identity: str
    scorers: tuple[str, ...]
    config: Path | None
    options: Mapping[str, str]
    unscored: float | None
    allow_code: bool
    columns: Sequence[str]
    required: Sequence[str]


TEXT = '''"""The reward {name} (identity {identity}) for RL trainers. Written by `judge export reward-function`; needs judgecli.

It reads: {columns}. Importing it fails if the reward is no longer the one it was written for.

TRL:   from {module} import reward
       GRPOTrainer(..., reward_funcs=[reward])           columns of the dataset are passed on by their names
verl:  custom_reward_function.path={file} custom_reward_function.name=compute_score
"""

from pathlib import Path

import judgecli

ROOT = (Path(__file__).resolve().parent / {root!r}).resolve()  # where the reward's files lie

reward = judgecli.reward_function(
{arguments}
)
compute_score = reward.compute_score
'''


def reward_source(pinned: Pinned, path: Path) -> str:
    """The text of the file, which will lie at `path`; files of the reward are named relative to it."""
    here = Path.cwd()
    arguments = [repr(text) for text in pinned.scorers]
    if pinned.config is not None:
        arguments.append(f"config=ROOT / {os.path.relpath(pinned.config, here)!r}")
    arguments += ["root=ROOT", f"identity={pinned.identity!r}"]
    if pinned.options:
        arguments.append(f"columns={pprint.pformat(dict(pinned.options), width=1000)}")
    if pinned.unscored is not None:
        arguments.append(f"unscored={pinned.unscored!r},  # what verl gets for an output without a reward")
    if pinned.allow_code:
        arguments.append("allow_code=True")
    lines = "\n".join(f"    {line}" if ",  #" in line else f"    {line}," for line in arguments)
    reads = ", ".join(f"{name} (needed)" if name in pinned.required else name for name in pinned.columns)
    root = os.path.relpath(here, path.resolve().parent)
    said = {"name": pinned.name, "identity": pinned.identity, "columns": reads, "module": path.stem, "file": path.name}
    return TEXT.format(**said, root=root, arguments=lines)
