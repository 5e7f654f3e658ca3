"""Reward models as folders: model.safetensors and card.yaml, and a loader that runs nothing and refuses what does not match.

A folder is written whole under another name and then renamed. Reading trusts nothing: no link is followed, sizes are checked
before anything is read, hashes before anything is used.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from judgecli.errors import EnvironmentFailure, JudgeError, ModelRefused, UsageError
from judgecli.reward_model.card import FILE_NAME, PROBE_ERROR, PROBES, Card, CardFile, from_plain
from judgecli.reward_model.features import Embed
from judgecli.reward_model.linear import LinearModel
from judgecli.reward_model.model import RewardModel
from judgecli.store import card_yaml, tensors

WEIGHTS, CARD = "model.safetensors", "card.yaml"
CARD_BYTES = 1_000_000
WEIGHT_BYTES = 128 << 20  # of a linear model: one that reads an embedding of 1,024 numbers has 70 MB
ENCODER_BYTES = 64 << 30
ENCODER_SUFFIXES = (".safetensors", ".json", ".txt", ".model", ".jinja")  # data, all of them; no .py, .bin, .pt
CHUNK = 1 << 20


def save_model(folder: Path, model: LinearModel, card: Card) -> str:
    """Write a linear model with its card, whole or not at all; gives its identity.

    Of the card `features`, `features_code`, `members`, `calibrations`, `probe` and `files` are filled in. The same model and card give the same bytes.
    Raises: ValueError (numbers that are not finite, a card of another kind), EnvironmentFailure, UsageError (a file of that name).
    """
    if card.kind == "encoder":
        raise ValueError("an encoder is not saved as a linear model")
    content = tensors.to_bytes(model)
    if len(content) > WEIGHT_BYTES:
        raise ValueError(f"{len(content):,} bytes of weights are more than a linear model may have ({WEIGHT_BYTES:,}): fewer bits or members")
    filled = replace(card, features=model.spec, features_code=model.spec.code, members=len(model.offset), calibrations=dict(model.calibrations))
    if not model.spec.embedding:
        filled = replace(filled, probe=tuple(_probe(tensors.from_bytes(content, filled, name=card.name, embed=None))))
    return publish_model(folder, filled, lambda made: (made / WEIGHTS).write_bytes(content))


def _probe(model: RewardModel) -> list[float]:
    found: list[float] = model.rewards([asked for asked, _ in PROBES], [text for _, text in PROBES]).mean.tolist()
    return found


def publish_model(folder: Path, card: Card, write: Callable[[Path], object]) -> str:
    """Have `write` fill a new folder, add the card with the hashes of its files, and put it in the place of `folder`; gives the identity.

    What else stands in an old folder of that name (reports, notes) is kept. Raises: EnvironmentFailure, UsageError, ValueError.
    """
    folder = Path(os.path.abspath(folder))
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is no folder", hint="name a folder for the model, such as reward_models/NAME")
    made, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        write(made)
        filled = replace(card, files=tuple(_summed(path) for path in sorted(made.iterdir())))
        from_plain(card_yaml.read(text := card_yaml.write(filled)))  # what is written can be read
        (made / CARD).write_text(text, encoding="utf-8")
        for path in made.iterdir():
            _sync(path)
        _swap(folder, made, old)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {folder}: {error.strerror or error}", hint="check the permissions and free space") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return filled.identity


def _summed(path: Path) -> CardFile:
    if not FILE_NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
        raise ValueError(f"{path.name} is no file that a model can have")
    with path.open("rb") as file:
        return CardFile(path.name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _swap(folder: Path, made: Path, old: Path) -> None:
    """Put `made` in the place of `folder`. Of the old folder, files that its card names go, all else stays."""
    if not folder.exists():
        made.rename(folder)
        return
    try:
        gone = {CARD, *(one.name for one in read_card(folder).files)}
    except JudgeError:
        gone = {CARD, WEIGHTS}
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    for path in old.iterdir():
        if path.name not in gone and not (folder / path.name).exists():
            path.rename(folder / path.name)
    shutil.rmtree(old)


def read_card(path: Path) -> Card:
    """The card of a model's folder; its files are not looked at. Raises: UsageError (no such folder), ModelRefused."""
    _check_folder(path)
    content = _read(path / CARD, most=CARD_BYTES)
    try:
        return from_plain(card_yaml.read(content.decode("utf-8")))
    except ValueError as error:
        newer = "its layout is" in str(error)
        raise ModelRefused(path / CARD, str(error), hint="update judgecli" if newer else "train it again, or ask where it came from") from error


