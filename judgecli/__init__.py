"""Score the logs of an LLM application; see `judge --help`, or call `judgecli.score`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judgecli.api import reward_function, score

__all__ = ["reward_function", "score"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the Python face only when it is used: the command line must start quickly."""
    if name in __all__:
        from judgecli import api

        return getattr(api, name)
    raise AttributeError(f"module 'judgecli' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
