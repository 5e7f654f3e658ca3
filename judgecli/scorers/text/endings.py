"""Whether a text looks cut off, by how it ends."""

import re

_FENCE = re.compile(r"(?m)^ {0,3}(?:```|~~~)")
_JSON_START = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"])')
_LAYOUT = re.compile(r"(?:#|[-*+•|>]|\d{1,3}[.)]|[A-Za-z][.)]|[IVXivx]{1,5}\.)(?:\s|$)|[#|>*]")  # heading, list item, table row, quote
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
# A full stop after a word; "(A)." and "3." end no sentence.
_STOP = re.compile(r"(?:[^\W\d_]{2}|\d{2}|[%)\]\"'”’])[.!?…][\"'”’)\]*_]*(?=\s)|[。！？।]")
_LABEL = re.compile(r"\W{0,4}[\w'’/ -]{1,32}(?::\s|：)\S")
_NO_PROSE = re.compile(r"[#@=/\\<>_{}|^$€£¢%°]|\d$|\.\w")
_ANSWER = re.compile(r"\b(?:is|are|was|=|ist|est|es|è|é) (?:\S{1,12}|about \S{1,12})$")
_OPEN = {"(": ")", "[": "]", "{": "}", "（": "）", "「": "」", "『": "』", "“": "”", "«": "»"}
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]$")
_WITHOUT_STOPS = re.compile("[\u0e01-\u0e4e\u0e80-\u0edf]$")  # Thai and Lao letters
_PROSE_WORDS = 8
_SENTENCE_WORDS = 5  # on average before each full stop: else they are headings and fragments
_SHORT = 60  # characters, and of scripts without spaces half as many: a shorter text ends as it likes
_TAIL = 1_200  # characters that the marks of prose are looked for in

# Words that end no sentence, as they are written inside one: articles, conjunctions, prepositions, possessives.
_NEVER_LAST_TEXT = (
    "the a an and or but nor because although unless than whose my your their its our every very into onto upon between among during including whereas"
    " der den dem des ein eine einen einem einer und oder aber weil dass sowie sondern ihre seinen seiner für von vom im zum zur durch"
    " zwischen ohne gegen über"
    " les des du de et ou dans avec pour une aux cette ces leurs que qui chez parce dont sous"
    " el los las una pero en con por para del al sus porque cuando desde hasta entre"
    " il gli della dello dei degli delle nel nella che di da ed dal dalla sul sulla alla ai"
    " os uma em com pelo pela dos das à às ao aos seu sua"
    " het een en maar dat met van voor naar bij omdat zodat hun zijn"
    " и или но что чтобы как в во на с со к по из за от до для у о об при его её их не который которая которые потому если когда"
)
_NEVER_LAST = frozenset(_NEVER_LAST_TEXT.split())
_SELDOM_LAST_TEXT = (
    "of to for with from by in on at as is are was were has have had that which who when where how will would can could should be been not if so"
)
_SELDOM_LAST = frozenset(_SELDOM_LAST_TEXT.split())
_ASKS = re.compile(
    r"\b(?:what|who|whom|which|where|how|anything|something|anyone|someone|is there|are there|do you|did you|would you|can i|could i|no one|nothing)\b",
    re.IGNORECASE,
)

# "something you are familiar with" is whole: the preposition is left behind by what it belongs to.
_STRANDING_TEXT = (
    "familiar comfortable deal cope agree work live play start begin talk help come look log sign opt fill go looking going dealing"
    " working happy it pleased associated interested involved believe depend rely there"
)
_STRANDING = frozenset(_STRANDING_TEXT.split())
_BEFORE_I_TEXT = "so and but that if when because because, then which as what while although however therefore program model assistant"
_BEFORE_I = frozenset(_BEFORE_I_TEXT.split())
_OPENER = re.compile(
    r"(?:The|In|If|This|It|There|These|Those|When|However|You|We|For|To|As|By|On|With|Since|While|After|Before|And|But|So|Then|Although|Each|Some"
    r"|Many|Other) (?![Ee]nd$)\w",
    re.ASCII,
)
_BY = re.compile(r"\s*(?:[-–—~]|by )\s?[A-Z]")
_CODE = re.compile(r"[(){}=\[\]]|\b(?:SELECT|FROM|return|import|let|const|var)\b")
_WORD = re.compile(r"[^\W\d_]{2}")
_INCHES = re.compile(r'\d"')
_LEAST = 30  # characters: shorter texts are titles, names and answers in a word
_ASKED = re.compile(
    r"\s*(?:(?:is|are|do|does|did|can|could|would|will|shall|should) (?:there|it|this|that|you|they|we|i|he|she)|what|who|where|why|how|any)\b", re.IGNORECASE
)


