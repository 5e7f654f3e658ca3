"""Asking served reward models over real HTTP: each protocol, calls that are shared, faults, keys, what is found out."""

import asyncio

import pytest

from judgecli.endpoint.rewards import RewardWire, open_rewards
from judgecli.endpoint.settings import EndpointSettings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import AskFailed, Request
from judgecli.reward_model.remote import read_reward
from reward_models import RewardModel, Served, number

OUTPUTS = [f"answer {'x' * place}" for place in range(20)]


def question(output, given="question"):
    return Request(({"role": "user", "content": given}, {"role": "assistant", "content": output}), None, {"model": "rm"})


async def ask_all(server_model, path, outputs, *, wire=None, environment=None, **said):
    """The rewards or failures of all outputs, asked at once."""
    settings = {name: said.pop(name) for name in ("api_key_env", "concurrency") if name in said}
    async with Served(server_model) as served:
        endpoint = EndpointSettings(base_url=f"{served.root}{path}", connect_s=2, idle_s=3, total_s=5, call_s=8, **settings)
        async with open_rewards(endpoint, RewardWire(wire, **said), environment=environment or {}) as ask:
            found = await asyncio.gather(*(ask(question(output)) for output in outputs), return_exceptions=True)
    return [read_reward(reply.raw) if not isinstance(reply, BaseException) else reply for reply in found]


def run(*arguments, **keywords):
    return asyncio.run(ask_all(*arguments, **keywords))


@pytest.mark.parametrize("path", ["/classify", "/pooling", "/predict", "/get_reward"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_protocol_gives_each_row_its_own_number(path, packed):
    model = RewardModel(packed=packed, reverse=True)
    assert run(model, path, OUTPUTS) == pytest.approx([number(output) for output in OUTPUTS], abs=1e-6)
    alone = path in ("/classify", "/pooling")
    assert len(model.calls) == (20 if alone else 1)
    if path == "/classify":
        assert all(call["use_activation"] is False for call in model.calls)


def test_a_template_lets_vllm_take_many():
    model = RewardModel(reverse=True)
    assert run(model, "/classify", OUTPUTS, template="{output}", batch=8, model="m") == [number(output) for output in OUTPUTS]
    assert sorted(len(call["input"]) for call in model.calls) == [4, 8, 8]
    assert {call["model"] for call in model.calls} == {"m"}


def test_one_text_that_is_refused_costs_its_neighbours_nothing():
    model = RewardModel()
    outputs = [*OUTPUTS[:7], "refuse this", *OUTPUTS[7:]]
    found = run(model, "/predict", outputs)
    assert isinstance(found[7], AskFailed)
    assert found[7].reason == "bad_request"
    assert [value for place, value in enumerate(found) if place != 7] == [number(output) for output in OUTPUTS]


@pytest.mark.parametrize("path", ["/get_reward", "/predict"])
def test_a_reply_with_nan_costs_its_neighbours_nothing(path):
    found = run(RewardModel(), path, [*OUTPUTS[:3], "nan", *OUTPUTS[3:5]])
    assert isinstance(found[3], AskFailed)
    assert found[3].reason == "judge_parse"
    assert found[:3] + found[4:] == [number(output) for output in OUTPUTS[:5]]


def test_a_reply_of_the_wrong_length_gives_no_number():
    found = run(RewardModel(), "/get_reward", ["short"])
    assert isinstance(found[0], AskFailed)
    assert "0 rows for 1" in str(found[0])


def test_busy_servers_are_asked_again():
    model = RewardModel(flaky=2)
    assert run(model, "/predict", OUTPUTS[:3]) == [number(output) for output in OUTPUTS[:3]]
    assert len(model.calls) == 3


@pytest.mark.parametrize("path", ["/classify", "/pooling", "/predict", "/get_reward"])
def test_what_a_bare_address_speaks_is_found_out(path):
    model = RewardModel(speaks=(path,))
    assert run(model, "", OUTPUTS[:2]) == [number(output) for output in OUTPUTS[:2]]


def test_an_address_that_speaks_nothing_is_told():
    with pytest.raises(JudgeUnavailable, match=r"speaks none of vllm-classify.*Not Found"):
        run(RewardModel(speaks=()), "", OUTPUTS[:1])


def test_a_protocol_that_is_said_is_added_to_a_bare_address():
    assert run(RewardModel(speaks=("/pooling",)), "", ["abc"], wire="vllm-pooling") == [0.3]


def test_keys_go_where_they_were_named_for_and_only_there():
    key = "sk-reward-0123456789"
    environment = {"RM_KEY": key, "JUDGE_API_KEY": "sk-judge-0123456789", "OPENAI_API_KEY": "sk-openai-0123456789"}
    model = RewardModel(key=key)
    assert run(model, "/predict", ["abc"], environment=environment, api_key_env="RM_KEY") == [0.3]
    unkeyed = RewardModel()
    assert run(unkeyed, "/predict", ["abc"], environment=environment) == [0.3]
    assert all("authorization" not in headers for headers in unkeyed.headers)
    with pytest.raises(JudgeUnavailable, match="RM_KEY, which is not set"):
        run(RewardModel(), "/predict", ["abc"], environment={}, api_key_env="RM_KEY")
    (refused,) = run(RewardModel(key="another"), "/predict", ["abc"], environment=environment, api_key_env="RM_KEY")
    assert isinstance(refused, JudgeUnavailable)
    assert "api_key_env" in refused.hint
    assert key not in str(refused)


def test_no_server_at_all_is_told():
    async def ask():
        settings = EndpointSettings(base_url="http://127.0.0.1:9/predict", connect_s=1, idle_s=1, total_s=1, call_s=1)
        async with open_rewards(settings, RewardWire(None), environment={}) as found:
            await found(question("a"))

    with pytest.raises(JudgeUnavailable):
        asyncio.run(ask())
