"""Texts that are one Markdown code fence: what models send where code or data was asked for."""

import re

_OPENING = re.compile(r"```[ \t]*[\w+.-]*[ \t]*\r?\n")


def unfenced(text: str) -> str:
    """The body of the code fence that the whole text is; any other text, stripped.

    >>> unfenced("```json\\n{}\\n```")
    '{}'
    """
    text = text.strip()
    opening = _OPENING.match(text)
    if opening is None or not text.endswith("```") or text.count("```") != 2:
        return text
    return text[opening.end() : -3].strip()
