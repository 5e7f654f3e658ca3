"""For every test below: `harness.py` can be imported, and property tests draw the same examples each time and have no clock."""

from hypothesis import settings

settings.register_profile("judge", deadline=None, derandomize=True)
settings.load_profile("judge")
