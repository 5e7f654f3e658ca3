"""Personal data and secrets out of all that is stored: typed placeholders in their place, before anything is written.

The key of a record is taken before, so that redaction does not change identity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from judgecli.errors import UsageError
from judgecli.judge.redacted import TextSpan, redacted_body, redacted_text
from judgecli.schema import RECORDS

NESTED = {"messages", "output_messages", "tools", "expected_tools", "contexts", "tags", "imported"}
TEXTS = {"input", "output", "reference", "error", "user", "session", "id"}


@dataclass(frozen=True)
class Redactor:
    """Puts `[pii:email]`, `[secret:aws_key]` and the like where such data stood. `kinds` is part of what shapes records."""

    kinds: tuple[str, ...]

    def __call__(self, records: pa.Table) -> pa.Table:
        """The records with every text redacted, also inside messages, contexts, tags and tools."""
        for name in sorted(TEXTS | NESTED):
            place = records.schema.get_field_index(name)
            column = records.column(place)
            if column.null_count < len(column):
                values = [self._redact_value(value) for value in column.to_pylist()]
                records = records.set_column(place, records.schema.field(place), pa.array(values, RECORDS.field(name).type))
        return records

    def text(self, text: str) -> str:
        """One text with placeholders."""
        return redacted_text(text, self.spans)

    def reply(self, raw: bytes) -> bytes:
        """The body of a judge's reply with placeholders; it says the same verdict."""
        return redacted_body(raw, self.spans)

    def spans(self, text: str) -> list[TextSpan]:
        """What is found in a text, in order; of spans that overlap the first."""
        found: list[TextSpan] = []
        for span in sorted(span for find in self._finders() for span in find(text)):
            if not found or span[0] >= found[-1][1]:
                found.append(span)
        return found

    def _finders(self) -> list[Callable[[str], list[TextSpan]]]:
        from judgecli.scorers.safety.pii_count import find_pii
        from judgecli.scorers.safety.secrets import find_secrets

        return [finder for kind, finder in (("secrets", find_secrets), ("pii", find_pii)) if kind in self.kinds]

    def _redact_value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._redact_value(inner) for key, inner in value.items()}
        if isinstance(value, tuple):  # a map entry: its name stays
            return (value[0], self._redact_value(value[1]))
        if isinstance(value, list):
            return [self._redact_value(inner) for inner in value]
        return value


def redactor(kinds: Sequence[str]) -> Redactor | None:
    """The redactor of `redact:` in judge.yaml, or None. Raises: UsageError."""
    unknown = sorted(set(kinds) - {"pii", "secrets"})
    if unknown:
        raise UsageError(f"redact: knows no '{unknown[0]}'", hint="redact: [pii, secrets]")
    return Redactor(tuple(sorted(set(kinds)))) if kinds else None
