"""Where a judge is and how it is asked: plain data without a key in it, and the keys, read from the environment when it is opened.

A key is named by its environment variable only. `Secrets` knows the values, shows none of them, and
takes them out of any text or bytes that leave this package.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from judgecli.endpoint.consent import BELONGS, Consent, Origin, origin, secret_refused, shown_name, text_refused, where_file
from judgecli.errors import ConfigError, JudgeUnavailable

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com")
SHORTEST_SECRET = 6  # a shorter value would be found inside ordinary words
EndpointKind = Literal["auto", "openai", "azure"]


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How one endpoint is asked. Times are seconds; `base_url` may hold ${NAME}; None: OpenAI, or what the SDK's own variables say.

    `idle_s` bounds the wait for the first and for any further byte, `total_s` one call, `call_s` all
    attempts of one call together. A slow judge that thinks for minutes needs a larger `idle_s`.
    """

    base_url: str | None = None
    api_key_env: str | None = None
    kind: EndpointKind = "auto"
    concurrency: int = 32
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    connect_s: float = 10.0
    idle_s: float = 60.0
    total_s: float = 120.0
    attempts: int = 5
    call_s: float = 600.0
    longest_wait_s: float = 120.0
    largest_reply: int = 8 << 20
    renew_s: float = 300.0
    slow: bool = False
    address_by_config: bool = False  # judge.yaml names the address: it gets nothing unless a person allowed it
    key_by_config: bool = False  # judge.yaml names the variable of the key
    allowed: tuple[str, ...] = ()  # --allow
    what: str = field(default="the endpoint", repr=False)  # whose address it is, and where it stands, for messages
    where: str = field(default="", repr=False)

    def shown(self) -> str:
        """The endpoint as people may see it: the URL as written, without user, password and query."""
        if self.base_url is None:
            return "the OpenAI endpoint" if self.kind != "azure" else "the Azure endpoint"
        start, separator, rest = self.base_url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{start}{separator}{host.rpartition('@')[2]}{slash}{path}".split("?")[0].split("#")[0] if separator else self.base_url.split("?")[0]


@dataclass(frozen=True)
class Secrets:
    """Values that must not be written anywhere; the repr shows how many there are."""

    values: tuple[str, ...] = field(default=(), repr=False)

    @staticmethod
    def of(values: Iterable[str | None]) -> "Secrets":
        """Each value with the forms in which it may travel: percent-encoded and base64 (alone and as a part)."""
        found: dict[str, None] = {}
        for value in values:
            if value and len(value) >= SHORTEST_SECRET:
                found.update(dict.fromkeys([value, quote(value, safe=""), *_base64_forms(value)]))
        return Secrets(tuple(sorted(found, key=len, reverse=True)))

    def plus(self, values: Iterable[str | None]) -> "Secrets":
        more = Secrets.of(values).values
        return self if set(more) <= set(self.values) else Secrets(tuple(sorted({*self.values, *more}, key=len, reverse=True)))

    def scrub(self, text: str) -> str:
        """The text without any secret."""
        for value in self.values:
            if value in text:
                text = text.replace(value, "[secret]")
        return text

    def scrub_bytes(self, body: bytes) -> bytes:
        """A body without any secret: a server may send back what it was sent."""
        for value in self.values:
            if value.encode() in body:
                body = body.replace(value.encode(), b"[secret]")
        return body


@dataclass(frozen=True)
class Opened:
    """An endpoint with its variables filled in. Held in memory only; nothing of it is shown."""

    kind: Literal["openai", "azure"]
    base_url: str | None = field(repr=False)
    key: str | None = field(repr=False)
    key_from: str | None
    secrets: Secrets


def open_settings(settings: EndpointSettings, environment: Mapping[str, str]) -> Opened:
    """Fill in ${NAME} and find the key: `api_key_env`, else JUDGE_API_KEY, else OPENAI_API_KEY for OpenAI's own address alone.

    What judge.yaml names decides neither where a secret goes nor where texts go (endpoint/consent.py).
    Raises: JudgeUnavailable (a variable that is not set, a URL that is none), ConfigError (nobody allowed it), UsageError.
    """
    consent = Consent.of(environment, settings.allowed)
    written = settings.base_url
    values: list[str | None] = []
    if written is not None:
        names = VARIABLE.findall(written)
        _check_places(settings, written)
        missing = [name for name in names if not environment.get(name)]
        if missing:
            name = shown_name(missing[0], where_file(settings.where))
            raise JudgeUnavailable(f"base_url needs the environment variable {name}, which is not set", hint="export it, or give --base-url")
        values = [environment[name] for name in names]
        written = VARIABLE.sub(lambda found: environment[found.group(1)], written).rstrip("/")
        values += _parts_to_hide(written)
        _check_url(settings, written)
        if settings.address_by_config:
            _check_names(settings, origin(written), names, consent)
    kind = _kind(settings, written, environment)
    place = origin(written or own_address(kind, environment))
    key, key_from = _key(settings, written, kind, environment, place, consent)
    if settings.address_by_config and written is not None and not consent.knows(place) and not (key_from and consent.is_own(place, key_from)):
        raise text_refused(place, settings.what, settings.where)
    return Opened(kind, written, key, key_from, Secrets.of([key, *values]))