def load_model(path: Path, *, embed: Embed | None = None) -> RewardModel:
    """The model in a folder, checked against its card; nothing of it is run.

    `embed` is needed where the card names an embedding. Raises: UsageError (no such folder, no embedding), ModelRefused.
    """
    card = read_card(path)
    name = Path(os.path.abspath(path)).name
    if card.kind == "encoder":
        return _load_encoder(path, card, name)
    if [one.name for one in card.files] != [WEIGHTS]:
        raise ModelRefused(path / CARD, f"a {card.kind} model has the one file {WEIGHTS}, and its card names {[one.name for one in card.files][:5]}")
    assert card.features is not None
    if card.features_code != card.features.code:
        raise ModelRefused(
            path, f"it reads features {card.features_code[:32]!r}, and this version has {card.features.code}", hint="train it again with this version"
        )
    if card.features.embedding and embed is None:
        raise UsageError(f"{path} reads the embedding {card.features.embedding}", hint="name its folder: embeddings=FOLDER")
    told = card.files[0]
    content = _checked(path / WEIGHTS, told, most=WEIGHT_BYTES)
    try:
        model = tensors.from_bytes(content, card, name=name, embed=embed)
    except ValueError as error:
        raise ModelRefused(path / WEIGHTS, str(error)) from error
    found = _probe(model) if card.probe else []
    if len(found) != len(card.probe) or any(not abs(here - there) <= PROBE_ERROR * max(1, abs(there)) for here, there in zip(found, card.probe, strict=True)):
        hint = "texts are read otherwise here than where it was trained: train it again with this version"
        raise ModelRefused(path, f"it gives the rewards {found}, and its card says {list(card.probe)}", hint=hint)
    return model


def _load_encoder(path: Path, card: Card, name: str) -> RewardModel:
    assert card.encoder is not None
    known = {one.name for one in card.files}
    foreign = sorted(found.name for found in path.iterdir() if not found.name.startswith(".") and found.name not in {*known, CARD})
    if foreign:
        raise ModelRefused(path, f"{foreign[0]!r} stands beside the model and its card does not name it", hint="move it out of the folder")
    if WEIGHTS not in known:
        raise ModelRefused(path / CARD, f"it names no {WEIGHTS}")
    for told in card.files:
        if not told.name.endswith(ENCODER_SUFFIXES):
            raise ModelRefused(path / told.name, f"it is no kind of file that a model needs ({', '.join(ENCODER_SUFFIXES)})")
        if told.name.endswith(".safetensors"):
            tensors.check_file(path / told.name, told.bytes)
        _check_hash(path / told.name, told, most=ENCODER_BYTES)
    from judgecli.store.encoders import load_encoder

    return load_encoder(path, name=name, identity=card.identity, max_length=card.encoder.max_length, scale=card.encoder.scale)


def _check_folder(path: Path) -> None:
    if path.is_symlink():
        raise ModelRefused(path, "it is a link", hint="name the folder that it points to")
    if not path.is_dir():
        raise UsageError(f"there is no reward model at {path}", hint=f"name a folder that holds {CARD} and {WEIGHTS}")
    if not os.path.lexists(path / CARD):
        raise UsageError(f"{path} holds no {CARD}: it is no reward model", hint="judge rm train makes one")


def _open(path: Path, *, most: int) -> tuple[int, int]:
    """A descriptor and the size of a plain file of at most `most` bytes; a link, a pipe or a device is refused unopened."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ModelRefused(path, "it is no plain file (a link, a folder, a device)")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise ModelRefused(path, f"it cannot be read: {error.strerror or error}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        os.close(descriptor)
        raise ModelRefused(path, f"its {found.st_size:,} bytes are more than it may have ({most:,})")
    return descriptor, found.st_size


def _read(path: Path, *, most: int) -> bytes:
    descriptor, size = _open(path, most=most)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(size + 1)
    if len(content) != size:
        raise ModelRefused(path, "it changed while it was read")
    return content


def _checked(path: Path, told: CardFile, *, most: int) -> bytes:
    """The bytes of a file of the card. Raises: ModelRefused where they are not those."""
    if told.bytes > most:
        raise ModelRefused(path, f"its {told.bytes:,} bytes are more than it may have ({most:,})")
    descriptor, size = _open(path, most=max(most, told.bytes))
    os.close(descriptor)
    if size != told.bytes:
        raise ModelRefused(path, f"it has {size:,} bytes, and its card says {told.bytes:,}")
    content = _read(path, most=most)
    if hashlib.sha256(content).hexdigest() != told.sha256:
        raise ModelRefused(path, "its SHA-256 is not that of its card")
    return content


def _check_hash(path: Path, told: CardFile, *, most: int) -> None:
    descriptor, size = _open(path, most=most)
    with os.fdopen(descriptor, "rb") as file:
        if size != told.bytes:
            raise ModelRefused(path, f"it has {size:,} bytes, and its card says {told.bytes:,}")
        if hashlib.file_digest(file, "sha256").hexdigest() != told.sha256:
            raise ModelRefused(path, "its SHA-256 is not that of its card")
