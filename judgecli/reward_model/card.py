"""The card of a reward model: what it is, what it was trained on, how good it is where it was not fitted, and what it cannot do.

A card is plain data (`to_plain`, `from_plain`); store/models.py writes it as card.yaml beside the weights.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Literal

from judgecli.reward_model.features import FeatureSpec
from judgecli.stats.calibration import Calibration

LAYOUT = 1  # of card and weights; a loader refuses a newer one
KINDS = ("linear", "process", "encoder")
METHODS = {"isotonic": {"x", "y"}, "platt": {"slope", "intercept"}, "temperature": {"slope"}, "none": set[str]()}
MOST_SCALE = 1_000.0  # of an embedding
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")

# Texts whose rewards stand in the card: a version or machine that reads their features otherwise gives others, and is told from one that does not.
PROBES = (
    (None, "We are sorry. It arrives on Monday, 3 May."),
    ("Where is my order, and when will it come?", "1. Your order left us on Monday.\n2. It should come soon!\n\n```\nid = 42\n```"),
    ("User: Hi\n\nAssistant: Hello!\n\nUser: Warum \u00fc?", "I cannot help with that \u2014 \u65e5\u672c\u8a9e, na\u00efve caf\u00e9 " + "word " * 120),
)
PROBE_ERROR = 1e-6  # of a reward, or of its size beyond 1

ModelKind = Literal["linear", "process", "encoder"]
CardNumber = float | None


@dataclass(frozen=True)
class CardFile:
    """One file of the model: its name in the folder, its bytes, its SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class DataFile:
    """One file (or source) that was learnt from: its name without folders, SHA-256, rows kept, and rows left out by reason; None: not counted by file."""

    name: str
    sha256: str
    kept: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Quality:
    """How good the model is on prompts that were held out. None where it could not be said.

    `accuracy` of pairs, or AUROC of answers judged alone (`measure`), with its 95 % interval; what longer-wins and shorter-wins get
    on the same; accuracy on `matched_n` pairs of like length; ECE and Brier before and after calibration; the verdict on length
    (a key of length.VERDICTS) and its sentence.
    """

    n: int
    measure: Literal["accuracy", "auroc"] = "accuracy"
    value: CardNumber = None
    low: CardNumber = None
    high: CardNumber = None
    longer: CardNumber = None
    shorter: CardNumber = None
    matched_n: int = 0
    matched: CardNumber = None
    matched_low: CardNumber = None
    matched_high: CardNumber = None
    ece_before: CardNumber = None
    ece: CardNumber = None
    brier_before: CardNumber = None
    brier: CardNumber = None
    length_verdict: str | None = None
    told: str | None = None


@dataclass(frozen=True)
class EncoderFacts:
    """What an encoder is read with: the base it was tuned from, tokens, and what its output is multiplied by to be log-odds."""

    base: str
    max_length: int
    scale: float


@dataclass(frozen=True)
class EmbeddingFacts:
    """The embedding that a linear model reads: its folder's name, SHA-256 over its files, its width.

    `scale`: how much its numbers may say together, of what the other dense features may (a ratio of prior standard deviations); 0: they say nothing.
    """

    name: str
    sha256: str
    width: int
    scale: float


