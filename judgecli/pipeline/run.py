"""The whole loop of judge.yaml in one command: score, reward, signals, alarms, report, gates, feedback.

Each step stands alone: one that fails is told and leaves the results of the others; one that has
nothing new is skipped and says so. Only where scoring itself fails nothing else is done, since all
the rest would speak of older records. So the command can be repeated and resumed at any time.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from judgecli.errors import AlarmOpen, Interrupted, JudgeError
from judgecli.evidence.rewarded import directions
from judgecli.evidence.work import Work
from judgecli.pipeline.score import score_logs
from judgecli.pipeline.score_result import ScoreResult
from judgecli.progress import Progress
from judgecli.signal.report.standouts import Standout, find_standouts, measured_apart, too_small_to_tell
from judgecli.store.marks import read_mark, state_of, write_mark
from judgecli.version import __version__

if TYPE_CHECKING:
    from judgecli.signal.gate.verdict import CountAs
    from judgecli.signal.windows import Signals

State = Literal["done", "nothing new", "not asked for", "refused", "failed", "not run"]
STEPS = ("reward", "signals", "alarms", "report", "gates", "feedback")  # after score
# From good to bad; where there are gates, only steps that failed outright count beside their verdict.
SEVERITY = (0, 5, 3, 1, 4, 2, 70)
MOST_VALUES = 20  # of a policy column, to be compared with each other


@dataclass(frozen=True)
class RunStep:
    """How one step of a run went, and its exit code."""

    name: str
    state: State
    message: str
    hint: str = ""
    exit_code: int = 0

    def to_json(self) -> dict[str, object]:
        """As the `run` shape has it."""
        return {"step": self.name, "state": self.state, "message": self.message, "hint": self.hint, "exit_code": self.exit_code}


@dataclass
class RunResult:
    """What one `judge run` did and found. A part that could not be made is None, and its step says why."""

    steps: list[RunStep] = field(default_factory=list)
    score: dict[str, object] | None = None
    signals: dict[str, object] | None = None
    check: dict[str, object] | None = None
    standouts: list[Standout] = field(default_factory=list)
    cannot_tell: list[str] = field(default_factory=list)
    headline: list[str] = field(default_factory=list)
    report: list[str] = field(default_factory=list)
    exports: list[dict[str, object]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """As `judge check` (and --fail-on-alarm) where the gates answered and nothing failed, else the worst of the steps."""
        codes = {step.name: step.exit_code for step in self.steps}
        if self.check is not None:
            asked = [codes["gates"], *(step.exit_code for step in self.steps if step.name == "alarms" and step.state != "failed")]
            broken = [step.exit_code for step in self.steps if step.state == "failed"]
            return max(asked, key=SEVERITY.index) or max(broken, key=SEVERITY.index, default=0)
        return max(codes.values(), key=SEVERITY.index, default=0)

    def to_json(self) -> dict[str, object]:
        """DESIGN's `run` shape, with headline and steps."""
        return {
            "score": self.score,
            "signals": self.signals,
            "check": self.check,
            "report": self.report,
            "exports": self.exports,
            "standouts": [item.to_json() for item in self.standouts],
            "cannot_tell": self.cannot_tell,
            "headline": self.headline,
            "steps": [step.to_json() for step in self.steps],
            "exit_code": self.exit_code,
        }


def run_loop(logs: Sequence[str], *, work: Work, progress: Progress, inconclusive: "CountAs | None" = None, fail_on_alarm: bool = False) -> RunResult:
    """Do all that judge.yaml asks for. Raises: Interrupted; every other failure the user can act on becomes a failed step."""
    run = _LoopRun(work, RunResult(), inconclusive, fail_on_alarm=fail_on_alarm)
    scored: list[ScoreResult] = []
    run.attempt("score", lambda: run.score(scored, logs, progress))
    if not scored:
        for name in STEPS:
            run.tell(RunStep(name, "not run", "nothing was scored"))
        return run.result
    run.attempt("reward", run.reward)
    for name in STEPS[1:]:
        progress.phase(name, None)
        run.attempt(name, getattr(run, name))
    return run.result


