"""An open project: what judge.yaml says, its store, and what was already read of it.

A verb is given one and opens nothing itself, so that a command of many verbs opens its store once. What was selected is kept: a verb sees the
records as they were when the command began to look, whatever another process adds meanwhile; who writes scores says so by `changed`.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from judgecli.store.folder import Store
from judgecli.store.selection import Selection, select_records

if TYPE_CHECKING:
    from judgecli.config.settings import Settings

Kept = TypeVar("Kept")


class Work:
    """Settings, the store that they name, and the selections made of it. `with open_work(settings) as work:` makes and closes one."""

    def __init__(self, settings: "Settings", *, create: bool = False) -> None:
        self.settings = settings
        self._create = create
        self._store: Store | None = None
        self._kept: dict[Hashable, Any] = {}

    @property
    def store(self) -> Store:
        """The store, opened when it is first needed: a slip in judge.yaml is told before. Raises: StoreError, StoreCorrupt, EnvironmentFailure."""
        if self._store is None:
            self._store = Store(self.settings.store, create=self._create)
        return self._store

    def select(self, on: str | None = None) -> Selection:
        """The records of `on`: None (all), run:last, run:ID, or a filter. Raises: UsageError, UnknownName, StoreError."""
        return self.once(("records", on or ""), lambda: select_records(self.store, on))

    def once(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What `make` gives, made once until something is written (`changed`)."""
        if key not in self._kept:
            self._kept[key] = make()
        found: Kept = self._kept[key]
        return found

    def changed(self) -> None:
        """Records, scores or labels were written: what was read before is read anew."""
        self._kept.clear()

    def close(self) -> None:
        """Close the store, where it was opened."""
        if self._store is not None:
            self._store.close()
            self._store = None


@contextmanager
def open_work(settings: "Settings", *, create: bool = False) -> Iterator[Work]:
    """The project of these settings. `create`: a store is made where there is none."""
    work = Work(settings, create=create)
    try:
        yield work
    finally:
        work.close()
