"""The local engine: tasks (a shard and the metrics it lacks) mapped over worker processes."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from judgecli.catalog import Spec, bind
from judgecli.engine.worker import score_shard
from judgecli.errors import EnvironmentFailure, JudgeError, StoreBusy
from judgecli.store.tables import AGAIN

ATTEMPTS = 2  # a task whose worker died is tried once more, in a fresh worker
START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from judgecli.engine.worker import main; main()"


@dataclass
class Task:
    """One shard to score with the metrics it lacks."""

    shard: str
    rows: int
    specs: list[Spec]
    attempts: int = 0


@dataclass
class _Worker:
    process: "subprocess.Popen[bytes]"
    task: Task | None = None
    answer: bytearray = field(default_factory=bytearray)


class Engine:
    """Scores shards as they come. With `workers=0` in this process, when asked to."""

    def __init__(self, root: Path, *, workers: int, on_done: Callable[[Task], object]) -> None:
        self.root = root
        self.workers = workers
        self.on_done = on_done
        self._waiting: deque[Task] = deque()
        self._running: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def submit(self, task: Task) -> None:
        """Queue a task, and hand queued tasks to free workers."""
        self._waiting.append(task)
        self.poll()

    def poll(self, timeout_s: float = 0.0) -> None:
        """Collect what is done; start what waits. In this process, tasks run only in `drain`."""
        if self.workers == 0:
            return
        self._dispatch()
        for key, _ in self._selector.select(timeout_s):
            self._read(key.data)
        self._dispatch()

    def drain(self) -> None:
        """Return when every task is done. Raises: JudgeError of a task; EnvironmentFailure where workers die."""
        while self.workers == 0 and self._waiting:
            task = self._waiting.popleft()
            try:
                with contextlib.redirect_stdout(sys.stderr):  # what a scorer prints must not look like a result
                    score_shard(self.root, task.shard, [bind(spec) for spec in task.specs])
            except FileNotFoundError as error:
                raise _changed(str(error)) from error
            self.on_done(task)
        while self._waiting or any(worker.task for worker in self._running):
            self.poll(timeout_s=0.2)

    def close(self) -> None:
        """End the workers: idle ones by the end of their input, busy ones at once (their task is not published)."""
        for worker in self._running:
            if worker.task is not None:
                worker.process.kill()
            if worker.process.stdin is not None:
                worker.process.stdin.close()
        for worker in self._running:
            worker.process.wait()
            if worker.process.stdout is not None:
                worker.process.stdout.close()
        self._running.clear()
        self._selector.close()

    def _dispatch(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._running if worker.task is None), None)
            if worker is None:
                if len(self._running) >= self.workers:
                    return
                worker = self._start()
            self._hand(worker, self._waiting.popleft())

    def _start(self) -> _Worker:
        path = [entry for entry in sys.path if entry]  # without the current folder: nothing there is imported by its name
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
        with _ctrl_c_blocked():
            process = subprocess.Popen([sys.executable, "-c", START, json.dumps(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        worker = _Worker(process)
        self._running.append(worker)
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def _hand(self, worker: _Worker, task: Task) -> None:
        worker.task, task.attempts = task, task.attempts + 1
        said = {"root": str(self.root), "shard": task.shard, "specs": [asdict(spec) for spec in task.specs]}
        try:
            worker.process.stdin.write(json.dumps(said).encode() + b"\n")  # type: ignore[union-attr]
            worker.process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            self._bury(worker)

    def _read(self, worker: _Worker) -> None:
        part = os.read(worker.process.stdout.fileno(), 1 << 16)  # type: ignore[union-attr]
        if not part:
            self._bury(worker)
            return
        worker.answer += part
        if worker.answer.endswith(b"\n"):
            answer, worker.answer = json.loads(worker.answer), bytearray()
            task, worker.task = worker.task, None
            _raise_fault(answer)
            if task is not None:
                self.on_done(task)

    def _bury(self, worker: _Worker) -> None:
        """A worker died: its task goes to a fresh one, once."""
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._running.remove(worker)
        status = worker.process.wait()
        worker.process.stdout.close()  # type: ignore[union-attr]
        with contextlib.suppress(OSError):  # what it did not read is lost with it
            worker.process.stdin.close()  # type: ignore[union-attr]
        task = worker.task
        if task is None:
            return
        if task.attempts >= ATTEMPTS:
            cause = f"signal {-status} (out of memory?)" if status < 0 else f"exit status {status}"
            raise EnvironmentFailure(
                f"scoring shard {task.shard} ended a worker process twice: {cause}",
                hint="finished shards are kept; run again, with --workers 1 if memory is short",
            )
        self._waiting.appendleft(task)


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Ctrl-C reaches the whole group: a process started in here never sees it, from its first instruction on. Its parent decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _changed(what: str) -> StoreBusy:
    return StoreBusy(f"the store changed while this run was reading it: {what}", hint=AGAIN)


def _raise_fault(answer: dict[str, object]) -> None:
    if "error" in answer:
        failure = JudgeError(str(answer["error"]), hint=str(answer["hint"]))
        failure.exit_code = int(str(answer["exit_code"]))
        raise failure
    if "gone" in answer:
        raise _changed(str(answer["gone"]))
    if "bug" in answer:
        raise RuntimeError(f"in a worker: {answer['bug']}\n{answer['traceback']}")


def worker_count(requested: int | None, *, bytes_to_read: int, scorers: Sequence[Spec]) -> int:
    """How many processes to use: none for a small log, where starting one costs more than it saves."""
    if requested is not None:
        return requested
    slow = any(".py:" in spec.target for spec in scorers)
    if bytes_to_read < (256 << 10 if slow else 6 << 20):
        return 0
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
