"""No key leaves for another address, and no key stands in anything that is kept or shown (promises E9, S10)."""

import asyncio
import base64
import json
import logging
import shutil
import ssl
import subprocess
from urllib.parse import quote

import pytest
from asking import KEY, question, quick

from judgecli.endpoint.ask import open_ask
from judgecli.endpoint.settings import EndpointSettings, Secrets
from judgecli.errors import JudgeUnavailable
from judgecli.judge.request import AskFailed
from judgecli.serve.fake_judge import FakeJudge, tls_files
from judgecli.serve.wire import Response


def forms(text):
    return [text, quote(text, safe=""), base64.b64encode(text.encode()).decode().rstrip("=")[:-1]]


def test_a_server_that_sends_the_key_back_gets_it_into_nothing(monkeypatch, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("JUDGE_API_KEY", KEY)
    shown = []

    def script(asked):
        told = f"{asked.headers['authorization']} {quote(KEY)} {base64.b64encode(asked.headers['authorization'].encode()).decode()} {asked.path}"
        number = len(shown)
        shown.append(number)
        if number == 0:
            choice = {"message": {"content": json.dumps({"explanation": told, "score": 3})}, "finish_reason": "stop"}
            return Response(body=json.dumps({"choices": [choice]}).encode())
        return Response([500, 500, 400, 401][min(number - 1, 3)], json.dumps({"error": {"message": told}}).encode())

    written = []

    async def run():
        async with FakeJudge(script=script) as fake:
            settings = quick(fake.url, attempts=2)
            async with open_ask(settings) as ask:
                written.extend([repr(settings), repr(ask), repr(vars(ask)), repr(await ask(question(0)))])
                for number in range(1, 6):
                    try:
                        await ask(question(number))
                    except (AskFailed, JudgeUnavailable) as error:
                        written.extend([str(error), repr(error), error.hint, repr(error.__cause__), repr(vars(error))])
                written.extend([repr(ask.modes), repr(ask.notes), repr(ask._forms._forms)])

    asyncio.run(run())
    everything = "\n".join([*written, *capsys.readouterr(), caplog.text])
    assert len(shown) >= 4
    for form in forms(KEY):
        assert form not in everything


def test_secrets_are_found_in_every_form():
    secrets = Secrets.of([KEY, "a b/c?d=e"])
    for prefix in ("", "x", "xy"):
        told = base64.b64encode(f"{prefix}{KEY}{prefix}".encode()).decode()
        assert "[secret]" in secrets.scrub(told)
    assert secrets.scrub(quote("a b/c?d=e", safe="")) == "[secret]"
    assert secrets.scrub_bytes(b'{"x": "' + KEY.encode() + b'"}') == b'{"x": "[secret]"}'
    assert KEY not in repr(secrets)


def test_short_values_are_no_secrets():
    assert Secrets.of(["a", "", None]).scrub("a cat") == "a cat"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass-word@host/v1?api-key=abc#x", "https://host/v1"),
        ("${BASE}/v1", "${BASE}/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url, shown):
    assert EndpointSettings(base_url=url).shown() == shown


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("slow", [False, True])
def test_a_redirect_elsewhere_gets_nothing(status, slow, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", KEY)
    reached = []

    async def run():
        async with (
            FakeJudge(script=reached.append) as other,
            FakeJudge(script=lambda _: Response(status, b"", {"location": f"{other.url}/chat/completions"})) as fake,
            open_ask(quick(fake.url, slow=slow)) as ask,
        ):
            with pytest.raises(JudgeUnavailable, match="another address"):
                await ask(question(1))

    asyncio.run(run())
    assert reached == []


def test_a_redirect_on_the_same_origin_is_followed(monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", KEY)

    def script(asked):
        return Response(307, b"", {"location": "/v2/chat/completions"}) if asked.path.startswith("/v1") else None

    async def run():
        async with FakeJudge(script=script) as fake, open_ask(quick(fake.url)) as ask:
            return await ask(question(1))

    assert asyncio.run(run()).text is not None


def test_a_loop_of_redirects_ends():
    async def run():
        async with FakeJudge(script=lambda _: Response(307, b"", {"location": "/v1/chat/completions"})) as fake, open_ask(quick(fake.url)) as ask:
            with pytest.raises(JudgeUnavailable, match="redirects"):
                await ask(question(1))

    asyncio.run(run())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def over_tls(certificate, reached):
    async def run():
        async with FakeJudge(script=lambda asked: reached.append(asked.path), tls=tls_files(*certificate)) as fake, open_ask(quick(fake.url)) as ask:
            return await ask(question(1))

    return asyncio.run(run())


def test_a_certificate_that_nobody_signed_is_refused(certificate):
    reached = []
    with pytest.raises(JudgeUnavailable, match="certificate"):
        over_tls(certificate, reached)
    assert reached == []


def test_a_certificate_of_ones_own_is_trusted_by_name(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    reached = []
    assert over_tls(certificate, reached).text is not None
    assert len(reached) == 1


def test_the_proxy_of_the_environment_is_used_and_its_password_not_shown(monkeypatch):
    async def run():
        async with FakeJudge() as proxy:  # takes absolute addresses as any path
            monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1").replace("http://", "http://me:proxy-canary-5512@"))
            async with open_ask(quick("http://judge.invalid/v1")) as ask:
                reply = await ask(question(1))
            monkeypatch.setenv("http_proxy", "http://me:proxy-canary-5512@127.0.0.1:1")
            async with open_ask(quick("http://judge.invalid/v1")) as ask:
                with pytest.raises(JudgeUnavailable) as caught:
                    await ask(question(1))
            return reply, f"{caught.value} {caught.value.hint} {caught.value!r}"

    reply, told = asyncio.run(run())
    assert reply.text is not None
    assert "proxy" in told
    assert "canary" not in told


def test_no_proxy_is_honoured_and_socks_is_refused(monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")

    async def run():
        async with FakeJudge() as fake:
            with pytest.raises(JudgeUnavailable, match="socks5"):
                async with open_ask(quick(fake.url)):
                    pass
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            async with open_ask(quick(fake.url)) as ask:
                return await ask(question(1))

    assert asyncio.run(run()).text is not None


def test_verification_cannot_be_switched_off():
    from judgecli.endpoint.sender import tls_context

    context = tls_context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
