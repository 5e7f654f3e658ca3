"""Names and dates of a text, and whether passages hold them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from judgecli.scorers.context.passages import words_of

_MONTH_TEXT = "january february march april may june july august september october november december"
_MONTH = {name: number for number, name in enumerate(_MONTH_TEXT.split(), 1)}
_MONTHS = "|".join(name.capitalize() for name in _MONTH)
# A date, or up to six capitalised words in a row; `of`, `the` and the like may stand between them.
_DATE = rf"(?:\d{{1,2}} (?:{_MONTHS})(?:,? \d{{4}})?|(?:{_MONTHS}) \d{{1,2}}(?!\d)(?:,? \d{{4}})?|(?:{_MONTHS}) \d{{4}})"
_UPPER = r"[A-ZÀ-ÖØ-ÞŁŚŹŻČŠŽĆĐŐŰĞİА-ЯЁΑ-Ω]"
_NAME = rf"{_UPPER}[\w'’&-]*(?:\.? (?:(?:of|the|de|du|da|del|della|van|von|der) )?{_UPPER}[\w'’&-]*){{0,5}}"
_ENTITY = re.compile(rf"(?<![\w’'-])(?:{_DATE}|{_NAME})|(?<![\w’'-])[DLdl]['’]({_NAME})")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“”«(*#>-])[ \t\"“«(*#>_-]*$")
_OPENERS_TEXT = (
    "The A An In On At By For From This That These Those When While After Before And But If Yesterday Today Tomorrow However Then Since"
    " As Although Because"
    " It He She They We You With To So Under According Neither Both Unlike Contact Ask Use Open Please Two Three See Bring Its His Her"
    " Their Our My Your No Not"
    " Yes There Here Where Who What Which How Why Only Also Even Each Every All Some Many Most Several One Within Without During Through"
    " Over Of Or Nor Le La Les"
    " El Los Las Il Lo Gli O Os As De Het Em En À Al A"
)
_OPENERS = frozenset(_OPENERS_TEXT.split())
_TITLES_TEXT = (
    "mr mrs ms mx dr prof professor president senator justice judge nurse coach king queen sir lady lord captain mme m mlle herr frau"
    " mayor chairwoman chairman vice mt mount st"
)
_TITLES = frozenset(_TITLES_TEXT.split())
_NO_NAMES = frozenset(["I", "I'm", "I’m", "I'll", "I’ll", "I've", "I’ve", "I'd", "OK", "FAQ", "PS", "PDF", "USD", "EUR"])
_IRREGULAR = {"french": "france", "spanish": "spain", "dutch": "netherlands", "danish": "denmark", "polish": "poland", "swiss": "switzerland", "greek": "greece", "british": "britain", "english": "england", "irish": "ireland", "turkish": "turkey", "swedish": "sweden", "norwegian": "norway", "finnish": "finland", "thai": "thailand", "welsh": "wales", "scottish": "scotland"}  # fmt: skip  # noqa: E501
_LEAST_STEM = 4  # letters: shorter words are held as they stand only
_GERMAN_TEXT = "der die das und ist nicht ein eine einen einem einer den dem des mit von für wurde hat sich auf im am zum zur leitet wird sind"
_GERMAN = frozenset(_GERMAN_TEXT.split())
_ENGLISH_TEXT = "the of and is to was has for with are by"
_ENGLISH = frozenset(_ENGLISH_TEXT.split())


def shows_names(text: str) -> bool:
    """Whether capital letters tell names in this text: not in lower case or capitals alone, in scripts without case, or in German, whose nouns all have them.

    >>> [shows_names(text) for text in ("He met Ann Lee.", "he met ann lee", "HE MET ANN LEE", "Der Hund ist im Garten.", "王芳在上海。")]
    [True, False, False, False, False]
    """
    letters = [character for character in text if character.isalpha()]
    cased = sum(character.isupper() or character.islower() for character in letters)
    if not letters:
        return True
    words = text.split()
    if 2 * cased < len(letters):
        return False
    if len(words) > 2 and not any(character.isupper() for character in letters):
        return False
    if len(words) > 3 and not any(character.islower() for character in letters):
        return False
    said = {word.strip(".,;:!?") for word in words}
    return not (len(said & _GERMAN) > 1 and len(said & _GERMAN) > len(said & _ENGLISH))


def entities(text: str) -> Iterator[str]:
    """The names and dates of a text (see unsupported_entities).

    >>> list(entities("Yesterday Ann Lee left. The Bank of England said so on 3 May 2021."))
    ['Ann Lee', 'Bank of England', '3 May 2021']
    """
    for found in _ENTITY.finditer(text):
        words = (found[1] or found[0]).split(" ")
        if words[0][0].isupper() and words[0] != "I" and _SENTENCE_START.search(text[max(found.start() - 20, 0) : found.start()]):
            # The first word of a sentence says nothing; what follows it may be a name of its own.
            words = words[1:] if len(words) > 1 and words[0] in _OPENERS else [] if len(words) == 1 else words
        words = [word for word in words if word not in _NO_NAMES]
        while words and (words[0] in _OPENERS or words[0][0].islower()) and not words[0][0].isdigit():
            words = words[1:]
        if words:
            yield " ".join(words).removesuffix("'s").removesuffix("’s")


class Names:
    """Says whether passages hold a name or date."""

    def __init__(self, passages: Sequence[str]) -> None:
        folded = [_folded(passage) for passage in passages]
        self._words = {word for passage in folded for word in words_of(passage)}
        self._stems: dict[str, list[str]] = {}
        for word in self._words:
            self._stems.setdefault(word[:_LEAST_STEM], []).append(word)
        self._dates = {date for passage in passages for found in re.findall(_DATE, passage, re.IGNORECASE) if (date := _date(found))}

    def __contains__(self, name: object) -> bool:
        date = _date(str(name))
        if date:
            return any(_agree(date, other) for other in self._dates) or all(word in self._words for word in words_of(str(name)))
        return all(self._holds(word) for word in words_of(_folded(str(name))) if word not in _TITLES and len(word) > 1)

    def _holds(self, word: str) -> bool:
        """Whether a passage has the word, or one that differs in its ending ("Russian", "Russia")."""
        if word in self._words or _IRREGULAR.get(word, "") in self._words or word.isdigit():
            return word in self._words or not word.isdigit()
        return any(_same_stem(word, other) for other in self._stems.get(word[:_LEAST_STEM], ()))


def _same_stem(word: str, other: str) -> bool:
    shorter = min(len(word), len(other))
    shared = next((place for place in range(shorter) if word[place] != other[place]), shorter)
    return shared >= max(_LEAST_STEM, shorter - 1) and max(len(word), len(other)) - shared <= 3


def _folded(text: str) -> str:
    """The text without accents: Münster is Munster."""
    if text.isascii():
        return text
    return "".join(character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character))


def _date(text: str) -> tuple[int | None, int, int | None] | None:
    """Day, month and year of a date; None for a text that is none."""
    words = text.lower().replace(",", "").split()
    month = next((_MONTH[word] for word in words if word in _MONTH), None)
    numbers = [int(word) for word in words if word.isdigit()]
    if month is None or not numbers or len(words) > 3:
        return None
    return next((number for number in numbers if number <= 31), None), month, next((number for number in numbers if number > 31), None)


def _agree(one: tuple[int | None, int, int | None], other: tuple[int | None, int, int | None]) -> bool:
    """Whether two dates may be the same day: what both name is equal."""
    return all(left is None or right is None or left == right for left, right in zip(one, other, strict=True))
