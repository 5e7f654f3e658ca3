"""Folders that look like a reward model and are none: each variant spoils a sound one.

The attacker owns the card too, so hashes match unless the variant is about them.
"""

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml

from judgecli.reward_model.card import Card
from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.linear import LinearModel
from judgecli.stats.calibration import Calibration
from judgecli.store.card_yaml import MAX_DEPTH, MAX_NODES
from judgecli.store.models import CARD_BYTES, WEIGHT_BYTES
from judgecli.store.tensors import HEADER_BYTES

WEIGHTS, CARD = "model.safetensors", "card.yaml"
Spoil = Callable[[Path], object]


def sound_model(bits: int = 6, members: int = 2, seed: int = 0) -> LinearModel:
    """A model of the right shapes, with weights by chance."""
    spec, chance = FeatureSpec(bits=bits), np.random.default_rng(seed)
    d, p = len(spec.dense_names), spec.buckets
    return LinearModel(
        name="support", identity="", spec=spec, mean=chance.normal(size=d), sd=np.full(d, 0.5), precision=np.eye(d), dense=chance.normal(size=(members, d)),
        hashed=chance.normal(size=(members, p)), offset=chance.normal(size=members), covariance=np.eye(d) / 50, variances=np.full(p, 0.01),
        centre=np.zeros(p), reach=90.0, calibrations={"pairs": Calibration("platt", {"slope": 0.9, "intercept": 0.0})},
    )  # fmt: skip


def sound_card() -> Card:
    """Its card."""
    return Card("linear", "support", "0.1.0", "2026-11-26", licence="MIT", counts={"pairs": 120}, recipe={"seed": 0})


def card_of(folder: Path) -> dict[str, object]:
    """The card as plain data."""
    return yaml.safe_load((folder / CARD).read_text())


def put_card(folder: Path, card: dict[str, object]) -> None:
    """Write a card in the place of the old one."""
    (folder / CARD).write_text(yaml.safe_dump(card, sort_keys=False))


