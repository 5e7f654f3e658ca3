"""A dialogue as the one text that a reward model reads before an answer."""

from collections.abc import Sequence

NAMES = {"user": "User", "assistant": "Assistant", "system": "System", "developer": "System", "tool": "Tool", "function": "Tool"}

DialogueTurn = tuple[str, str]  # role, text


def dialogue_text(turns: Sequence[DialogueTurn]) -> str:
    r"""What stands before an answer: a single user turn as it is, so that a prompt is the same text whatever shape it came in; else every turn with its role.

    Turns without text are left out; roles that have no name of their own are capitalised.

    >>> dialogue_text([("user", "Hi")]), dialogue_text([("system", "Be brief."), ("user", "Hi")])
    ('Hi', 'System: Be brief.\n\nUser: Hi')
    """
    said = [(role, text) for role, text in turns if text]
    if len(said) == 1 and said[0][0] == "user":
        return said[0][1]
    return "\n\n".join(f"{NAMES.get(role, role.capitalize())}: {text}" for role, text in said)
