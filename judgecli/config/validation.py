"""A document checked against a pydantic model: what is wrong is told with file, line and column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from judgecli.config.document import YamlDocument

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound="BaseModel")


def validate(document: YamlDocument, model: "type[Model]", *, page: str) -> "Model":
    """The document as that pydantic model. `page` is named where a file is no mapping at all. Raises: ConfigError, of the first thing wrong."""
    from pydantic import ValidationError

    if not isinstance(document.data, dict | None):
        raise document.error("the file must be a mapping (NAME: value)", (), hint=f"see {page}")
    try:
        return model.model_validate(document.data or {})
    except ValidationError as error:
        found = sorted((_problem(document, detail, page) for detail in error.errors()), key=lambda problem: document.place(problem[0]))
        path, message, hint = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise document.error(message + more, path, hint=hint) from error


def _problem(document: YamlDocument, detail: "ErrorDetails", page: str) -> tuple[tuple[str | int, ...], str, str]:
    """Path, message and hint of one thing that pydantic found."""
    context = detail.get("ctx", {})
    path = document.known_path(detail["loc"])
    if detail["type"] == "missing":
        return path, f"the key '{detail['loc'][-1]}' is missing", f"add {detail['loc'][-1]}: ..."
    if "key" in context:
        path = (*path, str(context["key"]))
    message = detail["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be a valid dictionary or instance of", "expected the keys of").replace("Input should be", "expected")
    if detail["type"] not in ("unknown_key", "bad_zone", "gate", "bounds", "scorer_entry", "rubric"):
        message += f", found {_shown(detail['input'])}"
    return path, message, str(context.get("hint", _hint(detail["type"], path, page)))


def _hint(kind: str, path: Sequence[str | int], page: str) -> str:
    if kind == "string_type":
        return "put quotes around it"
    if kind == "bool_type":
        return "write true or false; yes, no, on and off are plain text"
    if kind == "string_pattern_mismatch" and path and path[-1] in ("keep", "half_life", "lateness", "false_alarm_every"):
        return "a duration is a number and one of s, m, h, d, w, for example 7d"
    return f"see {page} for what this key may hold"


def _shown(value: object) -> str:
    text = "nothing" if value is None else f"the {'list' if isinstance(value, list) else 'mapping'}" if isinstance(value, list | dict) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
