"""Score the logs of an LLM application; see `judge --help`."""
