"""One JSON document to an address that is a secret: no redirect is followed, and no message tells the address."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import IO

from judgecli.endpoint.consent import WEBHOOK, Consent, origin, secret_refused

TIMEOUT_S = 10.0


class _Stay(urllib.request.HTTPRedirectHandler):
    """An answer that sends us elsewhere is an answer, no way to go."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str) -> None:  # noqa: ARG002
        return None


def check_webhook(variable: str, allowed: Sequence[str], where: str) -> None:
    """judge.yaml names the variable, so it names what is sent where: a variable that begins with JUDGE_WEBHOOK was made for that, another needs consent.

    Raises: ConfigError, UsageError (an entry of the consent that is none).
    """
    address = os.environ.get(variable, "")
    if variable.startswith(WEBHOOK) or not address:
        return
    try:
        place = origin(address)
    except ValueError:
        return  # it is no address, and post says so
    if (place, variable) not in Consent.of(os.environ, allowed).pairs:
        raise secret_refused(place, variable, "alarms", where)


def post(variable: str, document: Mapping[str, object], *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Send a document to the address that this environment variable holds; returns None, or what went wrong, without the address."""
    address = os.environ.get(variable)
    if not address:
        return f"the alarm was not sent: the variable {variable} is empty"
    try:
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            return f"the alarm was not sent: {variable} holds no address that begins with http:// or https://"
        body = json.dumps(document, allow_nan=False).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json", "User-Agent": "judge"}, method="POST")  # noqa: S310
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        return f"the alarm was not sent: the address in {variable} answered {error.code}"
    except (OSError, ValueError, HTTPException) as error:
        return f"the alarm was not sent: the address in {variable} did not answer ({type(error).__name__})"
