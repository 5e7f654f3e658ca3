"""The verbs in data order: read, score, reward, window, compare, gate, export. Each wires; none has arithmetic of its own."""

from judgecli.pipeline.proposing import Proposal, propose
from judgecli.pipeline.running import RunResult, run_loop
from judgecli.pipeline.scoring import ScoreResult, bind_all, choose_scorers, log_files, score_logs
from judgecli.pipeline.upkeep import inspect_logs, store_compact, store_forget, store_info, store_verify

__all__ = [
    "Proposal",
    "RunResult",
    "ScoreResult",
    "bind_all",
    "choose_scorers",
    "inspect_logs",
    "log_files",
    "propose",
    "run_loop",
    "score_logs",
    "store_compact",
    "store_forget",
    "store_info",
    "store_verify",
]
