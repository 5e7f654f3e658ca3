"""The tensors of a linear model as bytes in safetensors form, and the strict reading of such a file.

Form: 8 bytes little-endian length of the header; JSON {name: {dtype, shape, data_offsets}}; then the bytes, without gap or overlap.
Source: huggingface/safetensors README. NaN and infinity are legal there and refused here.
"""

import json
import math
import struct
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from judgecli.arrays import Floats
from judgecli.errors import ModelRefused
from judgecli.reward_model.card import Card
from judgecli.reward_model.features import Embed
from judgecli.reward_model.guards import NAMES as GUARDS
from judgecli.reward_model.linear import LinearModel

HEADER_BYTES = 1 << 16  # of a linear model
ENCODER_HEADER_BYTES = 8 << 20
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}
DTYPES = {"F64": "<f8", "F32": "<f4"}
# Not tensors: they stand in the card, or are given by the loader.
OUTSIDE = ("name", "identity", "spec", "calibrations", "embed")
# d dense features, p hashed ones, g guards, K members. What has p columns is stored as F32, all else as F64.
SHAPES = {
    "mean": "d", "sd": "d", "precision": "dd", "dense": "Kd", "hashed": "Kp", "offset": "K",
    "covariance": "dd", "variances": "p", "centre": "p", "reach": "", "guards": "g",
}  # fmt: skip
LARGEST, SMALLEST = 1e30, 1e-9  # beyond, sums and quotients overflow
POSITIVE = ("sd", "reach")
NOT_NEGATIVE = ("variances", "guards")
DEFINITE = ("precision", "covariance")

StoredArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor stands among the bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def to_bytes(model: LinearModel) -> bytes:
    """The tensors of a model. Raises: ValueError (not finite, another shape), TypeError (a field that is neither number nor array)."""
    from safetensors.numpy import save

    arrays = dict(_flat(model, ""))
    _check_values(arrays, _sizes(model.spec.buckets, len(model.spec.dense_names), len(model.offset)))
    wide = model.spec.buckets
    stored = {name: np.array(array, "<f4" if wide and array.shape[-1:] == (wide,) else "<f8", order="C") for name, array in arrays.items()}
    for name, array in stored.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers too large to store")
    return save(stored)


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Floats]]:
    """Every number and array of a dataclass, by its path."""
    for one in fields(value):
        found, name = getattr(value, one.name), f"{prefix}{one.name}"
        if name in OUTSIDE or found is None:
            continue
        if is_dataclass(found):
            yield from _flat(found, f"{name}.")
        elif isinstance(found, np.ndarray | float | int) and not isinstance(found, bool):
            yield name, np.asarray(found, np.float64)
        else:
            raise TypeError(f"{name} is a {type(found).__name__}, which is no tensor")


def from_bytes(content: bytes, card: Card, *, name: str, embed: Embed | None) -> LinearModel:
    """The model of a card from bytes whose hash was checked. Raises: ValueError where they are not what such a model has."""
    places, start = read_header(content[: 8 + HEADER_BYTES], len(content), most=HEADER_BYTES)
    for key, place in places.items():
        if place.dtype not in DTYPES:
            raise ValueError(f"{key[:80]!r} is of {place.dtype}, not of {' or '.join(DTYPES)}")
    data = memoryview(content)[start:]
    # Views of the bytes: a large file that is refused has cost no second copy of itself.
    views = {key: np.frombuffer(data[place.start : place.end], DTYPES[place.dtype]).reshape(place.shape) for key, place in places.items()}
    assert card.features is not None
    _check_values(views, _sizes(card.features.buckets, len(card.features.dense_names), card.members))
    left = {key: view.astype(np.float64) for key, view in views.items()}
    given = {"name": name, "identity": card.identity, "spec": card.features, "calibrations": card.calibrations, "embed": embed}
    model: LinearModel = _built(LinearModel, left, "", given)
    if left:
        raise ValueError(f"it holds {next(iter(left))[:80]!r}, which no such model has")
    return model


