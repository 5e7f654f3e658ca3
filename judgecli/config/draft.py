"""A proposal as the text of a judge.yaml: every section with its reason as a comment, and nothing that is not used."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from judgecli.config.editor import SCHEMA_FILE
from judgecli.config.proposal import TOPICS, WATCHED_DAYS, Facts, FieldCandidate, LogFacts, ProposedGate, policy

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off")
THUMBS = "label.thumbs"
LOOKED_FOR = {"input": "the question", "time": "a time", "session": "a conversation", "user": "a user", "reference": "an expected answer"}


@dataclass(frozen=True)
class Draft:
    """All that stands in a proposed judge.yaml. `measured` is the share that gates ask for."""

    facts: Facts
    chosen: Sequence[FieldCandidate]
    reward: str
    terms: Mapping[str, Mapping[str, object]]
    vetoes: Sequence[Mapping[str, object]]
    gates: Sequence[ProposedGate]
    measured: float
    rewarded: str

    def text(self) -> str:
        """The file."""
        parts = [_head(self), _logs(self.facts.logs), _variants(self.facts), _scorers(self.chosen), self._reward(), self._gates(), self._outputs()]
        return "\n".join("\n".join(lines) + "\n" for lines in parts if lines)

    def plan(self) -> list[tuple[str, str]]:
        """The same in words: topic and sentence."""
        facts = self.facts
        sample = "all of them" if facts.whole else "a sample of the logs"
        found = [("read", f"{facts.records:,} records ({sample}) of {', '.join(log.path for log in facts.logs)}")]
        found += [("note", note) for note in facts.notes]
        for topic, why in TOPICS.items():
            names = [candidate.name for candidate in self.chosen if candidate.topic == topic]
            found += [("measure", f"{', '.join(names)} - {why}")] if names else []
        if "constant reference" in facts.has:
            found.append(("note", "all records have one and the same reference, so nothing that compares with it enters reward or gates"))
        lacking = [said for name, said in LOOKED_FOR.items() if name not in facts.has]
        found += [("not found", ", ".join(lacking))] if lacking else []
        found.append(("policy", f"{', '.join(policy(facts)) or 'none: no field tells variants apart'} - what is compared"))
        found.append(("cluster", _cluster_why(facts)))
        if self.terms:
            found.append(("reward", f"{self.reward} of {', '.join(self.terms)}: {self.rewarded}"))
        found += [("gate", f"{gate.name} {gate.bound.replace('_', ' ')} {gate.threshold:g}: {gate.why}") for gate in self.gates]
        if not self.gates:
            found.append(("gate", f"none yet: {facts.clusters} independent units are too few for a verdict"))
        if facts.days >= WATCHED_DAYS:
            found.append(
                (
                    "alarms",
                    f"written as a comment: every day against the first two weeks ({facts.days} days in the logs); an open one holds training files back",
                )
            )
        found += [("feedback", f"{kind} in {path}") for kind, path, _ in _feedback(facts)]
        return found

    def _reward(self) -> list[str]:
        if not self.terms:
            return []
        lines = [
            "# The first reward: what these logs can say of an answer, from 0 to 1. It knows nothing of being right: make it yours.",
            "# Weights count by their ratios; an optional term is left out where it does not apply.",
            "reward:",
            f"  name: {self.reward}",
            "  terms:",
        ]
        lines += [f"    {_text(name)}: {_flow(term)}" for name, term in self.terms.items()]
        if self.vetoes:
            lines += ["  vetoes:                          # beyond it the reward is zero", *(f"    - {_flow(veto)}" for veto in self.vetoes)]
        return lines

    def _gates(self) -> list[str]:
        lines = ["# Questions with an exit code, for judge run and judge check. The limit of the 95 % interval decides, not the mean."]
        if self.gates:
            lines.append("# The logs pass these as they are; each threshold leaves as much room again as the interval has.")
        else:
            lines.append(f"# A threshold needs 20 independent units (sessions, users or prompts); these logs have {self.facts.clusters}.")
        lines.append("gates:")
        for gate in self.gates:
            lines += [f"  # {gate.why}", f"  - {{{gate.subject}: {_text(gate.name)}, {gate.bound}: {gate.threshold:g}}}"]
        return [*lines, f'  - {{measured: ">= {100 * self.measured:g}%"}}     # missing scores never pass']

    def _outputs(self) -> list[str]:
        lines = []
        if self.facts.days >= WATCHED_DAYS:
            lines = ["# Watch each day against the first two weeks: an alarm says since when and by how much; while it is open no training files are written."]
            lines += ["# alarms: {false_alarm_every: 90d, reference: 14d}", ""]
        lines += ["report: {html: judge-report.html, markdown: judge-report.md}"]
        wanted = _feedback(self.facts)
        if wanted:
            lines += ["", "# Training files. Rewards make pairs only where `reward` is named among the sources.", "feedback:"]
            lines += [f"  - {_flow({'format': kind, 'path': path, 'sources': sources})}" for kind, path, sources in wanted]
        return lines


def _head(draft: Draft) -> list[str]:
    return [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        f"# Proposed by `judge init` from {draft.facts.records:,} records. Run it: judge run",
    ]


def _logs(logs: Sequence[LogFacts]) -> list[str]:
    lines = ["logs:"]
    for log in logs:
        lines.append(f"  - path: {_text(log.path)}")
        lines += [f"    format: {_text(log.format)}"] if log.format else []
        lines += [f"    zone: {_text(log.zone)}"] if log.zone else []
        lines += [f"    encoding: {_text(log.encoding)}"] if log.encoding else []
        if log.mapping:
            lines += ["    map:", *(f"      {_text(field)}: {_text(path)}" for field, path in log.mapping.items())]
    return lines


def _variants(facts: Facts) -> list[str]:
    columns = policy(facts)
    if columns:
        counts = ", ".join(f"{_text(name)} has {facts.distinct[name]}" for name in columns)
        lines = [f"policy: [{', '.join(map(_text, columns))}]     # what tells one variant of the app from another: {counts}"]
    else:
        lines = [
            "# No field tells one variant of the app from another. Log a version, map it (map: {prompt_version: PATH}), and name it:",
            "# policy: [prompt_version]",
        ]
    cluster = "session" if "session" in facts.has else "user" if "user" in facts.has else None
    why = _cluster_why(facts).partition(" - ")[2]
    return [*lines, f"cluster: {cluster}     # {why}" if cluster else f"# cluster: the prompt; {why}"]


def _cluster_why(facts: Facts) -> str:
    if "session" in facts.has:
        return f"session - turns of one conversation are not independent ({facts.sessions:,} sessions)"
    if "user" in facts.has:
        return f"user - answers to one user are not independent ({facts.users:,} users)"
    return "prompt - no session and no user was found in the log, so answers to one prompt count as one unit"


def _scorers(chosen: Sequence[FieldCandidate]) -> list[str]:
    lines = ["scorers:"]
    for topic, why in TOPICS.items():
        names = [candidate.name for candidate in chosen if candidate.topic == topic]
        lines += [f"  # {why}", f"  - heuristics: [{', '.join(names)}]"] if names else []
    return lines


def _feedback(facts: Facts) -> list[tuple[str, str, list[str]]]:
    """Format, path and sources of the training files that the labels of the log allow."""
    name = next((name for name in ("thumbs", "rating") if facts.labels.get(name)), None)
    if name is None:
        return []
    found = [("trl-kto", f"feedback/{name}.jsonl", ["user"])]
    return [*found, ("trl-preference", "feedback/pairs.jsonl", ["user"])] if facts.repeated >= 0.05 else found


def _flow(mapping: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{_text(name)}: {_value(value)}" for name, value in mapping.items()) + "}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else _text(str(value))


def _text(text: str) -> str:
    """A YAML scalar that is read back as this text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)
