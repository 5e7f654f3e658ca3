"""Reward models by path or name, opened once a process: where the scorer `rm:PATH_OR_NAME` gets its numbers from."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

from judgecli.errors import UnknownName, UsageError
from judgecli.reward_model.card import Card
from judgecli.reward_model.model import RewardModel
from judgecli.scorer import Scorer
from judgecli.store.models import CARD, load_model, read_card

FOLDER = "reward_models"  # of a project, where a bare name is looked up


def find_model(name: str, folders: Iterable[Path]) -> Path:
    """The folder that a path or a name means: itself, else the first of `folders` that has it. Raises: UnknownName."""
    if "/" in name or (Path(name) / CARD).is_file():
        if not (Path(name) / CARD).is_file():
            raise UnknownName("reward model", name, known=model_names([Path(name).parent, *folders]))
        return Path(name)
    found = next((folder / name for folder in folders if (folder / name / CARD).is_file()), None)
    if found is None or name in (".", ".."):
        raise UnknownName("reward model", name, known=model_names(folders))
    return found


def model_names(folders: Iterable[Path]) -> list[str]:
    """The models in these folders, sorted."""
    return sorted({path.parent.name for folder in folders for path in folder.glob(f"*/{CARD}")})


def model_scorer(target: str, options: Mapping[str, object], folders: Iterable[Path]) -> tuple[Scorer, str, dict[str, object]]:
    """The scorer of `rm:PATH_OR_NAME`, the model's identity, and the options left when that of the loader (`embeddings`) is taken.

    The model is opened here, so that one that is refused stops a run before any work. Raises: UnknownName, UsageError, ModelRefused.
    """
    from judgecli.reward_model.trained import trained_scorer

    left = dict(options)
    embeddings = left.pop("embeddings", None)
    lower = left.get("lower", 0)
    if isinstance(lower, float | int) and not lower >= 0:
        raise UsageError(f"lower={lower} of '{target}': it is standard deviations taken off", hint="lower=1 is the mean less one standard deviation")
    path = find_model(target.removeprefix("rm:"), folders)
    folder = None if embeddings is None else str(embeddings)
    model = open_model(path, folder)
    return trained_scorer(f"rm.{path.name}", lambda: open_model(path, folder)), model.identity, left


def open_named(name: str, folders: Iterable[Path]) -> RewardModel:
    """The model of a path or name; `rm:` before it is allowed. Raises: UnknownName, UsageError, ModelRefused."""
    return open_model(find_model(name.removeprefix("rm:"), folders))


def open_model(path: Path, embeddings: str | None = None) -> RewardModel:
    """The model in a folder, with the sentence-transformers folder that its features need; read once a process, and again when it was replaced.

    Raises: UsageError, ModelRefused, EnvironmentFailure.
    """
    state = tuple((found.st_ino, found.st_size, found.st_mtime_ns) for found in (one.lstat() for one in (path, *sorted(path.glob("*")))))
    return _opened(path, embeddings, state)


@functools.lru_cache(maxsize=8)
def _opened(path: Path, embeddings: str | None, state: object) -> RewardModel:
    del state  # only tells apart what was replaced
    if embeddings is None:
        return load_model(path)
    card = read_card(path)
    if card.embedding is None:
        raise UsageError(f"{path} reads no embedding", hint="leave embeddings= out")
    from judgecli.store.embedders import open_embedder

    return load_model(path, embed=open_embedder(Path(embeddings), digest=card.embedding.sha256).embed)


def model_card(name: str, folders: Iterable[Path]) -> Card:
    """The card of a model by its path or name. Raises: UnknownName, ModelRefused."""
    return read_card(find_model(name.removeprefix("rm:"), folders))