class _LoopRun:
    """The steps of one run over the records of its logs, old and new."""

    def __init__(self, work: Work, result: RunResult, inconclusive: "CountAs | None", *, fail_on_alarm: bool) -> None:
        self.work, self.settings = work, work.settings
        self.fail_on_alarm = fail_on_alarm
        self.alarmed: list[str] = []  # what reports and feedback depend on beside the records
        self.result = result
        self.inconclusive = inconclusive
        self.on = "run:last"  # not its number, which would stand in every report and make no two alike
        self.run_id = 0

    def tell(self, step: RunStep) -> None:
        self.result.steps.append(step)

    def attempt(self, name: str, work: Callable[[], RunStep]) -> None:
        """Do one step; a failure that the user can act on is told, and the next step goes on."""
        try:
            step = work()
        except Interrupted:
            raise
        except JudgeError as error:
            step = RunStep(name, "failed", str(error), error.hint, error.exit_code)
        except OSError as error:  # a full disk, a folder without permission
            if error.errno is None:
                raise
            step = RunStep(name, "failed", f"{error.strerror} ({error.filename})", "check space and permissions, and run the same command again", 4)
        self.tell(step)

    def score(self, scored: list[ScoreResult], logs: Sequence[str], progress: Progress) -> RunStep:
        found = score_logs(logs, work=self.work, progress=progress)
        scored.append(found)
        self.run_id = found.run_id
        self.result.score = found.to_json()
        copies = f" ({found.counts.duplicate:,} more lines are equal to one of them)" if found.counts.duplicate else ""
        records = f"{found.counts.accepted:,} records{copies}, {found.new_records:,} new"
        if found.shortfalls:
            return RunStep("score", "done", f"{records}; {'; '.join(found.shortfalls)}", exit_code=found.exit_code)
        return RunStep("score", "done" if found.new_records else "nothing new", f"{records}, {len(found.summaries)} metrics")

    def reward(self) -> RunStep:
        if self.settings.project.reward is None:
            return RunStep("reward", "not asked for", "judge.yaml has no reward")
        name = f"reward.{self.settings.project.reward.name}"
        metrics: Mapping[str, Any] = self.result.score["metrics"] if self.result.score else {}  # type: ignore[assignment]
        if name not in metrics:
            return RunStep("reward", "failed", f"{name} was not computed", "judge score says why", 2)
        metric = metrics[name]
        total = metric["scored"] + metric["pending"] + sum(metric["unscored"].values())
        mean = "no mean" if metric["mean"] is None else f"mean {metric['mean']:.4g}"
        return RunStep("reward", "done", f"{name}: {metric['scored']:,} of {total:,} scored, {mean}")

    def signals(self) -> RunStep:
        from judgecli.pipeline.signals import compute_signals

        found = compute_signals(self.work, by=None, window="1d", on=self.on)
        self.result.signals = found.to_json()
        self._stand_out(compute_signals)
        return RunStep("signals", "done", f"{len(found.rows):,} rows by {', '.join(found.by) or 'no column'} and {found.window or 'all time'}")

    def alarms(self) -> RunStep:
        from judgecli.pipeline.alarms import send_new, watch

        found = watch(self.work)
        if found is None:
            return RunStep("alarms", "not asked for", "judge.yaml has no alarms")
        self.alarmed = [f"{alarm['id']} {alarm['state']} {alarm['comment']}" for alarm in found.alarms]
        if self.result.signals is not None:
            self.result.signals["alarms"] = [dict(alarm) for alarm in found.alarms]
        warning = send_new(self.work, found)
        charts = f"{len(found.charts):,} charts" + (f", watched up to {found.until[:10]}" if found.until else "")
        message = f"{len(found.open):,} open of {len(found.alarms):,}; {charts}" + "".join(f"; {note}" for note in found.notes)
        code = 1 if self.fail_on_alarm and found.open else 0
        return RunStep("alarms", "done", message if warning is None else f"{message}; WARNING: {warning}", exit_code=code)

    def _stand_out(self, compute: "Callable[..., Signals]") -> None:
        """By each policy column alone: which of its values is worst at what."""
        reward = self.settings.project.reward
        first = [f"reward.{reward.name}", *reward.terms] if reward else []
        for column in self.settings.policy:
            rows = compute(self.work, by=[column], window="all", on=self.on, sums=True).rows
            if 2 <= len({row.policy.get(column) for row in rows}) <= MOST_VALUES:
                better = directions(self.settings, {row.metric: row.higher_is_better for row in rows})
                self.result.standouts += find_standouts(rows, column, better=better, first=first, columns=len(self.settings.policy))
                self.result.cannot_tell += too_small_to_tell(rows, column)
                self.result.cannot_tell += measured_apart(rows, column, better=better)

    def report(self) -> RunStep:
        wanted = self.settings.project.report
        paths = [path for path in (wanted.html, wanted.markdown) if path] if wanted else []
        if not paths:
            return RunStep("report", "not asked for", "judge.yaml has no report; judge report shows one")
        state, before = self._before("report")
        headline = before.get("headline")
        if before.get("state") == state and isinstance(headline, list) and _unchanged(before.get("files")):
            self.result.report, self.result.headline = paths, headline
            return RunStep("report", "nothing new", ", ".join(paths))
        from judgecli.pipeline.report import build_report
        from judgecli.renderers.report_html import report_html
        from judgecli.renderers.report_markdown import report_markdown
        from judgecli.renderers.text_file import publish_text

        found = build_report(self.work, on=self.on)
        for path in paths:
            page = report_markdown(found) if wanted and path == wanted.markdown else report_html(found)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            publish_text(Path(path), page)
        self.result.report, self.result.headline = paths, list(found.headline)
        self._note("report", state, {"files": _hashes(paths), "headline": list(found.headline)})
        return RunStep("report", "done", ", ".join(paths))

    def gates(self) -> RunStep:
        if not self.settings.project.gates:
            return RunStep("gates", "not asked for", "judge.yaml has no gates")
        from judgecli.pipeline.check import check_gates

        found = check_gates(self.work, on=self.on, inconclusive=self.inconclusive)
        self.result.check = found.to_json()
        verdicts = [gate.verdict for gate in found.gates]
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
        return RunStep("gates", "done", f"{found.verdict}: {counts}", exit_code=found.exit_code)

    def feedback(self) -> RunStep:
        wanted = self.settings.project.feedback
        if not wanted:
            return RunStep("feedback", "not asked for", "judge.yaml has no feedback")
        state, before = self._before("feedback")
        exports = before.get("exports")
        if before.get("state") == state and isinstance(exports, list) and _unchanged(before.get("files")):
            self.result.exports = exports
            return RunStep("feedback", "nothing new", _export_text(exports))
        from judgecli.pipeline.export import export_feedback, options_of

        written: list[str] = []
        refused: list[AlarmOpen] = []
        for entry in wanted:
            try:
                found = export_feedback(self.work, entry.format, Path(entry.path), options_of(entry, None if entry.on else self.on))
            except AlarmOpen as error:
                refused.append(error)
                continue
            self.result.exports.append(found.to_json())
            written += [str(found.manifest), *(str(file.path) for file in found.files)]
        if refused:
            message = f"{len(refused)} of {len(wanted)} files not written: {refused[0]}"
            return RunStep("feedback", "refused", "; ".join(filter(None, [message, _export_text(self.result.exports)])), refused[0].hint, 1)
        self._note("feedback", state, {"files": _hashes(written), "exports": self.result.exports})
        return RunStep("feedback", "done", _export_text(self.result.exports))

    def _before(self, step: str) -> tuple[str, dict[str, object]]:
        """The state of all that results follow from, and what was noted when this step was last done."""
        config = self.settings.config
        files = [config, (config.parent if config else Path()) / "judge.lock"]
        also = [__version__, repr(replace(self.settings, workers=None)), *(_hash(path) for path in files if path is not None)]
        file_ids = str(self.work.store.ledger.rows("SELECT file_ids FROM runs WHERE run_id = ?", (self.run_id,))[0]["file_ids"])
        return state_of(self.work.store, [*also, file_ids, *self.alarmed]), read_mark(self.work.store, step)

    def _note(self, step: str, state: str, said: Mapping[str, object]) -> None:
        write_mark(self.work.store, step, state, said)


def _export_text(exports: Sequence[Mapping[str, object]]) -> str:
    return "; ".join(f"{export['records']:,} records of {export['format']} in {export['path']}" for export in exports)


def _unchanged(files: object) -> bool:
    """Whether every one of these files (path -> hash) is there as it was written."""
    return isinstance(files, dict) and all(_hash(Path(path)) == was != "" for path, was in files.items())


def _hashes(paths: Sequence[str]) -> dict[str, str]:
    return {path: _hash(Path(path)) for path in paths}


def _hash(path: Path) -> str:
    """The SHA-256 of a file; "" where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
