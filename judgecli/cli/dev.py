"""judge dev: what helps to test a project that uses judge."""

from typing import Annotated

import typer

from judgecli.cli.group import Command, Group, plain_app

dev = plain_app(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})


@dev.callback()
def _dev() -> None:
    """Test a project that uses judge: a fake judge on this machine.

    Examples:
      judge dev fake-judge
    """


@dev.command("fake-judge", cls=Command)
def fake_judge(
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 takes a free one.")] = 8399,
    personality: Annotated[str, typer.Option("--personality", help="honest, harsh, echo, obedient, gullible, biased or faulty.")] = "honest",
    served_model: Annotated[str, typer.Option("--served-model", metavar="NAME", help="The model that it says it is.")] = "fake-judge-1",
    latency_ms: Annotated[float, typer.Option("--latency-ms", help="Time until an answer.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME=SHARE",
            help="A share of requests that fail: 429, 500, 502, reset, stall, drip, truncated, empty, gzip_cut, malformed, cut, refusal, content_filter.",
        ),
    ] = None,
    retry_after: Annotated[str, typer.Option("--retry-after", help="The Retry-After of a 429, as it is sent.")] = "1",
    limit_per_s: Annotated[float | None, typer.Option("--limit-per-s", help="More requests a second are answered 429.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Draws other faults.")] = 0,
    key_env: Annotated[str | None, typer.Option("--key-env", metavar="VARIABLE", help="Want the key that this environment variable holds.")] = None,
    tls_cert: Annotated[str | None, typer.Option("--tls-cert", metavar="FILE", help="Serve https with this certificate (PEM).")] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key (PEM).")] = None,
) -> None:
    """Serve a fake judge on 127.0.0.1: OpenAI-compatible, deterministic, with latency, faults and personalities. No model is behind it.

    Examples:
      judge dev fake-judge --latency-ms 100
      judge dev fake-judge --fault 429=0.05 --fault 500=0.02 --retry-after 1
      judge dev fake-judge --personality gullible --port 0
      judge dev fake-judge --personality harsh --served-model fake-judge-2     the model changes under the same name
      judge score app.jsonl -s rubric:helpfulness --judge-model fake --base-url http://127.0.0.1:8399/v1

    The address is printed on the first line. GET /stats counts what was asked, POST /reset starts
    the counts again. Stop it with Ctrl-C.
    """
    import asyncio
    import os
    from pathlib import Path

    from judgecli.serve.fake_judge import FakeJudge, FakeSettings, parse_faults, tls_files

    settings = FakeSettings(
        latency_ms=latency_ms,
        personality=personality,
        model=served_model,
        faults=parse_faults(fault or []),
        retry_after=retry_after,
        limit_per_s=limit_per_s,
        seed=seed,
        key=os.environ.get(key_env) if key_env else None,
    )
    tls = tls_files(Path(tls_cert), Path(tls_key)) if tls_cert and tls_key else None

    async def serve() -> None:
        async with FakeJudge(settings, port=port, tls=tls) as server:
            typer.echo(f"fake judge at {server.url}")
            await asyncio.Event().wait()

    asyncio.run(serve())
