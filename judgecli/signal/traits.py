"""What can be said of a record without naming columns: its language, length, first words, place in the session, tags."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LENGTHS = (2, 5, 10, 20, 50, 100, 300, 1000)
TURNS = ("turn 1", "turn 2", "turn 3", "turn 4 or later", None)
_COLUMNS = ("model", "prompt_version", "finish_reason")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_HEAD = 4000  # characters that are looked at: enough for the script and the words, whatever the length
# Words so common that they tell a language, and nothing else: enough to name it for a slice.
_COMMON = {
    "English": ("the", "of", "and", "to", "is", "what", "how", "i", "you", "for", "with", "a", "it", "can", "do", "my", "please", "me", "are"),
    "German": ("der", "die", "das", "und", "ist", "wie", "ich", "ein", "eine", "mit", "für", "zu", "nicht", "was", "kann", "bitte", "auf", "den", "mir"),
    "Spanish": ("el", "la", "los", "las", "de", "que", "y", "es", "un", "una", "con", "para", "por", "cómo", "qué", "puedo", "me", "mi", "no", "se"),
    "French": ("le", "la", "les", "des", "et", "est", "un", "une", "avec", "pour", "comment", "que", "je", "vous", "puis", "du", "ne", "pas", "sans"),
    "Portuguese": ("o", "os", "as", "de", "que", "e", "um", "uma", "com", "para", "por", "como", "não", "você", "meu", "eu", "do", "da"),
    "Italian": ("il", "lo", "gli", "di", "che", "e", "un", "una", "con", "per", "come", "non", "posso", "mi", "sono", "della", "del", "è"),
    "Dutch": ("de", "het", "een", "en", "is", "hoe", "ik", "van", "met", "voor", "niet", "wat", "kan", "op", "mijn", "je"),
}
_SCRIPTS = {"HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese", "HANGUL": "Korean", "CYRILLIC": "Cyrillic script", "ARABIC": "Arabic script"}
_SCRIPTS |= {"HEBREW": "Hebrew", "GREEK": "Greek", "THAI": "Thai", "DEVANAGARI": "Devanagari script", "LATIN": "Latin script"}
_ALSO_COMMON = ("this", "that", "have", "make", "about", "from", "your", "will", "does", "when")
_STOP = frozenset(word for words in _COMMON.values() for word in words) | frozenset(_ALSO_COMMON)


def language_guess(text: str) -> str | None:
    """The language of a text by its script and, in Latin script, by its commonest words; None where it has fewer than three letters.

    A guess for naming slices, not a measurement: close languages and short texts are named by their script.

    >>> language_guess("Wie koche ich eine Suppe?"), language_guess("Привет, как дела?"), language_guess("ok")
    ('German', 'Cyrillic script', None)
    """
    letters = [character for character in text[:_HEAD] if character.isalpha()][:200]
    if len(letters) < 3:
        return None
    scripts = Counter(_script(letter) for letter in letters)
    if scripts["Japanese"]:
        return "Japanese"
    script = max(scripts, key=lambda name: (scripts[name], name))
    return _latin_language(text) if script == "Latin script" else script


def _script(letter: str) -> str:
    if letter.isascii():
        return "Latin script"
    return _SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "another script")


def _latin_language(text: str) -> str:
    words = Counter(_WORD.findall(text[:_HEAD].lower()))
    hits = {language: sum(words[word] for word in common) for language, common in _COMMON.items()}
    best = max(hits.values())
    leaders = [language for language, found in hits.items() if found == best]
    return leaders[0] if best >= 2 and len(leaders) == 1 else "Latin script, language unsure"


def length_bucket(text: str) -> str:
    """How many words a text has, as a range. Chinese and Japanese characters count as words of their own by script.

    >>> length_bucket("a b c"), length_bucket("")
    ('3 to 5 words', '0 to 2 words')
    """
    count = len(text.split())
    lower = 0
    for upper in LENGTHS:
        if count <= upper:
            return f"{lower} to {upper} words"
        lower = upper + 1
    return f"more than {LENGTHS[-1]:,} words"


def first_words(text: str, count: int = 2) -> str | None:
    """The first words in lower case, punctuation aside; None where there are fewer.

    >>> first_words("How do I cook it?"), first_words("Hi")
    ('how do', None)
    """
    words = _WORD.findall(text[:200].lower())
    return " ".join(words[:count])[:40] if len(words) >= count else None


def content_words(text: str) -> list[str]:
    """The words of a text that are worth a slice: four letters or more, not among the commonest of their language; each once, sorted."""
    return sorted({word for word in _WORD.findall(text[:_HEAD].lower()) if 4 <= len(word) <= 30 and word not in _STOP})


def traits_of(record: Mapping[str, object]) -> dict[str, Sequence[str]]:
    """The traits of one record: name of the trait -> its values (several for words).

    Reads input, model, prompt_version, finish_reason and tags; what is missing gives no trait.
    """
    found: dict[str, Sequence[str]] = {}
    for column in _COLUMNS:
        if record.get(column) is not None:
            found[column] = (str(record[column]),)
    tags = record.get("tags")
    for name, value in sorted(tags if isinstance(tags, list) else []):
        if value is not None:
            found[f"tags.{name}"] = (str(value)[:80],)
    text = record.get("input")
    if isinstance(text, str) and text:
        found["input length"] = (length_bucket(text),)
        for trait, value in (("input language", language_guess(text)), ("input starts with", first_words(text))):
            if value:
                found[trait] = (value,)
        found["input mentions"] = content_words(text)
    return found


def session_positions(sessions: Sequence[str | None], times: Sequence[int | None]) -> list[str | None]:
    """Where each record stands in its session by time: `turn 1`, `turn 2`, `turn 3`, `turn 4 or later`; None without session or time."""
    number = {session: place for place, session in enumerate(dict.fromkeys(sessions))}
    codes = np.fromiter((number[session] for session in sessions), dtype=np.int64, count=len(sessions))
    placed = [row for row, (session, time) in enumerate(zip(sessions, times, strict=True)) if session is not None and time is not None]
    rows = np.array(placed, dtype=np.int64)
    moments = np.array([times[row] for row in placed], dtype=np.int64)
    order = np.lexsort((moments, codes[rows]))
    ordered = codes[rows][order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else ordered
    turns = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    found = np.full(len(sessions), len(TURNS) - 1)
    found[rows[order]] = np.minimum(turns, len(TURNS) - 2)
    return [TURNS[turn] for turn in found.tolist()]


class TraitIndex:
    """The rows of every (trait, value), gathered batch by batch; row numbers count from 0 over all batches.

    When more values are known than `most`, no new ones are taken in: those that are known stay complete.
    """

    def __init__(self, *, most: int = 200_000) -> None:
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._most = most
        self.count = 0

    def add(self, record: Mapping[str, object]) -> None:
        """Take the next record in."""
        self.add_columns({name: [record.get(name)] for name in (*_COLUMNS, "tags", "input")}, 1)

    def add_columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> None:
        """Take a batch of records in, by column. A text or a set of tags that occurs often is looked at once."""
        for name in (*_COLUMNS, "tags", "input"):
            values = columns.get(name, ())
            first = self.count
            if name == "tags":
                values = [None if value is None else tuple((key, text) for key, text in value) for value in values]
            for value, own in _rows_by_value(values).items():
                for trait, named in traits_of({name: list(value) if isinstance(value, tuple) else value}).items():
                    for one in named:
                        self._take(trait, one, own, first)
        self.count += rows

    def mark(self, trait: str, value: str, row: int) -> None:
        """Note that a row has this value of a trait."""
        self._take(trait, value, [row], 0)

    def mark_all(self, trait: str, values: Sequence[str | None]) -> None:
        """Note the value of a trait that each row has, from row 0 on (None: it has none)."""
        for value, own in _rows_by_value(values).items():
            self._take(trait, value, own, 0)

    def _take(self, trait: str, value: str, rows: Sequence[int], first: int) -> None:
        key = (trait, value)
        if key not in self._rows:
            if len(self._rows) >= self._most:
                return
            self._rows[key] = []
        self._rows[key] += [first + row for row in rows] if first else rows

    def members(self, *, least: int = 20, values_per_trait: int = 60) -> dict[tuple[str, str], list[int]]:
        """The values with at least `least` rows and, for each trait, the most frequent ones, in a fixed order."""
        by_trait: dict[str, list[tuple[int, str]]] = {}
        for (trait, value), rows in self._rows.items():
            if least <= len(rows) < self.count:
                by_trait.setdefault(trait, []).append((-len(rows), value))
        kept = {(trait, value): self._rows[trait, value] for trait in sorted(by_trait) for _, value in sorted(by_trait[trait])[:values_per_trait]}
        return {key: sorted(rows) for key, rows in kept.items()}


def _rows_by_value(values: Sequence[Any]) -> dict[Any, list[int]]:
    """The places of each value that is not None, in the order of their first appearance."""
    found: dict[Any, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            found.setdefault(value, []).append(row)
    return found
