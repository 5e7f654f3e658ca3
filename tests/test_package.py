"""What is shipped: the wheel's files, and the libraries found in an editable install too."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from judgecli.catalog import library_folder

ROOT = Path(__file__).parent.parent
LIBRARIES = ("rubrics", "reward_models")
SUFFIXES = {".py", ".typed", ".yaml", ".md", ".json", ".safetensors", ".html", ".css", ".js", ".svg", ".jinja"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling is not installed: no wheel can be built offline")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[PurePosixPath]:
    with zipfile.ZipFile(wheel) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


def test_wheel_is_pure_python(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")


def test_wheel_holds_every_module(names):
    modules = {PurePosixPath("judgecli", *path.relative_to(ROOT / "judgecli").parts) for path in (ROOT / "judgecli").rglob("*.py")}
    assert modules - set(names) == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_wheel_holds_the_libraries(names, library):
    shipped = {name.relative_to(f"judgecli/{library}").as_posix() for name in names if name.is_relative_to(f"judgecli/{library}")}
    assert shipped == {path.relative_to(ROOT / library).as_posix() for path in (ROOT / library).rglob("*") if path.is_file()}
    assert shipped


def test_wheel_holds_nothing_else(names):
    """No .pth (code at every start of Python), no tests, no store, no cache: S11 of the promises."""
    assert {name.parts[0] for name in names} == {"judgecli", next(name.parts[0] for name in names if name.parts[0].endswith(".dist-info"))}
    package = [name for name in names if name.parts[0] == "judgecli"]
    assert [str(name) for name in package if name.suffix not in SUFFIXES] == []
    assert [str(name) for name in package if any(part.startswith(".") or part == "__pycache__" for part in name.parts)] == []
    assert {name.name for name in names if name.parts[0] != "judgecli"} == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"}


def test_wheel_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        said = email.message_from_bytes(archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))))
        scripts = archive.read(next(name for name in archive.namelist() if name.endswith("/entry_points.txt"))).decode()
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == ("judgecli", "Apache-2.0", ">=3.11")
    assert "judge = judgecli.cli:main" in scripts
    assert "judgecli = judgecli.cli:main" in scripts


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_found_where_the_tests_run(library):
    assert (library_folder(library) / "README.md").is_file()


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_found_in_an_installed_wheel(wheel, library, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from judgecli.catalog import library_folder; print(library_folder({library!r}))"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(found) == tmp_path / "judgecli" / library
