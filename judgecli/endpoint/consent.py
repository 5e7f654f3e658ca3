"""Which secret, and whose texts, may go to which address: a person says so, never the files of a repository.

judge.yaml comes with a pull request. So what it names (an address, the variable of a key) decides nothing here. A person says it outside
the repository: by an address that is typed or stands in a variable of its own (--base-url, JUDGE_BASE_URL, OPENAI_BASE_URL,
AZURE_OPENAI_ENDPOINT), by --allow, by JUDGE_ALLOW, by a line of ~/.config/judge/allow; or the provider's own key goes to the provider's own address.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from judgecli.errors import ConfigError, UsageError

Origin = tuple[str, str, int]
VARIABLE = "JUDGE_ALLOW"
ENTRY = re.compile(r"(?P<origin>https?://(?:\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+)(?::\d+)?)/?(?::(?P<name>[A-Za-z_][A-Za-z0-9_]*))?")
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")  # what people call a variable; a key that was put in its place looks otherwise
LONGEST_NAME, LONGEST_PIECE = 48, 16
# The addresses of providers, each with the variables that hold its own key. Azure is not among them: anybody can have a host there.
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "api.openai.com": ("OPENAI_API_KEY", "JUDGE_API_KEY"),
    "api.anthropic.com": ("ANTHROPIC_API_KEY",),
    "openrouter.ai": ("OPENROUTER_API_KEY",),
    "api.together.xyz": ("TOGETHER_API_KEY",),
    "api.together.ai": ("TOGETHER_API_KEY",),
    "api.groq.com": ("GROQ_API_KEY",),
    "api.mistral.ai": ("MISTRAL_API_KEY",),
    "api.deepseek.com": ("DEEPSEEK_API_KEY",),
    "api.fireworks.ai": ("FIREWORKS_API_KEY",),
    "api.x.ai": ("XAI_API_KEY",),
    "api.cohere.com": ("COHERE_API_KEY", "CO_API_KEY"),
    "api.cohere.ai": ("COHERE_API_KEY", "CO_API_KEY"),
    "api.perplexity.ai": ("PERPLEXITY_API_KEY",),
    "api.cerebras.ai": ("CEREBRAS_API_KEY",),
    "integrate.api.nvidia.com": ("NVIDIA_API_KEY",),
    "router.huggingface.co": ("HF_TOKEN",),
    "generativelanguage.googleapis.com": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
# Keys that belong to the address which another variable of the same person holds.
BELONGS = {"JUDGE_API_KEY": "JUDGE_BASE_URL", "OPENAI_API_KEY": "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY": "AZURE_OPENAI_ENDPOINT"}
WEBHOOK = "JUDGE_WEBHOOK"  # variables that begin so hold addresses for alarms, and nothing else


def origin(url: str) -> Origin:
    """(scheme, host, port) of a URL: what a key is bound to. One host has one spelling: lower case, IDNA, no dot at its end. Raises: ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host and not host.isascii():
        host = host.encode("idna").decode()
    return parts.scheme.lower(), host.lower(), parts.port or (443 if parts.scheme.lower() == "https" else 80)


def shown(place: Origin) -> str:
    """An origin as people write it, the port where it is not the scheme's own."""
    scheme, host, port = place
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port == (443 if scheme == "https" else 80) else f"{scheme}://{name}:{port}"


def shown_name(name: str, where: str = "") -> str:
    """The name of a variable as messages may repeat it: what looks like a key that was put in its place is not repeated."""
    if NAME.fullmatch(name) and len(name) <= LONGEST_NAME and all(len(piece) <= LONGEST_PIECE for piece in name.split("_")):
        return name
    return f"that {where or 'judge.yaml'} names (it does not look like a variable, so it is not repeated here)"


@dataclass(frozen=True)
class Consent:
    """What a person allowed: addresses, and pairs of an address and the variable whose value may go there."""

    pairs: frozenset[tuple[Origin, str | None]] = frozenset()
    given: Mapping[str, Origin] = field(default_factory=dict)  # variable of an address (JUDGE_BASE_URL, ...) -> its origin

    @staticmethod
    def of(environment: Mapping[str, str], typed: Iterable[str] = (), *, folder: Path | None = None) -> "Consent":
        """What was typed (--allow), JUDGE_ALLOW and the user's own file say. Raises: UsageError (an entry that is none; it is not repeated)."""
        pairs = [_entry(text, "--allow") for text in typed]
        pairs += [_entry(text, VARIABLE) for text in re.split(r"[\s,]+", environment.get(VARIABLE, "")) if text]
        path = (folder or user_folder(environment)) / "allow"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        pairs += [_entry(text, str(path)) for line in lines if (text := line.partition("#")[0].strip())]
        given = {}
        for variable in (*BELONGS.values(),):
            try:
                given[variable] = origin(environment[variable].strip())
            except (KeyError, ValueError):
                continue
        return Consent(frozenset(pairs), given)

    def knows(self, place: Origin) -> bool:
        """Whether texts may go to an address that only judge.yaml names."""
        return place in self.given.values() or any(place == known for known, _ in self.pairs)

    def may_have(self, place: Origin, name: str, *, typed: bool) -> bool:
        """Whether the value of this variable may go to this address. `typed`: a person typed the address for this command."""
        if (place, name) in self.pairs or self.is_own(place, name):
            return True
        holder = BELONGS.get(name)
        if name == "JUDGE_API_KEY" and typed and "JUDGE_BASE_URL" not in self.given:
            return True
        return holder is not None and self.given.get(holder) == place

    def is_own(self, place: Origin, name: str) -> bool:
        """Whether it is the provider's own key at the provider's own address. JUDGE_API_KEY is OpenAI's where no other address was given with it."""
        if name == "JUDGE_API_KEY" and "JUDGE_BASE_URL" in self.given:
            return False
        return place[0] == "https" and place[2] == 443 and name in PROVIDERS.get(place[1], ())


def user_folder(environment: Mapping[str, str]) -> Path:
    """The user's own folder of judge: $XDG_CONFIG_HOME/judge, else ~/.config/judge."""
    own = environment.get("XDG_CONFIG_HOME", "")
    return Path(own) / "judge" if own.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".config" / "judge"


def _entry(text: str, source: str) -> tuple[Origin, str | None]:
    found = ENTRY.fullmatch(text)
    try:
        if found is not None:
            return origin(found["origin"]), found["name"]
    except ValueError:
        pass
    raise UsageError(f"{source} holds an entry that is no address", hint="write https://HOST or https://HOST:VARIABLE, several with spaces between them")


def text_refused(place: Origin, what: str, where: str) -> ConfigError:
    """That nobody allowed texts to go to an address."""
    return ConfigError(f"{what} would send texts of the log to {shown(place)}, which only {where_file(where)} names", where=where, hint=way_of(shown(place)))


def secret_refused(place: Origin, name: str, what: str, where: str) -> ConfigError:
    """That nobody allowed the value of a variable to go to an address."""
    told = shown_name(name, where_file(where))
    pair = f"{shown(place)}:{name if told == name else 'VARIABLE'}"
    return ConfigError(f"{what} would send the value of the variable {told} to {shown(place)}, which nobody allowed", where=where, hint=way_of(pair))


def way_of(entry: str) -> str:
    """How a person allows it."""
    return f"if you trust this address: --allow {entry}, or {VARIABLE}={entry}, or a line {entry} in ~/.config/judge/allow"


def where_file(where: str) -> str:
    """The file of a place (file:line:column)."""
    return where.split(":")[0] or "judge.yaml"
