"""Configuration: judge.yaml, JUDGE_* variables and flags become one frozen `Settings`.

document.py reads YAML with the place of every key, project.py declares what may stand there,
settings.py puts flags over variables over the file.
"""

from judgecli.config.document import parse_scalar
from judgecli.config.judges import JudgeFlags, JudgeSettings, read_judge_flags
from judgecli.config.settings import VARIABLES, Flags, LogSource, ScorerEntry, Settings, in_ci, load_settings, parse_mapping

__all__ = [
    "VARIABLES",
    "Flags",
    "JudgeFlags",
    "JudgeSettings",
    "LogSource",
    "ScorerEntry",
    "Settings",
    "in_ci",
    "load_settings",
    "parse_mapping",
    "parse_scalar",
    "read_judge_flags",
]
