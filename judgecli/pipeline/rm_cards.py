"""The cards of reward models: written from what training found, listed, and told in words (judge rm list, judge rm show)."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from judgecli.catalog import model_folders
from judgecli.document import Facts
from judgecli.errors import JudgeError
from judgecli.reward_model.card import Card, DataFile, EmbeddingFacts, EncoderFacts, Quality, to_plain
from judgecli.store.model_library import find_model
from judgecli.store.models import CARD, read_card
from judgecli.version import __version__

TRUSTED = 30  # pairs: below, figures say next to nothing
NOUNS = {"pairs": "pairs", "verdicts": "answers judged alone", "test": "test pairs"}
LIMITS = (
    "It predicts what these people preferred, in texts like these; it does not know what is true.",
    "A reward says which of two answers to one prompt is better; across prompts it says little.",
)


def card_of(document: Facts, *, created: str, about: str = "") -> Card:
    """The card of a trained model, from what `judge rm train --json` prints. What is of the model itself is filled in when it is saved."""
    data, embedding = document["data"], document.get("embeddings")
    return Card(
        kind="encoder" if document["kind"] == "encoder" else "linear",
        name=document["model"],
        tool=__version__,
        created=created,
        licence=document["licence"],
        about=about,
        counts={name: data[name] for name in ("read", "pairs", "verdicts", "prompts", "held_out_by")},
        dropped=data["dropped"],
        data=tuple(DataFile(name, digest) for name, digest in data["hashes"].items()),
        recipe={name: document[name] for name in RECIPE if name in document},
        quality={kind: quality_of(found) for kind, found in _measured(document).items()},
        limits=tuple(limits(document)),
        embedding=None if embedding is None else EmbeddingFacts(embedding["folder"], embedding["sha256"], embedding["width"], embedding["scale"]),
        encoder=None if document["kind"] == "linear" else EncoderFacts(document["base"], document["max_length"], document["scale"]),
    )


def _measured(document: Facts) -> Facts:
    """What was held out, without what was not."""
    return {kind: document["held_out"][kind] for kind in NOUNS if document["held_out"].get(kind) is not None}


RECIPE = (
    "seed",
    "members",
    "negatives",
    "penalty",
    "slope",
    "calibration",
    "steps_read",
    "trained_on",
    "epochs",
    "lora",
    "learning_rate",
    "batch_size",
    "loss",
)


def quality_of(found: Mapping[str, Any]) -> Quality:
    """The figures of held-out pairs, or of held-out answers judged alone, as a card holds them."""
    pairs = "accuracy" in found
    length = found if pairs else found["length"]
    matched, before = length["length_matched"], found["before_calibration"]
    return Quality(
        n=found["n"],
        measure="accuracy" if pairs else "auroc",
        value=found["accuracy"] if pairs else found["auroc"],
        low=found["low"],
        high=found["high"],
        longer=found["baselines"]["longer"],
        shorter=found["baselines"]["shorter"],
        matched_n=matched["n"],
        matched=matched["accuracy"],
        matched_low=matched["low"],
        matched_high=matched["high"],
        ece_before=before["ece"],
        ece=found["ece"],
        brier_before=before["brier"],
        brier=found["brier"],
        length_verdict=length["length_verdict"],
        told=length["told"],
    )


def limits(document: Facts) -> list[str]:
    """What a user of the model must know: always, and of this one."""
    found = list(LIMITS)
    for kind, quality in _measured(document).items():
        length = quality if "accuracy" in quality else quality["length"]
        if length["length_verdict"] != "beyond_length":
            found.append(f"Of {NOUNS[kind]}, {length['told']}.")
        if quality["n"] < TRUSTED:
            found.append(f"Only {quality['n']} {NOUNS[kind]} were held out: how good it is can hardly be told.")
    found += [f"How good it is on {NOUNS[kind]} is not known: {why}." for kind, why in document["held_out"].get("reasons", {}).items()]
    if document["tricks"]:
        named = ", ".join(f"{one['trick']} {one['share']:.0%}" for one in document["tricks"])
        found.append(f"It can be fooled. So often these tricks get more than an honest answer: {named}. Score what is well-formed, and audit it.")
    return found


def model_paths() -> list[Path]:
    """The folders with a card: of the project first, then of the library."""
    found: dict[str, Path] = {}
    for parent in model_folders():
        for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
            if os.path.lexists(folder / CARD) and not folder.name.startswith("."):
                found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def list_models() -> list[Facts]:
    """What `judge rm list --json` prints. A folder whose card cannot be read is listed with the reason."""
    found = []
    for folder in model_paths():
        shared: Facts = {"name": folder.name, "folder": str(folder)}
        try:
            card = read_card(folder)
        except JudgeError as error:
            found.append({**shared, "identity": None, "kind": None, "quality": {}, "licence": None, "about": None, "refused": str(error)})
            continue
        quality = {kind: asdict(one) for kind, one in card.quality.items()}
        known: Facts = {"identity": card.identity, "kind": card.kind, "quality": quality, "licence": card.licence, "about": card.about, "refused": None}
        found.append({**shared, **known})
    return found


def show_model(name: str) -> Facts:
    """What `judge rm show --json` prints: the card, its folder and identity. Raises: UnknownName, UsageError, ModelRefused."""
    folder = find_model(name.removeprefix("rm:"), model_folders())
    card = read_card(folder)
    return {"folder": str(folder), "identity": card.identity, "bytes": sum(one.bytes for one in card.files), **to_plain(card)}
