"""Score the logs of an LLM application; see `judge --help`, or call `judgecli.score`."""

from typing import TYPE_CHECKING, Any

from judgecli.version import __version__

if TYPE_CHECKING:
    from judgecli.api import reward_function, score

__all__ = ["__version__", "reward_function", "score"]


def __getattr__(name: str) -> Any:
    """Import the Python face only when it is used: the command line must start quickly."""
    if name in ("reward_function", "score"):
        from judgecli import api

        return getattr(api, name)
    raise AttributeError(f"module 'judgecli' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