def _built(kind: Any, left: dict[str, Floats], prefix: str, given: Mapping[str, object]) -> Any:
    """A dataclass from tensors, which are taken out of `left`."""
    found = dict(given)
    hints = typing.get_type_hints(kind)
    for one in fields(kind):
        name = f"{prefix}{one.name}"
        if one.name in given:
            continue
        choices = typing.get_args(hints[one.name]) if isinstance(hints[one.name], types.UnionType) else (hints[one.name],)
        inner = next((choice for choice in choices if is_dataclass(choice)), None)
        if inner is not None and any(key.startswith(f"{name}.") for key in left):
            found[one.name] = _built(inner, left, f"{name}.", {})
        elif name in left:
            array = left.pop(name)
            scalar = next((choice for choice in choices if choice in (float, int)), None)
            if (scalar is not None) != (array.shape == ()):
                raise ValueError(f"{name} has the shape {array.shape}")
            found[one.name] = scalar(array) if scalar is not None else array
        elif type(None) in choices:
            found[one.name] = None
        else:
            raise ValueError(f"it lacks {name}")
    return kind(**found)


def _sizes(wide: int, dense: int, members: int) -> dict[str, int]:
    return {"p": wide, "d": dense, "g": len(GUARDS), "K": members}


def _check_values(arrays: Mapping[str, StoredArray], sizes: Mapping[str, int]) -> None:
    for name, array in arrays.items():
        expected = tuple(sizes[letter] for letter in SHAPES[name]) if name in SHAPES else array.shape
        if array.shape != expected:
            raise ValueError(f"{name} has the shape {array.shape}, and its features and members make {expected}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds {int((~np.isfinite(array)).sum())} numbers that are not finite")
        if array.size and max(float(array.max()), -float(array.min())) > LARGEST:
            raise ValueError(f"{name} holds numbers beyond {LARGEST:g}, which no fit gives")
        if (name in POSITIVE and not (array > SMALLEST).all()) or (name in NOT_NEGATIVE and (array < 0).any()):
            raise ValueError(f"{name} holds {array.min():g}, and no spread is that")
        if name in DEFINITE and array.size:
            _check_definite(name, array)


def _check_definite(name: str, array: StoredArray) -> None:
    size = float(np.abs(array).max())
    if float(np.abs(array - array.T).max()) > 1e-6 * size or float(np.linalg.eigvalsh((array + array.T) / 2)[0]) < -1e-6 * size:
        raise ValueError(f"{name} is no covariance: it is not symmetric, or gives a variance below 0")


def check_file(path: Path, size: int) -> None:
    """Make sure that a file of `size` bytes is a safetensors file of any model. Raises: ModelRefused."""
    if path.is_symlink() or not path.is_file():
        raise ModelRefused(path, "it is no plain file (a link, a folder, a device)")
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        content = start + file.read(min(length, ENCODER_HEADER_BYTES))
    try:
        read_header(content, size, most=ENCODER_HEADER_BYTES)
    except ValueError as error:
        raise ModelRefused(path, str(error)) from error


def read_header(content: bytes, size: int, *, most: int) -> tuple[dict[str, TensorPlace], int]:
    """The tensors that the first bytes of a file of `size` bytes name, and where their bytes start. Raises: ValueError."""
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else -1
    if not 2 <= length <= min(most, size - 8):
        raise ValueError(f"it is no safetensors file: its header would have {length:,} bytes")
    try:
        said = json.loads(content[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header cannot be read: {str(error)[:120]}") from error
    if not isinstance(said, dict):
        raise ValueError(f"its header is a {type(said).__name__}")
    metadata = said.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is more than texts")
    places = {key: _place(key, value) for key, value in said.items()}
    end = 0
    for key, place in sorted(places.items(), key=lambda item: (item[1].start, item[1].end)):
        if place.start != end:
            raise ValueError(f"{key[:80]!r} {'overlaps another' if place.start < end else 'leaves a gap'} at byte {min(place.start, end):,}")
        end = place.end
    if end != size - 8 - length:
        raise ValueError(f"its tensors have {end:,} bytes, and the file {size - 8 - length:,}")
    return places, 8 + length


def _place(name: str, said: object) -> TensorPlace:
    if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name[:80]!r} is not dtype, shape and data_offsets")
    dtype, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(dtype, str) or dtype not in SIZES:
        raise ValueError(f"{name[:80]!r} is of {str(dtype)[:40]!r}")
    if not (isinstance(shape, list) and len(shape) <= 8 and all(_is_count(one) for one in shape)):
        raise ValueError(f"{name[:80]!r} has the shape {str(shape)[:80]}")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(_is_count(one) for one in offsets)):
        raise ValueError(f"{name[:80]!r} stands at {str(offsets)[:80]}")
    if offsets[1] - offsets[0] != math.prod(shape) * SIZES[dtype]:
        raise ValueError(f"{name[:80]!r} has {offsets[1] - offsets[0]:,} bytes for {dtype} {str(shape)[:80]}")
    return TensorPlace(dtype, tuple(shape), offsets[0], offsets[1])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of a header")
