#!/usr/bin/env python3
"""Reward models on disk and as scorers: `python benchmarks/model_files.py`.

    load      a sound model of the usual size (bits 14, one member), and of the largest size that a linear model may have
    refuse    every hostile variant of tests/store/hostile_models.py, and large files with a wrong hash or a NaN in them: the slowest,
              and the most that the peak of RSS rose above that of a process which has loaded a sound model (promise S7: 1 s, 50 MB)
    score     records a second of CPU: the model alone, and the scorer rm:NAME

Each group runs in a process of its own, so that its peak of memory is its own.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "store")]
ANSWER = "We are sorry that your parcel is late. It left our warehouse on Monday, and the carrier says that it arrives within two days. " * 5


def peak() -> float:
    """The most MB that this process has held."""
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def refused(folder: Path) -> float:
    """Milliseconds until it is refused."""
    from judgecli.errors import JudgeError
    from judgecli.store.models import load_model

    started = time.perf_counter()
    try:
        load_model(folder)
    except JudgeError:
        return 1000 * (time.perf_counter() - started)
    raise SystemExit(f"{folder} was loaded")


def load(folder: Path) -> list[tuple[str, str]]:
    from hostile_models import sound_card, sound_model

    from judgecli.store.models import load_model, save_model

    lines = []
    for name, bits, members in (("usual", 14, 1), ("largest", 17, 18)):
        save_model(folder / name, sound_model(bits, members), sound_card())
        size = (folder / name / "model.safetensors").stat().st_size
        load_model(folder / name)
        lines.append((f"load {name}, {size / 1e6:.2f} MB", f"{min(timed(lambda name=name: load_model(folder / name)) for _ in range(5)):.1f} ms"))
    return lines


def refuse(folder: Path) -> list[tuple[str, str]]:
    import shutil

    from hostile_models import sound_card, sound_model, variants

    from judgecli.store.models import load_model, save_model

    save_model(folder / "sound", sound_model(), sound_card())
    load_model(folder / "sound")
    before, found = peak(), []
    for number, (name, spoil) in enumerate(variants(str(folder / "canary")).items()):
        place = folder / str(number) / "support"
        shutil.copytree(folder / "sound", place)
        spoil(place)
        found.append((refused(place), name))
    slowest, name = max(found)
    return [(f"refuse {len(found)} variants, slowest: {name}", f"{slowest:.1f} ms"), ("refuse: peak of RSS rose by", f"{peak() - before:.1f} MB")]


def refuse_large(folder: Path, spoiled: str) -> list[tuple[str, str]]:
    """A file near the limit, whose last number is spoiled; made in another process."""
    from hostile_models import sound_card, sound_model

    from judgecli.store.models import load_model, save_model

    save_model(folder / "sound", sound_model(), sound_card())
    load_model(folder / "sound")
    subprocess.run([sys.executable, __file__, "make_large", str(folder), spoiled], check=True)
    before = peak()
    milliseconds = refused(folder / "large")
    return [(f"refuse a file of 31 MB: {spoiled}", f"{milliseconds:.1f} ms"), ("  peak of RSS rose by", f"{peak() - before:.1f} MB")]


def make_large(folder: Path, spoiled: str) -> None:
    import struct

    from hostile_models import card_of, put_card, sound_card, sound_model

    from judgecli.store.models import save_model

    save_model(folder / "large", sound_model(17, 18), sound_card())
    path = folder / "large" / "model.safetensors"
    content = path.read_bytes()[:-4] + struct.pack("<f", float("nan"))
    path.write_bytes(content)
    if spoiled == "NaN":
        card = card_of(folder / "large")
        card["files"] = [{"name": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}]
        put_card(folder / "large", card)


def score(folder: Path) -> list[tuple[str, str]]:
    from hostile_models import sound_card, sound_model

    from judgecli.catalog import bind, parse_spec
    from judgecli.store.models import load_model, save_model

    model = sound_model(14, 1)
    save_model(folder / "support", replace(model, hashed=model.hashed / 100), sound_card())
    texts, asked = [f"{number} {ANSWER}" for number in range(10_000)], [f"[{number}] where is my parcel?" for number in range(10_000)]
    found, scorer = load_model(folder / "support"), bind(parse_spec(f"rm:{folder / 'support'}")).scorer
    lines = []
    for name, call in (("the model", lambda: found.rewards(asked, texts)), ("rm:support", lambda: scorer(texts, asked))):
        started = time.process_time()
        call()
        lines.append((f"score 10,000 answers of {len(ANSWER)} characters: {name}", f"{10_000 / (time.process_time() - started):,.0f} a second of CPU"))
    return lines


GROUPS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {
    "load": load,
    "refuse": refuse,
    "refuse hash": lambda folder: refuse_large(folder, "hash"),
    "refuse NaN": lambda folder: refuse_large(folder, "NaN"),
    "score": score,
}


def main() -> None:
    if sys.argv[1:2] == ["make_large"]:
        make_large(Path(sys.argv[2]), sys.argv[3])
    elif len(sys.argv) == 3:
        print(json.dumps(GROUPS[sys.argv[1]](Path(sys.argv[2]))))
    else:
        for group in GROUPS:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([sys.executable, __file__, group, folder], check=True, capture_output=True, text=True)
                for what, measured in json.loads(done.stdout):
                    print(f"{what:<70}{measured:>24}")


if __name__ == "__main__":
    main()
