"""The captured request is the one that the SDK sends: OpenAI, Azure by key and by token, organisation, parameters (contract test)."""

import asyncio
import json

import openai
import pytest
from asking import KEY, SCHEMA, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.ladder import form_of
from judgecli.endpoint.settings import EndpointSettings
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import Request
from judgecli.serve.fake_judge import FakeJudge, FakeSettings

TRANSPORT = {"host", "connection", "accept-encoding", "content-length", "transfer-encoding"}


def both(make, request, **changes):
    """(path, headers, body) as the SDK sends a request, and as we send it with the same client."""
    seen = []

    def script(asked):
        headers = {name: value for name, value in asked.headers.items() if name not in TRANSPORT}
        seen.append((asked.path, headers, json.loads(asked.body)))

    async def run():
        async with FakeJudge(script=script) as fake:
            origin = fake.url.removesuffix("/v1")
            async with make(origin) as client:
                known = {name: value for name, value in request.parameters.items() if name != "top_k"}
                extra = {"extra_body": {"top_k": 5}} if "top_k" in request.parameters else {}
                await client.chat.completions.create(messages=list(request.messages), **known, **form_of(request, "json_schema"), **extra)
                async with open_ask(quick(fake.url, **changes), client=client) as ask:
                    await ask(request)

    asyncio.run(run())
    assert len(seen) == 2
    return seen


CLIENTS = {
    "openai": lambda origin: openai.AsyncOpenAI(api_key=KEY, base_url=f"{origin}/v1", max_retries=0),
    "organisation": lambda origin: openai.AsyncOpenAI(api_key=KEY, base_url=f"{origin}/v1", organization="org-1", project="proj-1", max_retries=0),
    "own headers and query": lambda origin: openai.AsyncOpenAI(
        api_key=KEY, base_url=f"{origin}/deep/path/v1", default_headers={"X-Team": "blue"}, default_query={"tenant": "a b&c"}, max_retries=0
    ),
    "azure key": lambda origin: openai.AsyncAzureOpenAI(api_key=KEY, azure_endpoint=origin, api_version="2024-10-21", max_retries=0),
    "azure token": lambda origin: openai.AsyncAzureOpenAI(azure_ad_token=KEY, azure_endpoint=origin, api_version="2024-10-21", max_retries=0),
    "azure deployment": lambda origin: openai.AsyncAzureOpenAI(
        api_key=KEY, azure_endpoint=origin, azure_deployment="my-judge", api_version="2024-10-21", max_retries=0
    ),
}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("slow", [False, True])
def test_the_captured_request_is_what_the_sdk_sends(name, slow):
    request = question(1, temperature=0, max_tokens=300, seed=7, top_k=5, logprobs=True, top_logprobs=5)
    theirs, ours = both(CLIENTS[name], request, slow=slow)
    assert ours[0] == theirs[0]
    assert ours[2] == theirs[2]
    for headers in (theirs[1], ours[1]):
        headers.pop("x-stainless-raw-response", None)
    assert ours[1] == theirs[1]


