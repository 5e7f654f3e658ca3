"""The judged texts as one block of data that they cannot leave.

    <<<MATERIAL 5f0c...>>>
    request:
    | What is the capital of France?
    answer:
    | Paris.⟦U+200B⟧
    <<<END 5f0c...>>>

Every line of a text begins with `| `; a line that does not is ours: a label from a closed list, or
the note of a cut. Hidden characters and chat control tokens are written as ⟦U+XXXX⟧ (×N for a run of
one character), which is reversible: a ⟦ of the text itself is escaped too. The code in the markers is
an HMAC of the store's secret and the request key: 128 bits, new for every request, and the same when
the request is built again. Source: spotlighting, Hines et al. 2024, arXiv:2403.14720.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

MAX_CHARACTERS = 60_000  # shown of one field; what is longer is cut at its end
CUT = re.compile(r"\[cut here: (\d+) of (\d+) characters shown\]")

# Characters that are not seen or that reorder or end a line: controls (tab and line feed stay), soft hyphen,
# joiners, fillers, zero width, bidi, line separators, variation selectors, private use, tags, lone surrogates.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
_WORDS = (
    "INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|PREFIX|SUFFIX|MIDDLE|"
    "BOS|EOS|CLS|SEP|MASK|PAD|UNK|IMG|IMG_BREAK|IMG_END|gMASK|sMASK"
)
_TAGS = (
    "s|bos|eos|pad|unk|mask|sys|system|user|human|assistant|developer|start_of_turn|end_of_turn|start_of_image|end_of_image|start_header_id|end_header_id|"
    "tool_call|tool_calls|tool_response|tools|tool|function_call|function_calls|invoke|parameters?|think|thinking|reasoning|answer|extra_id_\\d+|reserved_\\d+|"
    "im_start|im_end|endoftext|eot_id|turn|image|audio|video"
)
_TOKEN = re.compile(f"[<＜](?=[|｜])|<(?=(?i:/?(?:{_TAGS})\\s*/?>|</?SYS>>))|\\[(?=(?i:/?(?:{_WORDS})\\]))")
_SUSPECT = re.compile(f"([{_HIDDEN}\ufe0f<＜\\[⟦])\\1*")  # a run of one character that may need an escape
_SUSPECT_ASCII = re.compile(r"([\x00-\x08\x0b-\x1f\x7f<\[])\1*")  # the same among ASCII, where it is three times as quick
_SYMBOL = re.compile("[#*0-9\xa9\xae\u203c-\u3299\U0001f000-\U0001faff]")  # may be followed by U+FE0F, which says: in colour
_WRITTEN = re.compile(r"⟦U\+([0-9A-F]{4,6})(?:×(\d+))?⟧")


@dataclass(frozen=True, slots=True)
class MaterialSection:
    """One labelled text of the material. `label` is ours, never of the data."""

    label: str
    text: str
    field: str  # the input it belongs to: sections of one field share its length cap


@dataclass
class Treatment:
    """What was done to the texts before a judge saw them: how many escapes of each kind, and (shown, of) characters of a cut field."""

    escaped: dict[str, int] = field(default_factory=dict)
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)

    def detail(self) -> dict[str, object]:
        """As it is kept with the score; nothing where nothing was done."""
        found: dict[str, object] = {"escaped": dict(sorted(self.escaped.items()))} if self.escaped else {}
        return found | ({"cut": {name: list(pair) for name, pair in sorted(self.cut.items())}} if self.cut else {})


def escape(text: str, counts: dict[str, int] | None = None) -> str:
    """The text with hidden characters and control tokens written out; `counts` is added to by kind.

    >>> escape("a\\u200b\\u200b <|im_end|>")
    'a⟦U+200B×2⟧ ⟦U+003C⟧|im_end|>'
    """
    counts = {} if counts is None else counts

    def written(found: "re.Match[str]") -> str:
        run, start = found[0], found.start()
        if run in ("<", "["):  # by far the commonest
            return _write("token", run, counts) if _TOKEN.match(text, start) else run
        if run[0] in "<＜[":
            return "".join(_write("token", character, counts) if _TOKEN.match(text, start + place) else character for place, character in enumerate(run))
        if run == "\ufe0f" and start and _SYMBOL.match(text, start - 1):
            return run
        return _write("bracket" if run[0] == "⟦" else "hidden", run, counts)

    return (_SUSPECT_ASCII if text.isascii() else _SUSPECT).sub(written, text)


def _write(kind: str, run: str, counts: dict[str, int]) -> str:
    """A run of one character by its code."""
    counts[kind] = counts.get(kind, 0) + len(run)
    return f"⟦U+{ord(run[0]):04X}{f'×{len(run)}' if len(run) > 1 else ''}⟧"


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)) * int(found[2] or 1), text)


def draw_nonce(secret: bytes, key: bytes, texts: Sequence[str]) -> str:
    """32 hex digits from the store's secret and the request key that stand in none of the texts."""
    for attempt in range(256):
        nonce = _mac(secret, key + bytes([attempt]))[:32]
        if not any(nonce in text for text in texts):
            return nonce
    raise AssertionError("256 nonces in one text")


def _mac(secret: bytes, message: bytes) -> str:
    """HMAC-SHA256 in hex (RFC 2104): hmac.digest begins anew from the secret each time, which takes three times as long."""
    inner, outer = (start.copy() for start in _mac_start(secret))
    inner.update(message)
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=16)
def _mac_start(secret: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    block = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def render(sections: Sequence[MaterialSection], nonce: str, treatment: Treatment) -> str:
    """The block, from its opening to its closing marker. Fills in `treatment`."""
    lines = [f"<<<MATERIAL {nonce}>>>"]
    totals: dict[str, int] = {}
    for section in sections:
        totals[section.field] = totals.get(section.field, 0) + len(section.text)
    left = dict.fromkeys(totals, MAX_CHARACTERS)
    for section in sections:
        room = left[section.field]
        if room == 0 and section.text:
            continue  # after the cut of its field; the note there counts it
        shown = section.text[:room]
        left[section.field] -= len(shown)
        lines.append(f"{section.label}:")
        lines += [f"| {line}" for line in escape(shown, treatment.escaped).split("\n")]
        if left[section.field] == 0 and totals[section.field] > MAX_CHARACTERS:
            treatment.cut[section.field] = (MAX_CHARACTERS, totals[section.field])
            lines.append(f"[cut here: {MAX_CHARACTERS} of {totals[section.field]} characters shown]")
    treatment.escaped.pop("bracket", None)  # not the text's doing but the price of being reversible
    return "\n".join([*lines, f"<<<END {nonce}>>>"])


def decode(block: str) -> list[tuple[str, str, bool]]:
    """Label, text and whether it was cut, of each section of a rendered block: the way back."""
    found: list[tuple[str, list[str], bool]] = []
    for line in block.split("\n")[1:-1]:
        if line.startswith("| "):
            found[-1][1].append(line.removeprefix("| "))
        elif CUT.fullmatch(line):
            found[-1] = (*found[-1][:2], True)
        else:
            found.append((line.removesuffix(":"), [], False))
    return [(label, unescape("\n".join(lines)), cut) for label, lines, cut in found]
