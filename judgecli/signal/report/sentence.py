"""The first sentence of a report: may it go on like this, and if not, why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from judgecli.signal.gate.verdict import plural

VerdictTone = Literal["good", "bad", "open"]
MOST_NAMED = 3


@dataclass(frozen=True)
class Sentence:
    """The answer in one sentence, and whether it is good, bad or open."""

    text: str
    tone: VerdictTone


def verdict_sentence(
    verdict: str, gates: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]], *, complete: bool, watched: bool = True
) -> Sentence:
    """What the gates and the open alarms add up to. Only an alarm for the worse makes it bad, and none that may be the judge's doing;
    missing data never makes it good.

    `verdict`: pass, fail, inconclusive, incomplete or "no gates"; `alarms`: all of them, with state, metric, worse, since;
    `watched`: whether there is a monitor that could raise any.
    """
    standing = [alarm for alarm in alarms if alarm["state"] == "open" and alarm["worse"] is True]
    said = _alarm_words(standing)
    if verdict == "fail":
        failed = [gate for gate in gates if gate["verdict"] == "fail"]
        return Sentence(f"Not good enough: {_count(len(failed), len(gates), 'fails', 'fail')} ({_names(failed)}){_joined(said)}.", "bad")
    if verdict == "incomplete":
        unanswered = [gate for gate in gates if gate["verdict"] == "incomplete"]
        if not unanswered:  # the gates were answered, on a part of the logs
            return Sentence(f"No verdict: not all of the logs could be read{_joined(said)}.", "open")
        return Sentence(f"No verdict: too little was measured to answer {_names(unanswered)}{_joined(said)}.", "open")
    if verdict == "inconclusive":
        undecided = [gate for gate in gates if gate["verdict"] == "inconclusive"]
        return Sentence(f"Not enough data to decide: {_count(len(undecided), len(gates), 'is', 'are')} open ({_names(undecided)}){_joined(said)}.", "open")
    passed = {0: "No gate is set", 1: "The gate passes"}.get(len(gates), f"All {len(gates)} gates pass")
    if standing:
        return Sentence(f"{passed}, but {said}.", "open" if all(_may_be_the_judges(alarm) for alarm in standing) else "bad")
    calm = " and no alarm for the worse is open" if watched else ""
    if not complete:
        return Sentence(f"{passed}{calm}, but not everything was measured.", "open")
    return Sentence(f"{passed}{calm}.", "good" if gates else "open")


def _alarm_words(alarms: Sequence[Mapping[str, Any]]) -> str:
    if not alarms:
        return ""
    named = list(dict.fromkeys(f"{alarm['metric']} since {since_text(alarm)}{_judge_words(alarm)}" for alarm in alarms))
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"{plural(len(alarms), 'alarm')} for the worse {'is' if len(alarms) == 1 else 'are'} open ({', '.join(named[:MOST_NAMED])}{more})"


def since_text(alarm: Mapping[str, Any]) -> str:
    """The day on which a change began, and where it cannot be told better the days between which it did."""
    span = span_text(alarm)
    return f"{str(alarm['since'])[:10]}{f', cannot tell better than {span}' if span else ''}"


def span_text(alarm: Mapping[str, Any]) -> str:
    """The days between which a change began (95 %), `2026-09-19 to 2026-09-22`; empty for a single day, and for an alarm that is older than such spans."""
    first, last = (str(alarm.get(name) or "")[:10] for name in ("since_low", "since_high"))
    return f"{first} to {last}" if first != last else ""


def _may_be_the_judges(alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm must not be laid at the app's door: the judge moved, or its served model changed and nothing tells the two apart."""
    judge = alarm.get("judge") or {"cause": None, "changed": None}
    return judge["cause"] == "judge" or (judge["cause"] == "unclear" and judge["changed"] is not None)


def _judge_words(alarm: Mapping[str, Any]) -> str:
    judge = alarm.get("judge") or {"cause": None, "changed": None}
    if judge["cause"] == "judge":
        return ", where the judge changed"
    if judge["changed"] is None:
        return ""
    words = "which is the app's doing, though" if judge["cause"] == "app" else "but"
    return f", {words} its judge's served model changed on {judge['changed']}"


def _joined(said: str) -> str:
    return f"; {said}" if said else ""


def _count(some: int, of: int, one: str, several: str) -> str:
    return f"{some} of {plural(of, 'gate')} {one if some == 1 else several}"


def _names(gates: Sequence[Mapping[str, Any]]) -> str:
    more = f" and {len(gates) - MOST_NAMED} more" if len(gates) > MOST_NAMED else ""
    return ", ".join(str(gate["gate"]) for gate in gates[:MOST_NAMED]) + more
