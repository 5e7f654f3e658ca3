"""What a command shows and a server sends: one JSON object, read and while it is made."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
Facts = dict[str, Any]
