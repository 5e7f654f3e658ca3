"""How a verb says where it is, to whoever shows it: on the ground, so that nothing must import a verb for it."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    pass


class Progress(Protocol):
    """What the command line shows while a verb works."""

    def phase(self, text: str, total: int | None = None) -> None:
        """Something new begins; `total` in bytes or records where it is known."""

    def advance(self, bytes_read: int, records: int) -> None:
        """So much more is done."""

    def note(self, text: str) -> None:
        """Something a person should know, in one line."""