def own_address(kind: str, environment: Mapping[str, str]) -> str:
    """Where the SDK goes without an address: to what its variables say."""
    return environment.get("AZURE_OPENAI_ENDPOINT" if kind == "azure" else "OPENAI_BASE_URL") or OPENAI_URL


def _check_places(settings: EndpointSettings, written: str) -> None:
    """A variable stands for a host, never for a part of a path or query; user and password are no part of an address. Raises: ConfigError."""
    start, _, rest = written.partition("://")
    host, _, path = (rest or start).partition("/")
    if "@" in host or VARIABLE.search(path + "?" + host.partition("?")[2]):
        said = "a user or password" if "@" in host else "a variable in its path or query"
        hint = (
            "put the key into an environment variable, and name it: api_key_env: VARIABLE"
            if "@" in host
            else "write the path out; a variable may stand for the host"
        )
        raise ConfigError(f"the address of {settings.what} holds {said}", where=settings.where, hint=hint)


def _check_names(settings: EndpointSettings, place: Origin, names: Iterable[str], consent: Consent) -> None:
    """The value of a variable in an address is sent to it, and to whoever resolves its name. Raises: ConfigError."""
    for name in names:
        if name not in BELONGS.values() and (place, name) not in consent.pairs:
            told = shown_name(name, where_file(settings.where))
            raise ConfigError(  # the address with the value in it is not repeated: the value may be a secret
                f"the address of {settings.what} is made of the variable {told}, which nobody allowed to go there",
                where=settings.where,
                hint="write the address out; or, if you trust it: --allow ORIGIN:VARIABLE, with the address that the variable makes",
            )


def _check_url(settings: EndpointSettings, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        good = False
    if not good:
        raise JudgeUnavailable(f"base_url '{settings.shown()}' is no http or https address", hint="write it as https://HOST/v1")


def _kind(settings: EndpointSettings, url: str | None, environment: Mapping[str, str]) -> Literal["openai", "azure"]:
    if settings.kind != "auto":
        return settings.kind
    if url is not None:
        parts = urlsplit(url)
        return "azure" if (parts.hostname or "").endswith(AZURE_HOSTS) and not parts.path.rstrip("/").endswith("/v1") else "openai"
    by_openai = any(environment.get(name) for name in ("OPENAI_API_KEY", "JUDGE_API_KEY", "OPENAI_BASE_URL"))
    return "azure" if environment.get("AZURE_OPENAI_ENDPOINT") and not by_openai and settings.api_key_env is None else "openai"


def _key(
    settings: EndpointSettings, url: str | None, kind: str, environment: Mapping[str, str], place: Origin, consent: Consent
) -> tuple[str | None, str | None]:
    """(key, name of its variable); no key is an answer where the endpoint is not OpenAI's. Raises: JudgeUnavailable, ConfigError."""
    if settings.api_key_env:
        name = settings.api_key_env
        if settings.key_by_config and not consent.may_have(place, name, typed=not settings.address_by_config):
            raise secret_refused(place, name, settings.what, settings.where)
        if not environment.get(name):
            told = shown_name(name, where_file(settings.where))
            raise JudgeUnavailable(f"the key is to come from the environment variable {told}, which is not set", hint="export it, or name another: api_key_env")
        return environment[name].strip(), name
    names = ["JUDGE_API_KEY"]
    if kind == "azure":
        names += ["AZURE_OPENAI_API_KEY"] if not environment.get("AZURE_OPENAI_AD_TOKEN") else []
    elif _is_openai(url, environment):
        names.append("OPENAI_API_KEY")
    # A key that was given with another address stays where it belongs.
    names = [name for name in names if consent.may_have(place, name, typed=not settings.address_by_config)]
    found = next((name for name in names if environment.get(name)), None)
    if found is None and kind == "openai" and _is_openai(url, environment) and place[1] == OPENAI_HOST:
        raise JudgeUnavailable(
            "no key for the judge: neither JUDGE_API_KEY nor OPENAI_API_KEY is set", hint="export JUDGE_API_KEY=..., or name another endpoint with --base-url"
        )
    return (environment[found].strip(), found) if found else (None, None)


def _is_openai(url: str | None, environment: Mapping[str, str]) -> bool:
    """Whether the address is OpenAI's own, or the one that the user's environment calls so."""
    if url is None:
        return True
    own = environment.get("OPENAI_BASE_URL")
    return origin(url) == origin(OPENAI_URL) or (bool(own) and origin(url) == origin(str(own)))


def _parts_to_hide(url: str) -> list[str | None]:
    """User, password and query values of a URL: people put keys there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    return [parts.password, parts.username, *(pair.partition("=")[2] for pair in parts.query.split("&"))]


def _base64_forms(value: str) -> list[str]:
    """The value in base64 at each of the three alignments, without the characters that its neighbours decide."""
    raw = value.encode()
    forms = []
    for skip in range(3):
        encoded = base64.b64encode(b"\0" * skip + raw).decode().rstrip("=")
        start = (0, 2, 3)[skip]
        end = len(encoded) - (1 if (len(raw) + skip) % 3 else 0)
        forms.append(encoded[start:end])
    return [form for form in forms if len(form) >= SHORTEST_SECRET]
