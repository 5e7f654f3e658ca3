"""A text to a file, whole or not at all."""

import os
from pathlib import Path

from judgecli.errors import EnvironmentFailure


def publish_text(path: Path, text: str) -> None:
    """Write UTF-8 text under a temporary name, fsync it, rename it. Raises: EnvironmentFailure."""
    target = Path(os.path.realpath(path))  # a link stays a link
    if not target.parent.is_dir():
        raise EnvironmentFailure(f"cannot write {path}: there is no folder {path.parent}", hint=f"create it: mkdir -p {path.parent}")
    if target.is_dir():
        raise EnvironmentFailure(f"cannot write {path}: it is a folder", hint="name a file")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as out:
            out.write(text.encode("utf-8", "backslashreplace"))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {path}: {error.strerror or error}", hint="free space, or name another file with -o") from error
    finally:
        temporary.unlink(missing_ok=True)
