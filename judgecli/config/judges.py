"""How the judge of a rubric is asked: what was typed over what judge.yaml says of that rubric, over defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from judgecli.errors import UsageError

if TYPE_CHECKING:
    from judgecli.config.project import Judge

CONCURRENCY = 32
Sentinels = int | Literal["off"] | None  # a number of them, none at all, or as many as a run of its size needs


@dataclass(frozen=True, slots=True)
class JudgeFlags:
    """What was typed about judges; None or empty where it was not. The caps are those of the whole run."""

    models: tuple[str, ...] = ()
    base_url: str | None = None
    concurrency: int | None = None
    samples: int | None = None
    logprobs: bool | None = None
    sentinels: Sentinels = None
    max_cost: float | None = None
    max_calls: int | None = None


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """All that is said about the judge of one rubric. Several models are a jury, or a chain with `cascade`.

    `parameters` go to the endpoint as they are; `sample` is the share of prompts to judge; `max_cost`
    (USD) and `max_calls` are the caps of this rubric, beside those of the run.
    """

    models: tuple[str, ...] = ()
    base_url: str | None = None
    api_key_env: str | None = None
    concurrency: int = CONCURRENCY
    timeout_s: float | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    samples: int = 1
    logprobs: bool = False
    jury: str = "mean"
    cascade: float | None = None
    sample: float = 1.0
    sentinels: Sentinels = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_cost: float | None = None
    max_calls: int | None = None
    base_url_by_config: bool = False  # judge.yaml alone names the address
    allowed: tuple[str, ...] = ()  # addresses, and variables that may go there, as a person typed them
    name: str = ""
    where: str = ""
    replay: str | None = None  # a file of replies: nobody is asked
    against: str = "answers"  # what a pairwise rubric compares an output with: other answers to its prompt, or its reference


def judge_settings(judge: "Judge | None", sample: float, flags: JudgeFlags, environment: Mapping[str, str]) -> JudgeSettings:
    """Flags over the `judge:` of judge.yaml over JUDGE_MODEL and JUDGE_BASE_URL over defaults."""
    said = judge.model_dump(exclude_none=True) if judge is not None else {}
    listed = said.get("model", environment.get("JUDGE_MODEL") or ())
    models = flags.models or ((listed,) if isinstance(listed, str) else tuple(listed))
    parameters = dict(said.get("parameters", {})) | {name: said[name] for name in ("temperature", "max_tokens") if name in said}
    return JudgeSettings(
        models=models,
        base_url=flags.base_url or said.get("base_url") or environment.get("JUDGE_BASE_URL") or None,
        base_url_by_config=not flags.base_url and bool(said.get("base_url")),
        api_key_env=said.get("api_key_env"),
        concurrency=flags.concurrency or said.get("concurrency", CONCURRENCY),
        timeout_s=said.get("timeout_s"),
        parameters=parameters,
        samples=flags.samples or said.get("samples", 1),
        logprobs=said.get("logprobs", False) if flags.logprobs is None else flags.logprobs,
        jury=said.get("jury", "mean"),
        cascade=said.get("cascade"),
        sample=sample,
        sentinels=flags.sentinels if flags.sentinels is not None else said.get("sentinels"),
        requests_per_minute=said.get("requests_per_minute"),
        tokens_per_minute=said.get("tokens_per_minute"),
        max_cost=said.get("max_cost"),
        max_calls=said.get("max_calls"),
        replay=None if flags.models or flags.base_url else said.get("replay"),
    )


def read_judge_flags(
    models: Sequence[str] = (),
    base_url: str | None = None,
    concurrency: int | None = None,
    samples: int | None = None,
    logprobs: bool = False,
    sentinels: str | None = None,
    max_cost: float | None = None,
    max_calls: int | None = None,
) -> JudgeFlags:
    """Typed flags, checked. Raises: UsageError."""
    for name, value in (("--concurrency", concurrency), ("--samples", samples), ("--max-calls", max_calls)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}", hint=f"give {name} 1 or more, or leave it out")
    if max_cost is not None and not 0 < max_cost < float("inf"):
        raise UsageError(f"--max-cost is {max_cost:g}", hint="give an amount in USD above 0, or leave it out")
    return JudgeFlags(
        tuple(models),
        base_url,
        concurrency,
        samples=samples,
        logprobs=logprobs or None,
        sentinels=_read_sentinels(sentinels),
        max_cost=max_cost,
        max_calls=max_calls,
    )


def _read_sentinels(text: str | None) -> Sentinels:
    if text is None:
        return None
    if text == "off":
        return "off"
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--sentinels is '{text}'", hint="give a number, or off")
    return int(text)