def test_content_parts_and_unicode_travel_unchanged():
    parts = [{"type": "text", "text": "café 中文 🙂 \u2028"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    request = Request(({"role": "user", "content": parts},), SCHEMA, {"model": "m"})
    theirs, ours = both(CLIENTS["openai"], request)
    assert ours[2] == theirs[2]


def test_a_token_that_ran_out_is_renewed_on_401():
    tokens = iter(["old-token", "old-token", *["new-token-1"] * 9])

    async def provider():
        return next(tokens)

    async def run():
        async with FakeJudge(FakeSettings(key="new-token-1")) as fake:
            client = openai.AsyncAzureOpenAI(azure_ad_token_provider=provider, azure_endpoint=fake.url.removesuffix("/v1"), api_version="1")
            async with client, open_ask(quick(fake.url), client=client) as ask:
                reply = await ask(question(1))
                return reply, ask.counts.calls

    reply, calls = asyncio.run(run())
    assert reply.text is not None
    assert calls == 2


def test_headers_that_are_signed_for_each_body_take_the_slow_path():
    class Signing(openai.AsyncOpenAI):
        async def _prepare_request(self, request):
            request.headers["x-signature"] = str(sum(request.content))

    seen = []

    def script(asked):
        seen.append(asked.headers["x-signature"] == str(sum(asked.body)))

    async def run():
        async with FakeJudge(script=script) as fake, Signing(api_key=KEY, base_url=fake.url) as client, open_ask(quick(fake.url), client=client) as ask:
            for number in range(3):
                await ask(question(number))

    asyncio.run(run())
    assert seen == [True] * 3


def test_without_a_key_no_authorization_is_sent():
    seen = []

    async def run():
        async with FakeJudge(script=lambda asked: seen.append(asked.headers.get("authorization"))) as fake, open_ask(quick(fake.url)) as ask:
            await ask(question(1))

    asyncio.run(run())
    assert seen == [None]


@pytest.mark.parametrize(
    ("settings", "environment", "sent"),
    [
        ({}, {"JUDGE_API_KEY": KEY}, KEY),
        ({}, {"OPENAI_API_KEY": KEY}, None),  # not to an address that is not OpenAI's
        ({}, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "same"}, KEY),
        ({"api_key_env": "OPENAI_API_KEY"}, {"OPENAI_API_KEY": KEY}, KEY),
        ({"api_key_env": "MINE"}, {"MINE": KEY, "JUDGE_API_KEY": "another-key"}, KEY),
    ],
)
def test_which_key_is_sent(settings, environment, sent, monkeypatch):
    seen = []

    async def run():
        async with FakeJudge(script=lambda asked: seen.append(asked.headers.get("authorization"))) as fake:
            for name, value in environment.items():
                monkeypatch.setenv(name, fake.url if value == "same" else value)
            async with open_ask(quick(fake.url, **settings)) as ask:
                await ask(question(1))

    asyncio.run(run())
    assert seen == [f"Bearer {sent}" if sent else None]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (EndpointSettings(), "JUDGE_API_KEY"),
        (EndpointSettings(base_url="${NOT_SET}/v1"), "NOT_SET"),
        (EndpointSettings(base_url="http://x/v1", api_key_env="NOT_SET"), "NOT_SET"),
        (EndpointSettings(base_url="localhost:8000"), "localhost:8000"),
        (EndpointSettings(base_url="file:///x/JUDGE_MARK"), "http"),
        (EndpointSettings(base_url="http://[::1/v1"), "http"),
    ],
)
def test_what_cannot_be_opened_says_so(settings, said):
    async def run():
        async with open_ask(settings):
            pass

    with pytest.raises(JudgeUnavailable) as caught:
        asyncio.run(run())
    assert said in f"{caught.value} {caught.value.hint}"


def test_azure_is_known_by_its_address():
    from judgecli.endpoint.settings import open_settings

    def kind(url, **environment):
        return open_settings(EndpointSettings(base_url=url), {"JUDGE_API_KEY": KEY, **environment}).kind

    assert kind("https://mine.openai.azure.com") == "azure"
    assert kind("https://mine.openai.azure.com/openai/v1") == "openai"  # Azure's newer interface speaks as OpenAI does
    assert kind("http://127.0.0.1:8000/v1") == "openai"
    assert open_settings(EndpointSettings(), {"AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com", "AZURE_OPENAI_API_KEY": KEY}).kind == "azure"


def test_azure_from_the_environment(monkeypatch):
    seen = []

    async def run():
        async with FakeJudge(script=lambda asked: seen.append((asked.path, asked.headers.get("api-key")))) as fake:
            monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", fake.url.removesuffix("/v1"))
            monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
            monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
            async with open_ask(EndpointSettings()) as ask:
                await ask(question(1))

    asyncio.run(run())
    assert seen == [("/openai/deployments/m/chat/completions?api-version=2024-10-21", KEY)]
