"""For every test below: `harness.py` can be imported, and property tests draw the same examples each time and have no clock."""

import gc

from hypothesis import settings

settings.register_profile("judge", deadline=None, derandomize=True)
settings.load_profile("judge")


def pytest_collection_finish() -> None:
    """Keep ten thousand collected tests out of every search for garbage (statsmodels asks for one at each Holm correction: 1.5 s)."""
    gc.collect()
    gc.freeze()
