"""Keys, passwords and tokens that stand in the output."""

import re
from collections import Counter
from collections.abc import Sequence

from judgecli.scorer import Score, scorer
from judgecli.scorers import re2

# Name of the kind and pattern: the published shape of each, long enough not to hit words. A run of
# key characters is entered at its start only, so that a search stays linear in the text.
_START = r"(?<![A-Za-z0-9_-])"
SHAPES: dict[str, str] = {
    "private key": r"-----BEGIN (?:[A-Z]{2,9} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    "connection string": r"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|s?ftps?|https?)"
    r"://[^\s:/@\"'<>]{0,64}:[^\s/@\"'<>]{3,128}@[A-Za-z0-9.-]{1,253}",
    "AWS access key": _START + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "GitHub token": _START + r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "GitLab token": _START + r"glpat-[A-Za-z0-9_-]{20,}",
    "Slack token": _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "Slack webhook": r"\bhooks\.slack\.com/services/[A-Z0-9]{8,12}/[A-Z0-9]{8,12}/[A-Za-z0-9]{20,30}",
    "OpenAI or Anthropic key": _START + r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",
    "Google key": _START + r"AIza[A-Za-z0-9_-]{35}",
    "Stripe key": _START + r"(?:(?:sk|rk)_(?:live|test)_|whsec_)[A-Za-z0-9]{24,}",
    "Hugging Face token": _START + r"hf_[A-Za-z0-9]{34,40}\b",
    "npm or PyPI token": _START + r"(?:npm_[A-Za-z0-9]{36}\b|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,})",
    "SendGrid key": _START + r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    "JSON web token": _START + r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}",
    "redacted": r"\[secret[^\]\[\n]{0,40}\]",
}
# What RE2 looks for first in a whole batch: only texts with one of these are read by the shapes.
MARKS = (
    r"PRIVATE KEY|://[^\s/@]*:[^\s/@]+@|AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hooks\.slack\.com|sk-|AIza"
    r"|[sr]k_(?:live|test)_|whsec_|hf_|npm_|pypi-|SG\.|eyJ|\[secret"
)
_KEY_END = re.compile(r"-----END (?:[A-Z]{2,9} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KINDS = [(kind, re.compile(shape, re.ASCII)) for kind, shape in SHAPES.items()]
# A placeholder of documentation is no secret: sk-xxxxxxxxxxxxxxxxxxxx, AKIAIOSFODNN7EXAMPLE, user:password@host.
_PLACEHOLDER = re.compile(r"EXAMPLE|example|your[-_]|YOUR[-_]|(.)\1{7}|:(?:password|passwd|pass|secret|pwd|\*{3,}|<\w{1,30}>)@", re.ASCII)


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def secrets(output: Sequence[str]) -> list[Score | float]:
    """Number of keys, tokens, private keys and connection strings with a password in the output.

    Columns: output (N texts). Returns: N counts; the explanation names the kinds, never a value.
    Null: never. Options: none.
    Counted by published shape (AWS, GitHub, Slack, OpenAI, Stripe, JWT, ...) and as `[secret...]`
    placeholders, which stand where the reader took one out. Placeholders of documentation (EXAMPLE,
    your_, a character eight times in a row, user:password@) are not counted. Bare passwords and keys
    without a shape are not found.
    Source: the key formats that each issuer documents; the selection is ours.

    >>> secrets(["use AKIAABCDEFGHIJKLMNOP now", "[secret: aws] gone", "nothing"])[2]
    0.0
    """
    suspects = re2.matches(output, MARKS)
    return [_counted(text) if suspect else 0.0 for text, suspect in zip(output, suspects, strict=True)]


def _counted(text: str) -> Score | float:
    kinds: Counter[str] = Counter()
    taken: list[tuple[int, int]] = []
    for kind, shape in _KINDS:
        for found in shape.finditer(text):
            start, end = found.span()
            if not _PLACEHOLDER.search(found[0]) and all(end <= other or start >= other_end for other, other_end in taken):
                taken.append((start, end))
                kinds[kind] += 1
    if not kinds:
        return 0.0
    return Score(value=float(kinds.total()), explanation=", ".join(f"{count} {kind}" for kind, count in kinds.items()))


def find_secrets(text: str) -> list[tuple[int, int, str]]:
    """Where secrets stand in a text: start, end and `secret:KIND` of what `secrets` counts, without overlaps.

    A private key reaches to its END line, or to the end of the text where that is missing.
    """
    spans: list[tuple[int, int, str]] = []
    for kind, shape in _KINDS:
        for found in shape.finditer(text) if kind != "redacted" else ():
            start, end = found.span()
            if kind == "private key":
                last = _KEY_END.search(text, end)
                end = last.end() if last else len(text)
            if not _PLACEHOLDER.search(found[0]) and all(end <= other or start >= other_end for other, other_end, _ in spans):
                spans.append((start, end, f"secret:{kind.replace(' ', '_')}"))
    return sorted(spans)