def put_weights(folder: Path, content: bytes, name: str = WEIGHTS) -> None:
    """Write weights, and a card whose size and hash are theirs."""
    (folder / name).write_bytes(content)
    card = card_of(folder)
    card["files"] = [{"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}]
    put_card(folder, card)


def _joined(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _parts(folder: Path) -> tuple[dict[str, dict], bytes]:
    content = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _header(change: Callable[[dict[str, dict]], object], data: Callable[[bytes], bytes] = bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        header, content = _parts(folder)
        found = change(header)
        put_weights(folder, _joined(found if isinstance(found, bytes | list | dict) else header, data(content)))

    return spoil


def _card(change: Callable[[dict], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        card = card_of(folder)
        change(card)
        put_card(folder, card)

    return spoil


def _card_text(change: Callable[[str], str]) -> Spoil:
    return lambda folder: (folder / CARD).write_text(change((folder / CARD).read_text()))


def _value(name: str, value: float, place: int = 0) -> Spoil:
    """One number of a tensor replaced."""

    def spoil(folder: Path) -> None:
        header, content = _parts(folder)
        start, _ = header[name]["data_offsets"]
        form, size = ("<f", 4) if header[name]["dtype"] == "F32" else ("<d", 8)
        at = start + place * size
        put_weights(folder, _joined(header, content[:at] + struct.pack(form, value) + content[at + size :]))

    return spoil


class _Mark:
    """What makes a file, the mark, when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def _marks(canary: str) -> Iterator[tuple[str, object]]:
    yield "bare", _Mark(canary)
    yield "nested", [{"state_dict": _Mark(canary)}]


def _zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def _tarred(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("pickle")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _as_array(content: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "pickle": bytes,
    "torch_zip": _zipped,
    "legacy_tar": _tarred,
    "gzip": gzip.compress,
    "npy": _as_array,
    "behind_a_length": lambda content: struct.pack("<Q", len(content)) + content,
    "behind_a_sound_header": lambda content: _joined({"mean": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}, content),
}


def pickles(canary: str) -> Iterator[tuple[str, Spoil]]:
    """Weights that are a pickle which would leave a mark, in seven wrappings."""
    for name, marks in _marks(canary):
        for form, wrap in FORMS.items():
            content = wrap(pickle.dumps(marks, protocol=4 if form != "pickle" else 0))
            yield f"{name}-{form}", lambda folder, content=content: put_weights(folder, content)


def _entry(name: str, **changes: object) -> Spoil:
    return _header(lambda header: header[name].update(changes))


def _renamed(old: str, new: str) -> Spoil:
    return _header(lambda header: header.__setitem__(new, header.pop(old)))


def headers() -> Iterator[tuple[str, Spoil]]:
    """Headers that lie."""
    for name, length in {"beyond the limit": HEADER_BYTES + 1, "beyond the file": 60_000, "0": 0, "1": 1}.items():
        yield f"length {name}", lambda folder, length=length: put_weights(folder, struct.pack("<Q", length) + (folder / WEIGHTS).read_bytes()[8:])
    for size in (0, 1, 7, 8, 9, 100):
        yield f"cut to {size} bytes", lambda folder, size=size: put_weights(folder, (folder / WEIGHTS).read_bytes()[:size])
    yield "bytes after the end", lambda folder: put_weights(folder, (folder / WEIGHTS).read_bytes() + b"\0")
    yield "last byte lacks", lambda folder: put_weights(folder, (folder / WEIGHTS).read_bytes()[:-1])
    yield "overlap", _header(lambda header: header["sd"].update(data_offsets=header["mean"]["data_offsets"]))
    yield "gap", _header(lambda header: header.pop("sd") and None)
    yield "reversed", _header(lambda header: header["mean"].update(data_offsets=header["mean"]["data_offsets"][::-1]))
    for name, offsets in {"negative": [-8, 0], "beyond": [0, 1 << 48], "floats": [0.0, 8.0], "text": ["0", "8"], "three": [0, 1, 2], "none": None}.items():
        yield f"offsets {name}", _entry("mean", data_offsets=offsets)
    for name, shape in {"negative": [-1], "beyond": [1 << 48], "floats": [1.5], "text": "40", "bools": [True], "deep": [1] * 9, "none": None}.items():
        yield f"shape {name}", _entry("mean", shape=shape)
    for dtype in ("F16", "I64", "F128", "O", "", None, 3, "../F64"):
        yield f"dtype {dtype}", _entry("mean", dtype=dtype)
    yield "flat matrix", _header(lambda header: header["dense"].update(shape=[header["dense"]["shape"][0] * header["dense"]["shape"][1]]))
    yield "turned matrix", _header(lambda header: header["dense"].update(shape=header["dense"]["shape"][::-1]))
    yield "swapped tensors", _header(lambda header: header.update(dense=header["precision"], precision=header["dense"]))
    for old, new in {"mean": "means", "reach": "../reach", "offset": "__class__", "sd": "spec", "centre": "embed"}.items():
        yield f"{old} called {new}", _renamed(old, new)
    yield "one too many", _header(lambda header: header.update(extra={"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}))
    yield "unknown key", _entry("mean", run="JUDGE_MARK")
    yield "metadata of numbers", _header(lambda header: header.update(__metadata__={"a": 1}))
    yield "metadata is a list", _header(lambda header: header.update(__metadata__=[]))
    yield "header a list", _header(lambda header: [header])
    yield "header empty", _header(lambda _: {})
    yield "header no JSON", _header(lambda _: b"{'mean': 1}")
    yield "header no UTF-8", _header(lambda _: b'{"\xff\xfe": 1}')
    yield "header NaN", _header(lambda _: b'{"mean": NaN}')
    yield "header deep", _header(lambda _: b"[" * 1_025)
    yield "header large", _header(lambda header: json.dumps({**header, "__metadata__": {"a": "b" * HEADER_BYTES}}).encode())
    yield "name twice", _header(lambda header: json.dumps(header).encode().replace(b'{"', b'{"mean": {"dtype":"F64","shape":[0],"data_offsets":[0,0]}, "', 1))


def values() -> Iterator[tuple[str, Spoil]]:
    """Numbers that no fit gives."""
    for name in ("mean", "sd", "precision", "dense", "hashed", "offset", "covariance", "variances", "centre", "reach"):
        yield f"{name} NaN", _value(name, float("nan"))
    for name in ("hashed", "dense", "reach"):
        yield f"{name} infinite", _value(name, float("inf"))
    yield "dense overflows", _value("dense", 1.7e308)
    yield "sd 0", _value("sd", 0.0)
    yield "sd next to 0", _value("sd", 1e-300)
    yield "sd below 0", _value("sd", -1.0)
    yield "variance below 0", _value("variances", -1.0)
    yield "reach 0", _value("reach", 0.0)
    yield "covariance not symmetric", _value("covariance", 5.0, place=1)
    yield "covariance below 0", _value("covariance", -5.0)
    yield "precision below 0", _value("precision", -5.0)


def _nested(opens: str, closes: str) -> str:
    return f"a: {opens * MAX_DEPTH}1{closes * MAX_DEPTH}\n"


def cards() -> Iterator[tuple[str, Spoil]]:
    """Cards that lie, and YAML that does more than say something."""
    yield "hash", lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1] + b"\x01")
    for key, value in {
        "layout": 2, "kind": "pickle", "members": 3, "features_code": "0" * 16, "features": None, "files": [], "created": 5, "recipe": "none", "limits": "none",
        "calibrations": {"pairs": {"method": "eval", "parameters": {}}}, "encoder": 1, "unknown": 1, "name": ["a"], "counts": {"pairs": "many"},
    }.items():  # fmt: skip
        yield f"{key}: {value}", _card(lambda card, key=key, value=value: card.update({key: value}))
    for key, value in {"bits": 7, "version": 2, "embedding_size": 3, "character_sizes": [0], "word_sizes": [10**6], "embedding": "x"}.items():
        yield f"features.{key}: {value}", _card(lambda card, key=key, value=value: card["features"].update({key: value}))
    for key, value in {"name": "../model.safetensors", "bytes": -1, "sha256": "0" * 64}.items():
        yield f"file {key}", _card(lambda card, key=key, value=value: card["files"][0].update({key: value}))
    for name in ("/x/JUDGE_MARK", "sub/model.safetensors", "..", "model.safetensors\0.bin", "model.py", "MODEL.SAFETENSORS", "a" * 200, ""):
        yield f"file called {name[:40]!r}", _card(lambda card, name=name: card["files"][0].update(name=name))
    yield "file twice", _card(lambda card: card["files"].append(dict(card["files"][0])))
    for name, probe in {"another": [0.0, 0.0, 0.0], "short": [0.0], "text": ["a"]}.items():
        yield f"probe {name}", _card(lambda card, probe=probe: card.update(probe=probe))
    yield "bits 60", _card(lambda card: card["features"].update(bits=60))
    for name, points in {
        "falls": ([0, 1], [1, 0]),
        "beyond 1": ([0, 1], [0, 2]),
        "uneven": ([0, 1], [0]),
        "empty": ([], []),
        "unsorted": ([1, 0], [0, 1]),
    }.items():
        found = {"pairs": {"method": "isotonic", "parameters": {"x": points[0], "y": points[1]}}}
        yield f"calibration {name}", _card(lambda card, found=found: card.update(calibrations=found))
    yield "calibration turned", _card(lambda card: card["calibrations"]["pairs"]["parameters"].update(slope=-1.0))
    texts = {
        "alias": "a: &a 1\nb: *a\n", "deep": _nested("[", "]"), "deep maps": _nested("{a: ", "}"), "many": "x: [" + "1, " * MAX_NODES + "1]\n",
        "tag apply": "!!python/object/apply:builtins.open [CANARY, w]\n", "tag new": "!!python/object/new:builtins.open [CANARY, w]\n",
        "tag name": "a: !!python/name:builtins.open\n", "tag module": "a: !!python/module:colorsys\n", "tag own": "a: !mine 1\n",
        "tag binary": "a: !!binary aGk=\n",
        "tag timestamp": "a: !!timestamp 2026-01-01\n", "no YAML": "a: [1\n", "a list": "- 1\n", "empty": "", "text": "hello",
        "tab": "a:\n\t- 1\n", "null byte": "a: \0\n",
    }  # fmt: skip
    for name, text in texts.items():
        yield f"card {name}", lambda folder, text=text: (folder / CARD).write_text(text)
    yield "card with a tag", _card_text(lambda text: text.replace("name: support", "name: !!python/name:builtins.open support"))
    yield "card with an anchor", _card_text(lambda text: text.replace("name: support", "name: &a support"))
    yield "card with a merge", _card_text(lambda text: text + "<<: {kind: process}\n")
    yield "card with a key twice", _card_text(lambda text: text + "kind: process\n")
    yield "card with two documents", _card_text(lambda text: text + "---\nkind: process\n")
    yield "card with infinity", _card_text(lambda text: text.replace("seed: 0", "seed: .inf"))
    yield "card with a long number", _card_text(lambda text: text.replace("seed: 0", f"seed: {'9' * 5_000}"))
    yield "card no UTF-8", lambda folder: (folder / CARD).write_bytes(b"\xff\xfe\x00kind: linear")
    yield "card large", lambda folder: (folder / CARD).write_bytes(b"# " + b"x" * CARD_BYTES)
    yield "card is a pickle", lambda folder: (folder / CARD).write_bytes(pickle.dumps(_Mark("CANARY")))


def _linked(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        outside = folder.parent / f"{folder.name}.outside"
        (folder / name).rename(outside)
        (folder / name).symlink_to(outside)

    return spoil


def _replaced(name: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def _folder_linked(folder: Path) -> None:
    folder.rename(folder.with_name("real"))
    folder.symlink_to(folder.with_name("real"))


def _sparse(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(WEIGHT_BYTES + 1)


def _encoder(folder: Path, *names: str) -> None:
    card = card_of(folder)
    card.update(kind="encoder", features=None, encoder={"base": "tiny", "max_length": 16, "scale": 1.0})
    for name in names:
        (folder / name).write_bytes(b"open('CANARY', 'w').close()         ")
        card["files"].append({"name": name, "bytes": (folder / name).stat().st_size, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()})
    put_card(folder, card)


def _encoder_beside(folder: Path, name: str) -> None:
    _encoder(folder)
    (folder / name).write_bytes(b"x")


def folders() -> Iterator[tuple[str, Spoil]]:
    """Links, pipes, devices, files that lack, and encoders that bring code."""
    yield "weights a link", _linked(WEIGHTS)
    yield "card a link", _linked(CARD)
    yield "folder a link", _folder_linked
    yield "weights a dangling link", _replaced(WEIGHTS, lambda path: path.symlink_to("nowhere"))
    yield "card a dangling link", _replaced(CARD, lambda path: path.symlink_to("nowhere"))
    yield "weights a device", _replaced(WEIGHTS, lambda path: path.symlink_to("/dev/null"))
    yield "weights a pipe", _replaced(WEIGHTS, os.mkfifo)
    yield "card a pipe", _replaced(CARD, os.mkfifo)
    yield "weights a folder", _replaced(WEIGHTS, Path.mkdir)
    yield "card a folder", _replaced(CARD, Path.mkdir)
    yield "weights lack", lambda folder: (folder / WEIGHTS).unlink()
    yield "card lacks", lambda folder: (folder / CARD).unlink()
    yield "weights over the limit", _sparse
    yield "card says so too", lambda folder: (_sparse(folder), _card(lambda card: card["files"][0].update(bytes=WEIGHT_BYTES + 1))(folder))
    yield "encoder with code", lambda folder: _encoder(folder, "modeling.py")
    yield "encoder with a pickle", lambda folder: _encoder(folder, "pytorch_model.bin")
    yield "encoder with a library", lambda folder: _encoder(folder, "custom.so")
    yield "encoder beside code", lambda folder: _encoder_beside(folder, "modeling.py")
    yield "encoder beside a pickle", lambda folder: _encoder_beside(folder, "pytorch_model.bin")
    yield "encoder without facts", _card(lambda card: card.update(kind="encoder"))


def variants(canary: str) -> dict[str, Spoil]:
    """All of them by name."""
    return dict([*pickles(canary), *headers(), *values(), *cards(), *folders()])
