"""A reward as RL trainers call it: `reward_funcs` of TRL's GRPOTrainer, `compute_score` of verl."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judgecli import outputs
from judgecli.config.settings import Flags, load_settings
from judgecli.errors import ConfigError, Incomplete, UsageError
from judgecli.evidence.work import Work
from judgecli.pipeline.serve import CARD, open_reward, rooted, rooted_target
from judgecli.reward.outcome import LISTS, TAGS, LiveReward, Outcome, said_missing

if TYPE_CHECKING:
    pass

QUESTIONS = ("input", "question", "prompt", "problem")  # where verl's extra_info may hold the question


class RewardFunction:
    """One reward, fixed when it is made; called with prompts and completions, it returns a number or None each.

    It can be pickled: what is sent is its definition, opened again where it arrives and refused there if its identity is another.
    """

    def __init__(
        self,
        scorers: Sequence[str] = (),
        *,
        config: str | Path | None = None,
        root: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        unscored: float | None = None,
        identity: str | None = None,
        allow_code: bool = False,
    ) -> None:
        self._scorers, self._config = tuple(scorers), None if config is None else str(Path(config).resolve())
        self._root = Path(root).resolve() if root is not None else Path(config).resolve().parent if config is not None else Path.cwd()
        self._columns, self._unscored, self._allow_code = dict(columns or {}), unscored, allow_code
        self._lock, self._opened = threading.Lock(), None  # type: threading.Lock, LiveReward | None
        self._identity = identity
        self.__name__ = self.reward.name
        self._identity = self.reward.identity

    @property
    def identity(self) -> str:
        """16 hex digits: another value means other numbers."""
        return self.reward.identity

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], completion_ids: object = None, **columns: Any) -> list[float | None]:
        """The reward of each completion, None where it has none (TRL leaves such a row out of its group's baseline).

        `prompts`, `completions`: texts, or lists of messages; of a conversation the last question and the last answer count.
        Every other column of the dataset comes by its name: those that the reward reads are passed on, as `columns` maps them.
        Raises: UsageError where a column is missing that the reward cannot do without.
        """
        del completion_ids
        rows: dict[str, list[object]] = {"input": [last_text(prompt, "user") for prompt in prompts]}
        rows["output"] = [last_text(completion, "assistant") for completion in completions]
        rows |= self._further(columns, len(completions))
        outcomes = self.reward.rewards(rows)
        self._log(outcomes, columns)
        return [outcome.reward for outcome in outcomes]

    def compute_score(self, data_source: str, solution_str: str, ground_truth: object, extra_info: Mapping[str, Any] | None = None, **_: object) -> float:
        """The reward of one solution, as verl asks for it; `ground_truth` is the reference, the question is looked for in `extra_info`.

        verl needs a number. Raises: Incomplete where there is none, unless `unscored` was given, which then is returned.
        """
        del data_source
        extra = dict(extra_info or {})
        question = next((extra[name] for name in (self._columns.get("input"), *QUESTIONS) if name and extra.get(name) is not None), None)
        rows: dict[str, list[object]] = {"input": [last_text(question, "user")], "output": [solution_str]}
        rows |= self._further({name: [value] for name, value in {"reference": ground_truth, **extra}.items()}, 1)
        (outcome,) = self.reward.rewards(rows)
        if outcome.reward is not None:
            return outcome.reward
        if self._unscored is None:
            raise Incomplete(
                f"{self.__name__}: {said_missing([outcome])}, and verl takes numbers only",
                hint="reward_function(..., unscored=0.0) gives such outputs that number; it then cannot be told from a reward",
            )
        return self._unscored

    def close(self) -> None:
        """Close the endpoints of its judges."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_opened")}

    def __setstate__(self, state: Mapping[str, object]) -> None:
        vars(self).update(state)
        self._lock, self._opened = threading.Lock(), None

    @property
    def reward(self) -> LiveReward:
        """What is asked, opened at its first use in this process."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> LiveReward:
        settings = load_settings(self._config, Flags(allow_code=self._allow_code), folder=self._root)
        settings = rooted(settings, self._root)
        specs = []
        for text in self._scorers:
            name, equals, target = text.partition("=") if "=" in text.partition(":")[0] else ("", "", text)
            folder = str(self._root / target) if (self._root / target / CARD).is_file() else rooted_target(target, self._root)
            specs.append(f"{name}{equals}{folder}")
        reward = open_reward(specs, settings)
        if self._identity is not None and reward.identity != self._identity:
            reward.close()
            raise ConfigError(
                f"the reward '{reward.name}' has identity {reward.identity} now, and {self._identity} was asked for",
                where=str(settings.config or self._root),
                hint="its spec, scorers, weights or frozen numbers changed: bring them back, or write the file anew (judge export reward-function)",
            )
        return reward

    def _further(self, columns: Mapping[str, Any], total: int) -> dict[str, list[object]]:
        """The columns beyond input and output that the reward reads, from those that were passed."""
        reward = self.reward
        found: dict[str, list[object]] = {}
        for name in sorted(reward.columns - {"input", "output"}):
            plain = name.removeprefix(TAGS)
            places = (self._columns.get(name), self._columns.get(plain), name, plain, f"tags.{plain}")
            given = next((columns[place] for place in places if place is not None and place in columns), None)
            if given is not None:
                found[name] = [_passages(value) if name in LISTS else _text(value) for value in given]
            elif name in reward.required:
                raise UsageError(
                    f"the reward '{reward.name}' reads '{name}', and no such column was passed (there are {', '.join(sorted(columns)) or 'none'})",
                    hint=f"name the column that holds it: reward_function(..., columns={{'{plain}': 'COLUMN'}})",
                )
        uneven = next((name for name, values in found.items() if len(values) != total), None)
        if uneven is not None:
            raise UsageError(f"column '{uneven}' has {len(found[uneven])} rows for {total} completions", hint="every column holds one value a completion")
        return found

    def _log(self, outcomes: Sequence[Outcome], columns: Mapping[str, Any]) -> None:
        """Tell TRL the share of outputs unlike those that the model was trained on: when it grows, the policy has left what the model knows."""
        log = columns.get("log_metric")
        known = [outcome.outside for outcome in outcomes if outcome.outside is not None]
        if callable(log) and known:
            log(f"{self.__name__}/outside", sum(known) / len(known))


def last_text(value: object, role: str) -> str | None:
    """The text of the last message if `role` wrote it, or of the last one that `role` wrote before; a text is itself; None where there is none.

    >>> last_text([{"role": "user", "content": "Hi"}], "user"), last_text("Hi", "user")
    ('Hi', 'Hi')
    """
    if isinstance(value, str) or value is None:
        return value
    messages = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(messages, list | tuple) or not all(isinstance(message, Mapping) for message in messages):
        raise UsageError(f"a {type(value).__name__} is neither a text nor a list of messages", hint="give texts, or messages with role and content")
    content = next((message.get("content") for message in reversed(messages) if message.get("role") == role), None)
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        return "".join(str(part) for part in parts) if parts else None
    return content if isinstance(content, str) else None


def _text(value: object) -> str | None:
    """A value of a dataset as a text: numbers and lists as JSON."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False, default=str)


