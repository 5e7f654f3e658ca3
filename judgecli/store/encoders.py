"""Folders of Hugging Face models, opened as data: safetensors weights, no code of the folder is run, nothing is downloaded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.reward_model.encoder import Codec, EncoderModel

MAX_LENGTH = 512  # tokens; longer texts are cut as Codec says
CONFIG = "config.json"
CONFIG_BYTES = 1 << 20


def open_base(folder: Path, *, max_length: int = MAX_LENGTH, new_head: bool = False, seed: int = 0) -> tuple[Codec, Any]:
    """The tokenizer and the network (one output) of a local model folder.

    With `new_head` a head that the folder lacks, or has with more outputs, is made anew by chance (`seed`); any other weight must be there.
    Raises: UsageError (no model folder, weights that are not safetensors), EnvironmentFailure (the extra is missing, or the folder cannot be read).
    """
    from safetensors import SafetensorError

    check_folder(folder)
    transformers, torch = import_train("transformers"), import_train("torch")
    torch.manual_seed(seed)  # of the head
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    wanted = {"num_labels": 1, "use_safetensors": True, "dtype": torch.float32, "ignore_mismatched_sizes": True, "output_loading_info": True}
    with quiet():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **given)
            network, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(str(folder), **wanted, **given)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise EnvironmentFailure(f"{folder} cannot be opened: {_first_line(error)}", hint="transformers must be able to load it offline") from error
    _check_weights(folder, network, loaded, new_head)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    network.config.pad_token_id = tokenizer.pad_token_id
    network.eval()
    limits = (max_length, getattr(network.config, "max_position_embeddings", None), tokenizer.model_max_length)
    return Codec(tokenizer, min(limit for limit in limits if limit)), network


def _check_weights(folder: Path, network: Any, loaded: dict[str, Any], new_head: bool) -> None:
    """Make sure that no weight is chance, save those of a new head. Raises: EnvironmentFailure."""
    made_up = {str(name) for name in loaded["missing_keys"]} | {str(item[0]) for item in loaded["mismatched_keys"]}
    if new_head:
        made_up = {name for name in made_up if name.startswith(f"{network.base_model_prefix}.") and ".pooler." not in name}
    if made_up:
        shown = ", ".join(sorted(made_up)[:3])
        raise EnvironmentFailure(
            f"{folder} lacks {len(made_up)} weights of its own configuration ({shown})", hint="config.json and the weights do not belong together"
        )


def load_encoder(folder: Path, *, name: str, identity: str, max_length: int, scale: float, device: str = "cpu") -> EncoderModel:
    """The trained model of a folder whose files were checked against its card (store/models.py)."""
    codec, network = open_base(folder, max_length=max_length)
    return EncoderModel(name, identity, codec, network.to(device), codec.tokenizer.pad_token_id, scale)


def check_folder(folder: Path) -> None:
    """Make sure that a folder holds a model as data. Raises: UsageError."""
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder} holds no model: there is no {CONFIG} in it", hint="name a local folder with config.json, tokenizer and *.safetensors")
    if (folder / CONFIG).stat().st_size > CONFIG_BYTES:
        raise UsageError(f"{folder / CONFIG} is larger than {CONFIG_BYTES >> 20} MiB", hint="that is no configuration of a model")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{folder / CONFIG} is not JSON: {_first_line(error)}", hint="name a local folder of a Hugging Face model") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise UsageError(f"{folder / CONFIG} names no model_type", hint="name a local folder of a Hugging Face model")
    if not any(path.is_file() for path in folder.glob("*.safetensors")):
        found = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack"))
        seen = f" (found {', '.join(found[:3])}, which may run code when loaded)" if found else ""
        raise UsageError(f"{folder} has no weights as safetensors{seen}", hint="convert them: model.save_pretrained(FOLDER, safe_serialization=True)")


def import_train(name: str) -> Any:
    """A package of the extra `train`. Raises: EnvironmentFailure."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise EnvironmentFailure(f"encoder models need {name}", hint="install the extra: pip install 'judgecli[train]'") from error


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without warnings and progress bars, as long as it lasts."""
    logging = import_train("transformers").utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
