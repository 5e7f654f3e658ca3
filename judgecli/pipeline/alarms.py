"""Watch: bring the monitor up to date with the records of the store, and say which alarms stand."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from judgecli.errors import AlarmOpen, ConfigError, UnknownName, UsageError
from judgecli.evidence.blame import judges_of_alarms
from judgecli.evidence.rewarded import directions
from judgecli.evidence.work import Work
from judgecli.signal.alarms.charts import DAY_US
from judgecli.signal.alarms.monitor import VERSION, Monitor, Plan, ReferenceSpan
from judgecli.signal.cells import EPOCH, duration
from judgecli.signal.report.sentence import since_text
from judgecli.stats.day_effects import LEAST_DAYS
from judgecli.store import watching
from judgecli.store.selection import index_metrics, latest_identities
from judgecli.store.watching import KeptAlarm, SeenShard

if TYPE_CHECKING:
    from judgecli.config.settings import Settings
    from judgecli.signal.windows import Signals

ROWS = 300_000  # records that are in memory at a time, about
ATTEMPTS = 3  # where another process brings the same monitor up to date


@dataclass(frozen=True)
class Watch:
    """What the monitor says: alarms as documents (the newest first), the charts, and up to when the records were watched."""

    alarms: Sequence[Mapping[str, object]]
    charts: Sequence[Mapping[str, object]]
    until: str | None
    days: int = 0  # that this call fed
    notes: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[Mapping[str, object]]:
        """The alarms that stand."""
        return [alarm for alarm in self.alarms if alarm["state"] == "open"]

    def to_json(self) -> dict[str, object]:
        """The document of `judge alarms list`."""
        return {"alarms": list(self.alarms), "charts": list(self.charts), "until": self.until, "notes": self.notes}


def watch(work: Work) -> Watch | None:
    """The monitor, brought up to date; None where judge.yaml has no `alarms:`. It looks at the whole store, whatever a run reads.

    Raises: ConfigError (the reference), StoreError, EnvironmentFailure.
    """
    return None if work.settings.project.alarms is None else work.once("alarms", lambda: _watched(work))


def _watched(work: Work) -> Watch:
    for _ in range(ATTEMPTS):
        found = _update(work)
        if found is not None:
            return found
    raise UsageError("another judge brings the monitor of this store up to date", hint="run the same command again when it is done")


def _update(work: Work) -> Watch | None:
    """One attempt; None where another process was quicker."""
    names = latest_identities(work.store) or {name: found[0].identity for name, found in index_metrics(work.store, work.store.shards())[0].items()}
    plan = _plan(work, len(names))
    identity = _identity(work.settings, plan, names)
    before, kept = watching.stamp(work.store), watching.read_state(work.store)
    shards = watching.seen_shards(work.store, kept[1] if kept else None)
    frontier = _frontier(shards, work.settings)
    if kept is not None and kept[1] is not None and (frontier is None or kept[1] > frontier):
        watching.forget_lateness(work.store)  # what was newest is gone: a clock that was wrong, records that were forgotten
        shards, kept = watching.seen_shards(work.store, None), None
    renewed = kept is not None and kept[2].get("version") != VERSION
    monitor = _restored(plan, kept[2]) if kept is not None and kept[0] == identity else Monitor(plan)
    began = monitor.closed
    days = _feed(work, monitor, shards, frontier, sorted(names))
    if frontier is not None and (began != monitor.closed or kept is None or kept[0] != identity):
        alarms = [(alarm.id, alarm.chart, alarm.since, json.dumps(alarm.to_json(work.settings.policy))) for alarm in monitor.alarms]
        if not watching.write_state(work.store, before, identity, frontier, monitor.to_plain(), alarms):
            return None
    until = None if monitor.closed is None else (EPOCH + timedelta(days=monitor.closed)).isoformat()
    kept_now = watching.kept_alarms(work.store)
    judges = judges_of_alarms(work, kept_now, shards)
    return Watch(
        _documents(kept_now, work.settings, judges), monitor.charts_json(work.settings.policy), until, days, _notes(monitor, frontier, renewed=renewed)
    )


def _restored(plan: Plan, state: Mapping[str, Any]) -> Monitor:
    """The monitor as it was written down; one that has seen nothing where that makes no sense."""
    try:
        return Monitor.of_plain(plan, state)
    except (KeyError, TypeError, ValueError):
        return Monitor(plan)


def _plan(work: Work, metrics: int) -> Plan:
    alarms = work.settings.project.alarms
    assert alarms is not None
    anew: dict[str, int] = {}
    for alarm in watching.kept_alarms(work.store):
        if alarm.accepted:
            anew[alarm.chart] = max(anew.get(alarm.chart, 0), alarm.since // DAY_US)
    return Plan(duration(alarms.false_alarm_every) / timedelta(days=1), _span(work.settings, alarms.reference), max(metrics, 1), anew)


def _span(settings: "Settings", text: str) -> ReferenceSpan:
    """The reference that judge.yaml asks for. Raises: ConfigError."""
    first, _, end = text.partition("..")
    if "-" not in text:
        hours = (duration(first) - (duration(end) if end.strip("0hdw") else timedelta())) / timedelta(hours=1)
        if hours > 0:
            return ReferenceSpan(days=math.ceil(hours / 24))
    else:
        try:
            days = [(date.fromisoformat(day) - EPOCH.date()).days for day in (first, end)]
        except ValueError:
            days = [0, 0]
        if days[0] < days[1]:
            return ReferenceSpan(first=days[0], end=days[1])
    raise ConfigError(
        f"alarms.reference: '{text}' is no span of time",
        where=settings.where("alarms.reference"),
        hint="the first days of a chart, as 14d or 30d..7d; or days, the last excluded, as 2026-09-07..2026-09-21",
    )


def _identity(settings: "Settings", plan: Plan, names: Mapping[str, str]) -> str:
    """The hash of all that the state follows from, beside the records."""
    alarms = settings.project.alarms
    said = [VERSION, asdict(plan), list(settings.policy), settings.cluster, alarms.lateness if alarms else "", dict(sorted(names.items()))]
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


def _frontier(shards: Sequence[SeenShard], settings: "Settings") -> int | None:
    """The first day that is not closed: those before it ended `lateness` before the newest record."""
    alarms = settings.project.alarms
    newest = max((seen.last for seen in shards if seen.last is not None), default=None)
    if newest is None or alarms is None:
        return None
    return (newest - duration(alarms.lateness) // timedelta(microseconds=1)) // DAY_US


def _feed(work: Work, monitor: Monitor, shards: Sequence[SeenShard], frontier: int | None, names: Sequence[str]) -> int:
    """Feed the days that have closed since; returns how many had records."""
    times = [seen.first // DAY_US for seen in shards if seen.first is not None]
    if frontier is None or not times:
        return 0
    fed = 0
    for first, end in _chunks(shards, min(times) if monitor.closed is None else monitor.closed, frontier):
        days, segments, metrics = watching.read_days(work.store, shards, first, end, by=work.settings.policy, cluster=work.settings.cluster, metrics=names)
        for rows in days:
            monitor.feed(rows, segments, metrics, by_segment=bool(work.settings.policy))
        fed += len(days)
    monitor.closed = frontier
    return fed


def _chunks(shards: Sequence[SeenShard], first: int, end: int) -> list[tuple[int, int]]:
    """Days from `first` to before `end` in pieces of about ROWS records, taking those of a shard as spread evenly over its days."""
    spans = [(seen.first // DAY_US, seen.last // DAY_US, seen.shard.rows) for seen in shards if seen.first is not None and seen.last is not None]
    steps: dict[int, float] = {}
    for begin, last, rows in spans:
        for day, sign in ((begin, 1), (last + 1, -1)):
            steps[day] = steps.get(day, 0.0) + sign * rows / (last - begin + 1)
    edges = sorted(day for day in steps if day < end)
    found: list[tuple[int, int]] = []
    rate, held, begin = 0.0, 0.0, first
    for place, day in enumerate(edges):
        rate += steps[day]
        low, high = max(day, first), min(edges[place + 1] if place + 1 < len(edges) else end, end)
        while low < high:
            some = max(1, int((ROWS - held) // rate)) if rate > 0.5 / (1 + high - low) else high - low
            some = min(some, high - low)
            held, low = held + rate * some, low + some
            if held >= ROWS:
                found.append((begin, low))
                held, begin = 0.0, low
    return [*found, *([(begin, end)] if begin < end else [])]


def _documents(alarms: Sequence[KeptAlarm], settings: "Settings", judges: Mapping[str, Mapping[str, object]]) -> list[dict[str, object]]:
    """Alarms for people: with their state, whether it is for the worse (None: no direction is), and what is known of the judge around it."""
    declared = {str(alarm.document["metric"]): alarm.document["higher_is_better"] for alarm in alarms if alarm.document["kind"] == "value"}
    better = directions(settings, declared)
    found = []
    for alarm in alarms:
        document = dict(alarm.document)
        good = better.get(str(document["metric"])) if document["kind"] == "value" else False if document["kind"] == "missing" else None
        worse = None if good is None else (document["direction"] == "drop") == good
        state = "closed" if alarm.closed else "recovered" if document["recovered"] else "open"
        said = {"state": state, "worse": worse, "closed": alarm.closed, "comment": alarm.comment, "accepted": alarm.accepted, "judge": judges.get(alarm.id)}
        found.append({**{name: value for name, value in document.items() if name != "higher_is_better"}, **said})
    return found


def _notes(monitor: Monitor, frontier: int | None, *, renewed: bool) -> list[str]:
    waiting = sum(chart.reference is None for chart in monitor.charts.values())
    if frontier is None:
        return ["no record has a time, so nothing can be watched"]
    if not monitor.charts:
        return ["no day with records has closed yet"]
    found = ["the state was kept by a version that watched otherwise: all days were watched anew (alarms that somebody closed stay)"] if renewed else []
    if waiting == len(monitor.charts):
        found.append(f"none of {waiting:,} charts has a reference yet; judge alarms list --json says what each lacks")
    unknown = sum(chart.reference is not None and not chart.effects.is_known for chart in monitor.charts.values())
    if unknown:
        found.append(
            f"{unknown:,} charts have seen fewer than {LEAST_DAYS} days, too few to learn how far days differ by themselves: "
            "their days are taken to differ much, so they notice a change late"
        )
    return found


def close(work: Work, names: Sequence[str], *, comment: str | None, accept: bool) -> Watch:
    """Close these alarms (ids, or their beginnings); `accept` takes the new level as the reference from the change on.

    Raises: UsageError where judge.yaml has no alarms, UnknownName where no alarm or several have that id.
    """
    found = _need(watch(work))
    ids = [alarm.id for alarm in watching.kept_alarms(work.store)]
    chosen = [str(alarm["id"]) for alarm in found.open] if list(names) == ["all"] else [_id_of(name, ids) for name in names]
    for name in chosen:
        watching.close_alarm(work.store, name, now=datetime.now(UTC), comment=comment, accept=accept)
    work.changed()
    return _need(watch(work))


def _id_of(name: str, ids: Sequence[str]) -> str:
    matching = [known for known in ids if known.startswith(name)]
    if len(matching) != 1:
        raise UnknownName("alarm", name, known=ids)
    return matching[0]


def listed(work: Work) -> Watch:
    """The monitor. Raises: UsageError where judge.yaml has no alarms."""
    return _need(watch(work))


def _need(found: Watch | None) -> Watch:
    if found is None:
        raise UsageError("judge.yaml has no alarms", hint="write alarms: {false_alarm_every: 90d, reference: 30d..7d} into it")
    return found


def with_alarms(signals: "Signals", work: Work) -> "Signals":
    """Signals with the alarms of the whole store and the notes of the monitor; as they are where judge.yaml has no alarms."""
    found = watch(work)
    return signals if found is None else replace(signals, alarms=found.alarms, notes=[*signals.notes, *found.notes])


def standing_alarms(work: Work, *, despite: bool) -> list[dict[str, object]]:
    """What stands while training data are made, short: ids, metrics, directions and since when. Raises: AlarmOpen, unless `despite`."""
    found = watch(work)
    if found is not None and found.open and not despite:
        first = found.open[0]
        what = first["direction"] if first["kind"] == "value" else "without a score more often"
        more = f" and {len(found.open) - 1} more" if len(found.open) > 1 else ""
        raise AlarmOpen(
            f"{len(found.open)} alarm{'s' if more else ''} open: {first['metric']} {what} since {since_text(first)}{more}",
            hint="judge alarms list shows them; judge alarms close ID when you have looked; or --despite-alarm (in judge.yaml: despite_alarm: true)",
        )
    return [{name: alarm[name] for name in ("id", "metric", "kind", "policy", "direction", "since")} for alarm in (found.open if found else ())]


def send_new(work: Work, found: Watch) -> str | None:
    """Post every open alarm that was not sent yet to the webhook of judge.yaml, one message each. Returns a warning where that failed."""
    from judgecli.endpoint.webhook import check_webhook, post

    alarms = work.settings.project.alarms
    if alarms is None or alarms.webhook_env is None:
        return None
    check_webhook(alarms.webhook_env, work.settings.allow, work.settings.where("alarms.webhook_env"))
    sent = {alarm.id for alarm in watching.kept_alarms(work.store) if alarm.sent}
    for document in reversed(found.open):
        if document["id"] not in sent:
            failure = post(alarms.webhook_env, {"alarm": document})
            if failure is not None:
                return f"{failure}; it is tried again at the next run"
            watching.note_sent(work.store, [str(document["id"])], now=datetime.now(UTC))
    return None
