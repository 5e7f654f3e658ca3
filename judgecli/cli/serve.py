"""judge serve: the reward server for RL trainers."""

from typing import TYPE_CHECKING, Annotated

import typer

from judgecli.cli.options import AllowOption, ConfigOption, JsonOption, QuietOption, StoreOption, load

if TYPE_CHECKING:
    from judgecli.config import Settings
    from judgecli.serve.reward_server import ServeSettings

REWARD_HELP = "A reward model's folder, or scorers; default: the reward of judge.yaml."
TEMPLATE_HELP = "How a text was made of {input} and {output}, for clients that send one text; \\n is a line end. '{output}': the text is the answer alone."
CODE_HELP = "Run scorers that are code of the project (judge.yaml: ./mine.py:f)."


def serve(
    context: typer.Context,
    reward: Annotated[list[str] | None, typer.Argument(metavar="[REWARD]...", help=REWARD_HELP)] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on; beyond loopback a token is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8400,
    token_env: Annotated[str | None, typer.Option("--token-env", metavar="VARIABLE", help="Want the token that this environment variable holds.")] = None,
    template: Annotated[str | None, typer.Option("--template", metavar="TEXT", help=TEMPLATE_HELP)] = None,
    end_token: Annotated[list[str] | None, typer.Option("--end-token", metavar="TOKEN", help="Cut from the end of outputs, such as </s> (repeatable).")] = None,
    max_body_mb: Annotated[float, typer.Option("--max-body-mb", min=0.001, max=1024, help="Largest body of a request.")] = 8.0,
    max_rows: Annotated[int, typer.Option("--max-rows", min=1, help="Most outputs in a request.")] = 1024,
    max_chars: Annotated[int, typer.Option("--max-chars", min=1, help="Longest text.")] = 1 << 20,
    max_requests: Annotated[int, typer.Option("--max-requests", min=1, help="Requests at once; more are answered 503.")] = 256,
    batch_rows: Annotated[int, typer.Option("--batch-rows", min=1, help="Rows that are scored at once.")] = 256,
    batch_ms: Annotated[float, typer.Option("--batch-ms", min=0, max=1000, help="How long a first request waits for others.")] = 2.0,
    allow_code: Annotated[bool, typer.Option("--allow-code", help=CODE_HELP)] = False,
    allow: AllowOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Serve one reward over HTTP, as RL trainers ask for it.

    Examples:
      judge serve                              the reward of judge.yaml, at http://127.0.0.1:8400
      judge serve reward_models/support        a reward model
      judge serve words format_ok=regex:pattern='^\\{'
      judge serve --host 0.0.0.0 --token-env REWARD_TOKEN

    Speaks vLLM's /classify (verl), TEI's /predict, OpenRLHF's /get_reward, and /v1/rewards; /health and
    /metrics beside them. The reward is fixed now: no request names a model or a path.
    Ends with Ctrl-C. Exit codes: 2 usage or configuration, 4 environment, 130 or 143 ended by a signal.
    """
    from judgecli.serve.reward_server import ServeSettings
    from judgecli.serve.reward_wire import Template

    limits = {"most_rows": max_rows, "longest_text": max_chars, "most_requests": max_requests, "largest_body": int(max_body_mb * (1 << 20))}
    form = Template(_checked(template), tuple(end_token or ()))
    served = ServeSettings(host, port, _token(token_env), form, batch_rows=batch_rows, batch_wait_s=batch_ms / 1000, **limits)
    served.check()
    _serve(reward or [], load(context, config, store, allow_code=allow_code, allow=tuple(allow or ())), served, as_json=as_json, quiet=quiet)


def _serve(specs: list[str], settings: "Settings", served: "ServeSettings", *, as_json: bool, quiet: bool) -> None:
    """Open the reward, tell where it is served, and serve it until a signal comes."""
    import sys

    from judgecli.cli.failure import Terminated
    from judgecli.cli.output import say, show
    from judgecli.pipeline.serve import open_reward
    from judgecli.renderers import terminal
    from judgecli.serve.reward_server import RewardServer, describe

    reward = open_reward(specs, settings)
    try:
        server = RewardServer(reward, served)
        bound = server.listen()
        document = describe(reward, server.url_of(bound), served)
        if as_json or not quiet:
            show(document, lambda page: terminal.facts(document, page), as_json=as_json)
            sys.stdout.flush()  # whoever started this waits for it
        server.run(bound)
    except KeyboardInterrupt as signalled:  # the way a server ends; nothing of it is to be continued
        say("stopped", quiet=quiet)
        raise typer.Exit(143 if isinstance(signalled, Terminated) else 130) from None
    finally:
        reward.close()


def _token(variable: str | None) -> str | None:
    """The token. Raises: UsageError where the variable holds none, or one that can be guessed."""
    import os

    from judgecli.errors import UsageError

    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if len(token) < 16:
        raise UsageError(
            f"the environment variable {variable} holds {'no token' if not token else 'a token of fewer than 16 characters'}",
            hint=f'export {variable}="$(openssl rand -hex 16)"',
        )
    return token


def _checked(template: str | None) -> str | None:
    from judgecli.errors import UsageError

    if template is None:
        return None
    text = template.replace("\\n", "\n")
    if text.count("{output}") != 1 or text.count("{input}") > 1 or ("{input}" in text and not text.index("{input}") + 7 < text.index("{output}")):
        raise UsageError(
            f"--template '{template}' does not say where an answer begins", hint="hold {output} once, and before it {input}, with something between them"
        )
    return text