def _passages(value: object) -> list[str] | None:
    value = value.tolist() if hasattr(value, "tolist") else value
    if value is None:
        return None
    return [str(_text(item)) for item in value] if isinstance(value, list | tuple) else [str(_text(value))]


def reward_file(path: Path, scorers: Sequence[str], *, work: Work, columns: Mapping[str, str], unscored: float | None) -> dict[str, object]:
    """Write a Python file that gives this reward to TRL and verl, pinned to its identity; returns what stands in it.

    Raises: as `open_reward`; UsageError where the path is no .py file.
    """
    from judgecli.exporters.reward_function import NAME, Pinned, reward_source

    if path.suffix != ".py":
        raise UsageError(f"{path} is no Python file", hint="-o reward.py")
    config, allow_code = None if scorers else work.settings.config, work.settings.allow_code
    made = RewardFunction(scorers, config=config, root=Path.cwd(), columns=columns, unscored=unscored, allow_code=allow_code)
    try:
        reward = made.reward
        pinned = Pinned(
            reward.name,
            reward.identity,
            tuple(scorers),
            config=config,
            options=dict(columns),
            unscored=unscored,
            allow_code=allow_code,
            columns=sorted(reward.columns),
            required=sorted(reward.required),
        )
    finally:
        made.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = reward_source(pinned, path)
    outputs.publish(path, lambda file: file.write(text.encode()))
    return {"format": NAME, "path": str(path), "reward": pinned.name, "identity": pinned.identity, "reads": list(pinned.columns)}
