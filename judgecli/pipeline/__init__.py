"""The verbs in data order: read, score, reward, window, compare, gate, export. Each wires; none has arithmetic of its own."""

from judgecli.evidence.reading import log_files
from judgecli.evidence.scorers import bind_all, choose_scorers
from judgecli.pipeline.init import Proposal, propose
from judgecli.pipeline.judged import Asking
from judgecli.pipeline.replies import export_replies, import_replies, reparse_replies
from judgecli.pipeline.run import RunResult, run_loop
from judgecli.pipeline.score import score_logs
from judgecli.pipeline.score_result import ScoreResult
from judgecli.pipeline.upkeep import inspect_logs, store_compact, store_forget, store_info, store_verify

__all__ = [
    "Asking",
    "Proposal",
    "RunResult",
    "ScoreResult",
    "bind_all",
    "choose_scorers",
    "export_replies",
    "import_replies",
    "inspect_logs",
    "log_files",
    "propose",
    "reparse_replies",
    "run_loop",
    "score_logs",
    "store_compact",
    "store_forget",
    "store_info",
    "store_verify",
]
