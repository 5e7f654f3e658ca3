"""Local sentence-transformers folders as a function from texts to vectors: nothing is downloaded, no code of the folder is run."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judgecli.arrays import Floats
from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.store.encoders import check_folder, quiet

MODULES = "modules.json"
BATCH = 64


@dataclass(frozen=True)
class Embedder:
    """An opened folder. `digest` is the SHA-256 over its configuration and weights.

    `embed` maps N texts to N x `width` floats, each row of length 1.
    """

    folder: str
    digest: str
    width: int
    embed: Callable[[Sequence[str]], Floats]


def open_embedder(folder: Path, *, digest: str | None = None, device: str = "cpu") -> Embedder:
    """The embedder of a folder; with `digest`, of that very one.

    Raises: UsageError (no model folder, modules that are not sentence-transformers' own, another model than the
    one that was trained with), EnvironmentFailure (the extra is missing, or the folder cannot be opened).
    """
    check_folder(folder)
    _check_modules(folder)
    found = folder_digest(folder)
    if digest is not None and found != digest:
        raise UsageError(
            f"{folder} is not the embedding model that was trained with (SHA-256 {found[:12]} instead of {digest[:12]})", hint="name the right folder"
        )
    network = _load(folder, device)
    width = int(network.get_embedding_dimension() if hasattr(network, "get_embedding_dimension") else network.get_sentence_embedding_dimension())

    def embed(texts: Sequence[str]) -> Floats:
        vectors: Floats = network.encode(list(texts), batch_size=BATCH, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False)
        return vectors.astype("float64").reshape(len(texts), width)

    return Embedder(str(folder), found, width, embed)


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a folder's JSON and safetensors files."""
    said = hashlib.sha256()
    for path in sorted(path for pattern in ("*.json", "*.safetensors", "*/*.json", "*/*.safetensors") for path in folder.glob(pattern)):
        with open(path, "rb") as file:
            said.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return said.hexdigest()


def _load(folder: Path, device: str) -> Any:
    try:
        import sentence_transformers
    except ImportError as error:
        raise EnvironmentFailure("embedding features need sentence-transformers", hint="install the extra: pip install 'judgecli[embeddings]'") from error
    with quiet():
        try:
            return sentence_transformers.SentenceTransformer(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise EnvironmentFailure(f"{folder} cannot be opened: {said}", hint="sentence-transformers must be able to load it offline") from error


def _check_modules(folder: Path) -> None:
    """modules.json names classes to import: only those of sentence-transformers are taken. Raises: UsageError."""
    path = folder / MODULES
    if not path.is_file():
        return  # a plain transformer: mean pooling
    try:
        named = [str(module["type"]) for module in json.loads(path.read_text(encoding="utf-8"))]
        inside = [(folder / str(module["path"])).resolve().is_relative_to(folder.resolve()) for module in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{path} lists no modules", hint="name a folder that sentence-transformers saved") from error
    foreign = [name for name in named if not name.startswith("sentence_transformers.")]
    if foreign or not all(inside):
        raise UsageError(
            f"{path} names {foreign[0] if foreign else 'a folder outside of it'}", hint="only modules of sentence-transformers, in the folder itself"
        )
