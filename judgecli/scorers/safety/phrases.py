"""Phrases that say something about an answer: hedges, apologies, the model on itself, swearing."""

from collections.abc import Sequence

from judgecli.scorer import scorer
from judgecli.scorers import re2
from judgecli.unspaced import mostly_unspaced

# RE2; matched without case. Hedges after Hyland 1998 (the frequent ones), and what models add.
_HEDGES = (
    r"\b(?:may|might|could|perhaps|maybe|possibly|probably|presumably|apparently|seemingly|arguably|supposedly|roughly|somewhat|likely|unlikely"
    r"|seems?|appears? to|tends? to|suggests? that|it is possible|it's possible|it depends|i think|i believe|i guess|i suppose"
    r"|(?:i'm|i am) not (?:entirely |quite )?sure|not certain|in some cases|to some extent|as far as i know|generally speaking|in general|kind of|sort of)\b"
)
_APOLOGIES = (
    r"\b(?:sorry|apolog(?:y|ies|ise|ised|ize|ized|ising|izing)|regret to|my mistake|my bad|forgive me|pardon me|es tut mir leid|tut mir leid|entschuldig\w*"
    r"|excuse[zs]?[- ]moi|je m'excuse|lo siento|perd[oó]n[ae]?|disculp\w+|mi dispiace|scus[ai]\w*|desculp\w+|sinto muito|het spijt me|przepraszam)\b"
    r"|désolé|извин|прости|对不起|抱歉|很遗憾|ごめん|申し訳|すみません|죄송|미안"
)
_SELF = (
    r"\b(?:as an?|i am an?|i'm an?|i’m an?|being an?) (?:(?:artificial intelligence|ai|virtual|digital|large)[ -]?)?"
    r"(?:ai|a\.i\.|artificial intelligence|language model|llm|chatbot|(?:ai |virtual |digital )?assistant (?:trained|created|developed|made|built)"
    r"|ai (?:language )?(?:model|assistant)|large language model|machine learning model)\b"
    r"|\bmy (?:training data|knowledge cutoff|knowledge cut-off|last (?:knowledge )?update)\b|\bi was (?:trained|created|developed) by\b"
    r"|\bals (?:ki|künstliche intelligenz|sprachmodell|ki-sprachmodell|ki-modell)\b|\ben tant qu'(?:ia|intelligence artificielle|modèle de langage)"
    r"|\bcomo (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje)\b|作为(?:一个|一名)?(?:人工智能|AI|语言模型)|AIとして|言語モデルとして"
)
_SWEARING = (
    r"\b(?:fuck\w*|motherfuck\w*|shit|shits|shitty|bullshit|bitch|bitches|bastards?|assholes?|arseholes?|cunts?|dick(?:head|heads)|cocksuckers?|pricks|wank(?:er|ers|ing)"
    r"|twats?|pussy|pussies|sluts?|whores?|goddamn(?:ed)?|damn(?:ed|it)?|crap|crappy|piss(?:ed)? off|bollocks|bloody hell|dumbass|jackass|douchebags?"
    r"|nigg(?:er|ers|a|as)|fagg?ots?|retard(?:s|ed)?|kikes?|spics?|chinks?|trann(?:y|ies))\b"
)


@scorer(kind="number", range=(0, None), higher_is_better=None, version=2)
def hedging(output: Sequence[str], output_words: Sequence[list[str]]) -> list[float | None]:
    """Hedging words and phrases ("might", "I think") per 100 words of the output.

    Columns: output (N texts; words split at white space). Returns: N rates per 100 words.
    Null where the output has no word, or is mostly in a script without spaces between words.
    Options: none. English only: other languages give 0. "may" the month and "could" the past count too.
    Source: Hyland 1998, Hedging in Scientific Research Articles (the frequent hedges); the list is ours.

    >>> hedging(["It might rain, I think"])
    [40.0]
    """
    found = re2.counts(output, _HEDGES, ignore_case=True)
    return [100 * count / len(words) if words and not mostly_unspaced(text) else None for text, count, words in zip(output, found, output_words, strict=True)]


@scorer(kind="rate", range=(0, 1), higher_is_better=None, version=1)
def apology(output: Sequence[str]) -> list[float]:
    """1 where the output apologises, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never. Options: none. Phrases of English, German, French, Spanish, Italian, Portuguese, Dutch,
    Polish, Russian, Chinese, Japanese and Korean. A text about apologies counts too.
    Source: ours.

    >>> apology(["I'm sorry about that.", "Done."])
    [1.0, 0.0]
    """
    return [float(found) for found in re2.matches(output, _APOLOGIES, ignore_case=True)]


@scorer(kind="rate", range=(0, 1), higher_is_better=False, version=1)
def ai_self_reference(output: Sequence[str]) -> list[float]:
    """1 where the output speaks of itself as a machine ("As an AI language model"), else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1.
    Null: never. Options: none. Phrases of English, and a few of German, French, Spanish, Chinese and Japanese.
    Source: ours.

    >>> ai_self_reference(["As an AI language model, I cannot feel.", "AI is a field."])
    [1.0, 0.0]
    """
    return [float(found) for found in re2.matches(output, _SELF, ignore_case=True)]


@scorer(kind="number", range=(0, None), higher_is_better=False, version=1)
def profanity(output: Sequence[str]) -> list[float]:
    """Number of swear words and slurs in the output.

    Columns: output (N texts). Returns: N counts.
    Null: never. Options: none. A short English list of whole words; it does not see spelling tricks, other
    languages, or that a word is quoted. It is no measure of harm.
    Source: ours.

    >>> profanity(["What the shit, damn it.", "Scunthorpe"])
    [2.0, 0.0]
    """
    return [float(count) for count in re2.counts(output, _SWEARING, ignore_case=True)]
