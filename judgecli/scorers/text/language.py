"""Which language the output is in, and whether it is the input's (extra `lang`)."""

import functools
from collections.abc import Callable, Sequence

from judgecli.errors import EnvironmentFailure
from judgecli.scorer import scorer

_LEAST_LETTER_BYTES = 20  # about twenty Latin letters or seven Chinese characters; less is a guess
_SURE = 0.5  # least probability of the best language; close kin (zh and wuu) share theirs
Identify = Callable[[str], tuple[str, float]]


@scorer(kind="category", range=(None, None), higher_is_better=None, version=1, needs="lang")
def language(output: Sequence[str]) -> list[str | None]:
    """Language of the output as an ISO 639 code.

    Columns: output. Returns: a code such as en, de or zh. Null: where the output is, holds less than 20
    bytes of letters, or no language reaches a probability of 0.5. A text in two languages has the larger one.
    Raises: EnvironmentFailure where the extra is missing.
    Source: Lui and Baldwin 2012, langid.py: an off-the-shelf language identification tool; py3langid's model.

    >>> language(["Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter.", "ok", None])
    ['de', None, None]
    """
    identify = _identifier("language")
    return [_language_of(text, identify) for text in output]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1, needs="lang")
def same_language_as_input(input: Sequence[str], output: Sequence[str]) -> list[float | None]:
    """1 where the output is in the language of the input, else 0.

    Columns: input, output. Returns: 0 or 1, from both languages as `language` finds them.
    Null: where either is, or has no sure language: a request to translate is not known as one.
    Raises: EnvironmentFailure where the extra is missing.
    Source: own; the languages as in `language`.

    >>> same_language_as_input(["Wie wird das Wetter morgen in Hamburg?"], ["The weather will be fine and rather warm tomorrow."])
    [0.0]
    """
    identify = _identifier("same_language_as_input")
    pairs = [(_language_of(asked, identify), _language_of(said, identify)) for asked, said in zip(input, output, strict=True)]
    return [None if asked is None or said is None else float(asked == said) for asked, said in pairs]


def _language_of(text: str, identify: Identify) -> str | None:
    if sum(len(character.encode()) for character in text if character.isalpha()) < _LEAST_LETTER_BYTES:
        return None
    found, probability = identify(text)
    return found if probability >= _SURE else None


def _identifier(name: str) -> Identify:
    try:
        return _model()
    except ImportError as error:
        raise EnvironmentFailure(f"scorer '{name}' needs py3langid", hint="install the extra: pip install 'judgecli[lang]'") from error


@functools.cache
def _model() -> Identify:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identify: Identify = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify
    return identify