def ends_mid_sentence(text: str) -> bool | None:
    """Whether a text looks cut off, by its end alone (the rule is in `truncated`). None: it ends in a script without full stops."""
    whole = text.strip()
    if not whole:
        return False
    cut = _looks_cut(text, whole)
    return None if not cut and _WITHOUT_STOPS.search(whole) else cut


def _looks_cut(text: str, whole: str) -> bool:
    if (("```" in text or "~~~" in text) and len(_FENCE.findall(text)) % 2) or (_JSON_START.match(whole) and whole[-1] not in "}]"):
        return True
    line = whole[-_TAIL:].rpartition("\n")[2].strip()
    last = whole[-1]
    if last in ",([{，、；（「" or whole.endswith((" =", " &", " +")):
        return True
    if last in "-–—":
        return bool(_WORD.search(line)) or bool(_ITEM.match(whole[:-1].rstrip().rpartition("\n")[2].strip()))
    if last == ";":
        return whole.count("{") > whole.count("}") if _CODE.search(line) else True
    if last in ":：":
        return len(line.split()) > _PROSE_WORDS - 3
    return last.isalnum() and (_breaks_off(whole, line) or _stops_short(whole[-_TAIL:], line))


def _breaks_off(whole: str, line: str) -> bool:
    """Whether the last words cannot be the end: a word that needs another one, a bracket, quote or mark left open."""
    words = line[item.end() :].split() if (item := _ITEM.match(line)) else line.split()
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if before and last in _NEVER_LAST and len(whole) > _LEAST:
        return True
    if len(words) > 2 and len(whole) > _LEAST and last in _SELDOM_LAST and before.lower() not in _STRANDING and not _ASKS.search(line[-80:]):
        return True
    if last == "I" and len(words) > 2 and before.rstrip(",") in _BEFORE_I:
        return True
    return _left_open(line)


def _left_open(line: str) -> bool:
    """Whether the last line opens a bracket or quote that it does not close."""
    opened = max(line.rfind(mark) for mark in _OPEN)
    if opened >= 0 and _OPEN[line[opened]] not in line[opened:] and line[opened - 1 : opened] not in ":;=":
        return True
    return line.count("`") % 2 == 1 or line.count("**") % 2 == 1 or (line.count('"') % 2 == 1 and not _INCHES.search(line))


def _stops_short(tail: str, line: str) -> bool:
    """Whether the sentences and items before the last one have full stops, and it has none."""
    if _ITEM.match(line):
        items = [other.strip() for other in tail.split("\n")[:-1] if _ITEM.match(other.strip())]
        full = [item for item in items if item[-1] in ".!?。" and (len(item.split()) >= _SENTENCE_WORDS or item[-1] == "。")]
        return len(items) > 0 and len(full) >= 0.8 * len(items)
    if _LAYOUT.match(line):
        return False
    stops = [found.end() for found in _STOP.finditer(tail)]
    if _UNSPACED.search(tail):
        return len(tail) > _SHORT / 2.5 and bool(stops or len(re.findall("[，、]", line)) > 1)
    if not stops or len(tail) < _SHORT or len(tail[: stops[-1]].split()) < _SENTENCE_WORDS * len(stops):
        return False
    inside = [found.end() for found in _STOP.finditer(line)]
    rest = line[inside[-1] :] if inside else line
    if not inside and len(line.split()) < _PROSE_WORDS:
        above = tail[: -len(line)].rstrip()
        return bool(_OPENER.match(line)) and len(tail) > 3 * _SHORT and above[-1:] in ".!?" and not _LABEL.match(line)
    return not (
        _LABEL.match(rest) or _NO_PROSE.search(rest.split()[-1]) or _ANSWER.search(rest) or _ASKED.match(rest) or _BY.match(rest) or _is_chat(tail, rest)
    )


def _is_chat(tail: str, rest: str) -> bool:
    """Whether the sentences begin in lower case: then full stops are left out as well."""
    return tail[:1].islower() and rest.strip()[:1].islower()
