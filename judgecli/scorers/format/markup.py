"""Whether the output is well-formed XML, or HTML whose tags match."""

from collections.abc import Sequence
from html.parser import HTMLParser
from xml.parsers import expat

from judgecli.scorer import Score, scorer
from judgecli.scorers.format.fenced import unfenced

# Elements that HTML lets stand open, and those that have no end tag.
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"])
_MAY_STAY_OPEN = frozenset(
    ["html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "rp", "rt", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "caption"]
)


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def xml_valid(output: Sequence[str], *, fenced: bool = True) -> list[Score | float]:
    """1 where the output is a well-formed XML document, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 gives the first error and its place.
    Null: never.
    Options: fenced: a text that is one code fence is read by its body.
    Entity declarations are refused, whatever they say: no expansion, no outside file is ever read.
    Source: XML 1.0 (W3C), well-formedness; checked by expat. Validity against a DTD is not.

    >>> [getattr(item, "explanation", item) for item in xml_valid(["<a><b/></a>", "<a><b></a>"])]
    [1.0, 'line 1: mismatched tag']
    """
    return [_verdict(_xml_fault(unfenced(text) if fenced else text)) for text in output]


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def html_valid(output: Sequence[str], *, fenced: bool = True) -> list[Score | float]:
    """1 where the output holds HTML tags and each that needs an end has it at its place, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 gives the first error.
    Null: never; a text without any tag is no HTML.
    Options: fenced: a text that is one code fence is read by its body.
    Elements whose end tag HTML lets you leave out (p, li, td, ...) may stay open. Names and attributes
    are not checked against the standard.
    Source: HTML Living Standard (WHATWG), section 13.1.2, matching of tags only.

    >>> [getattr(item, "explanation", item) for item in html_valid(["<ul><li>a</ul>", "<b>a</i>"])]
    [1.0, '</i> where </b> is open']
    """
    return [_verdict(_html_fault(unfenced(text) if fenced else text)) for text in output]


def _verdict(fault: str | None) -> Score | float:
    return 1.0 if fault is None else Score(value=0.0, explanation=fault)


class _EntityDeclaredError(Exception):
    """The document declares an entity: how "billion laughs" and file inclusion begin."""


def _xml_fault(text: str) -> str | None:
    parser = expat.ParserCreate(encoding="utf-8")  # of the text as we hand it over, whatever its declaration says

    def refuse(*_: object) -> None:
        raise _EntityDeclaredError

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except _EntityDeclaredError:
        return "declares an entity, which is refused"
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}"
    return None


class _Tags(HTMLParser):
    """Follows the open elements; `fault` is the first error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.fault: str | None = None
        self.seen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser's signature
        self.seen = True
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.seen = True

    def handle_endtag(self, tag: str) -> None:
        self.seen = True
        while self.open and self.open[-1] != tag and self.open[-1] in _MAY_STAY_OPEN:
            self.open.pop()
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif self.fault is None:
            self.fault = f"</{tag[:40]}> where {f'</{self.open[-1][:40]}>' if self.open else 'nothing'} is open"


def _html_fault(text: str) -> str | None:
    # Comments go first, and what follows the last ">" last: the parser looks for the end of each
    # unclosed construct through all the rest.
    bare = _without_comments(text)
    if bare is None:
        return "a comment is never closed"
    tags = _Tags()
    tags.feed(bare[: bare.rfind(">") + 1])
    tags.close()
    if not tags.seen:
        return "holds no tag"
    left = [tag for tag in tags.open if tag not in _MAY_STAY_OPEN]
    return tags.fault or (f"<{left[-1][:40]}> is never closed" if left else None)


def _without_comments(text: str) -> str | None:
    """The text without <!-- comments -->, None where one is never closed."""
    before, *pieces = text.split("<!--")
    kept, inside = [before], False
    for piece in pieces:
        _, end, after = piece.partition("-->")
        inside = not end
        kept.append(after)
    return None if inside else "".join(kept)
