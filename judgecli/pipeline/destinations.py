"""Where a run would send texts, and which key would go there: known before anything is read, shown by --dry-run and judge doctor."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from judgecli.errors import ConfigError, JudgeError
from judgecli.pipeline.rubrics import JudgeEntry, OpenAIEndpoint
from judgecli.pipeline.served import ServedEndpoint, ServedEntry

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.endpoint.settings import EndpointSettings


@dataclass(frozen=True)
class Destination:
    """One metric's address, the variable whose value goes there as the key (None: no key), and why it would get nothing."""

    metric: str
    address: str
    key: str | None
    refused: JudgeError | None = None

    def to_json(self) -> dict[str, object]:
        """As --dry-run and judge doctor have it. No value of a variable is in it."""
        return {"metric": self.metric, "address": self.address, "key": self.key, "refused": None if self.refused is None else str(self.refused)}


def destinations(rubrics: Sequence[JudgeEntry], served: Sequence[ServedEntry], environment: Mapping[str, str] | None = None) -> list[Destination]:
    """Where each of these metrics is asked; those that are replayed from a file are not. Nothing is sent."""
    environment = os.environ if environment is None else environment
    asked = [(entry.metric.name, OpenAIEndpoint(entry.settings, None).settings) for entry in rubrics if entry.settings.replay is None]  # type: ignore[arg-type]
    asked += [(entry.metric.name, ServedEndpoint(entry).settings) for entry in served]
    return [_destination(name, settings, environment) for name, settings in asked]


def check_destinations(rubrics: Sequence[JudgeEntry], served: Sequence[ServedEntry], *, asks: bool = True) -> None:
    """Before anything is read. Raises: ConfigError where texts or a key would go where nobody allowed it."""
    for found in destinations(rubrics, served) if asks else ():
        if isinstance(found.refused, ConfigError):
            raise found.refused


def project_destinations(settings: "Settings") -> list[Destination]:
    """Where the scorers of judge.yaml are asked. Raises: as read_rubrics."""
    from judgecli.evidence.scorers import choose_scorers
    from judgecli.pipeline.rubrics import read_rubrics
    from judgecli.pipeline.served import read_served

    chosen = choose_scorers(None, settings)
    return destinations(read_rubrics(chosen, settings), read_served(chosen, settings))


def _destination(name: str, settings: "EndpointSettings", environment: Mapping[str, str]) -> Destination:
    from judgecli.endpoint.consent import origin, shown
    from judgecli.endpoint.settings import open_settings, own_address

    try:
        opened = open_settings(settings, environment)
    except JudgeError as error:
        return Destination(name, settings.shown(), settings.api_key_env, error)
    return Destination(name, shown(origin(opened.base_url or own_address(opened.kind, environment))), opened.key_from)