@dataclass(frozen=True)
class Card:
    """What is known of a model. `created` is an ISO 8601 date given from outside; `recipe` is plain data (penalty, slope, members, seed, negatives, ...).

    `features`, `features_code`, `members`, `calibrations`, `probe` and `files` are filled from the model when it is saved.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

    kind: ModelKind
    name: str
    tool: str  # version of judgecli
    created: str
    layout: int = LAYOUT
    licence: str | None = None  # of the data
    about: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)  # read, pairs, verdicts, prompts, ...
    dropped: Mapping[str, int] = field(default_factory=dict)  # rows left out, by reason
    data: tuple[DataFile, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Quality] = field(default_factory=dict)  # held out: "pairs", "verdicts", "steps"
    limits: tuple[str, ...] = ()  # known ones, in words
    features: FeatureSpec | None = None
    features_code: str = ""
    members: int = 1
    embedding: EmbeddingFacts | None = None
    encoder: EncoderFacts | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    probe: tuple[float, ...] = ()  # the rewards of PROBES; () where it reads an embedding
    files: tuple[CardFile, ...] = ()

    @property
    def identity(self) -> str:
        """16 hex digits over all the card says, the hashes of the weights among it."""
        said = json.dumps(to_plain(self), sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.blake2b(said.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def to_plain(card: Card) -> dict[str, Any]:
    """The card as mappings, lists, strings, numbers and null, keys in their order. Raises: ValueError where something else is in it."""
    return _plain(asdict(card), "card")  # type: ignore[no-any-return]


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which is no finite number")
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, f"{where}[{place}]") for place, one in enumerate(value)]
    raise ValueError(f"{where} is a {type(value).__name__}, which a card cannot hold")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ValueError(f"{where} has the key {key!r}, which is no text")
    return key


def from_plain(plain: object) -> Card:
    """The card that `to_plain` gave. Raises: ValueError (first what is wrong, with the value seen) for anything else."""
    if not isinstance(plain, dict):
        raise ValueError(f"a card is a mapping, not {type(plain).__name__}")
    layout, kind = plain.get("layout"), plain.get("kind")
    if isinstance(layout, int) and not isinstance(layout, bool) and layout > LAYOUT:
        raise ValueError(f"its layout is {layout}, and this version reads up to {LAYOUT}")
    if kind not in KINDS:
        raise ValueError(f"its kind is {str(kind)[:80]!r}, which is none of {', '.join(KINDS)}")
    from pydantic import TypeAdapter, ValidationError

    try:
        # JSON, because lists are read as tuples there and nothing else is bent
        card: Card = TypeAdapter(Card).validate_json(json.dumps(plain, allow_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}, not {str(first['input'])[:80]!r}") from error
    _check(card)
    return card


def _check(card: Card) -> None:
    if card.layout < 1:
        raise ValueError(f"its layout is {card.layout}")
    names = [one.name for one in card.files]
    for one in card.files:
        if not FILE_NAME.fullmatch(one.name) or one.bytes < 0 or not SHA256.fullmatch(one.sha256):
            raise ValueError(f"its file {one.name[:80]!r} with {one.bytes} bytes and SHA-256 {one.sha256[:80]!r} is none of a model")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError("it names a file twice")
    if card.kind == "encoder" and (card.encoder is None or card.encoder.max_length < 1 or not card.encoder.scale > 0):
        raise ValueError("an encoder's card needs encoder: base, max_length >= 1, scale > 0")
    if card.kind != "encoder":
        _check_features(card)
    for kind, found in card.calibrations.items():
        _check_calibration(kind, found)


def _check_features(card: Card) -> None:
    spec = card.features
    if spec is None:
        raise ValueError("a linear model's card needs features")
    sizes = (*spec.character_sizes, *spec.word_sizes)
    if not (0 <= spec.bits <= 20 and 0 <= spec.embedding_size <= 65_536 and len(sizes) <= 16 and all(1 <= size <= 16 for size in sizes)):
        raise ValueError(f"no features are like {spec}")
    if not 1 <= card.members <= 1_000:
        raise ValueError(f"its members are {card.members}")
    width = 0 if card.embedding is None else card.embedding.width
    if bool(spec.embedding) != (spec.embedding_size > 0) or width != spec.embedding_size:
        raise ValueError(f"its features read {spec.embedding_size} numbers of the embedding {spec.embedding!r}, and its embedding has {width}")
    if card.embedding is not None and not 0 <= card.embedding.scale <= MOST_SCALE:
        raise ValueError(f"its embedding has the scale {card.embedding.scale}, which no training chooses")


def _check_calibration(kind: str, found: Calibration) -> None:
    given = dict(found.parameters)
    if set(given) != METHODS.get(found.method):
        raise ValueError(f"its calibration {kind} is {found.method!r} with {', '.join(given) or 'nothing'}")
    if found.method != "isotonic":
        if any(isinstance(value, list) for value in given.values()) or not _number(given.get("slope", 1.0)) >= 0:
            raise ValueError(f"its calibration {kind} has the slope {given.get('slope')}")
        return
    x, y = given["x"], given["y"]
    if not (isinstance(x, list) and isinstance(y, list) and len(x) == len(y) > 0):
        raise ValueError(f"its calibration {kind} is no list of points")
    if any(left >= right for left, right in pairwise(x)) or any(left > right for left, right in pairwise(y)):
        raise ValueError(f"its calibration {kind} does not rise")
    if not 0 <= y[0] <= y[-1] <= 1:
        raise ValueError(f"its calibration {kind} gives {y[0]} to {y[-1]}, which are no probabilities")


def _number(value: float | list[float]) -> float:
    return math.nan if isinstance(value, list) else value
