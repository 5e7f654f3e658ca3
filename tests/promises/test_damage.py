"""P8: a damaged or foreign store: the same numbers, or exit 4 with a way out; never a traceback, never a wrong total that verify does not find."""

import json
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from promise_runs import Bench, Run, check_quiet, check_whole, run_here, score_words

SEED = 20_260_908
ROWS = 300


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    found = Bench(tmp_path_factory.mktemp("damage"), files=3, records=900, seed=SEED, rows=ROWS)
    with sqlite3.connect(found.folder / "clean" / "ledger.db") as ledger:  # a log of changes beside the ledger, as a crash leaves it
        ledger.execute("PRAGMA wal_autocheckpoint=0")
    return found


def _targets(root: Path) -> list[Path]:
    """The files that hold numbers, the ledger as often as all the others."""
    others = sorted(path for kind in ("records", "scores", "keys", "sightings") for path in (root / kind).rglob("*") if path.is_file())
    return [*[root / "ledger.db"] * len(others), *others]


def _damage(path: Path, rng: random.Random) -> str:
    """Flip a bit, overwrite some bytes, cut, or empty a file; returns what was done."""
    data = bytearray(path.read_bytes())
    kind = rng.choice(["flip", "flip", "flip", "overwrite", "cut", "empty"])
    place = rng.randrange(len(data))
    if kind == "flip":
        data[place] ^= 1 << rng.randrange(8)
    elif kind == "overwrite":
        data[place : place + 16] = rng.randbytes(len(data[place : place + 16]))
    elif kind == "cut":
        del data[place:]
    else:
        data.clear()
    path.write_bytes(data)
    return f"{kind} {path.parent.name}/{path.name} at {place}"


def _same(bench: Bench, found: Run) -> bool:
    document = json.loads(found.out)
    return {**document["records"], "new": None} == bench.counts and document["metrics"] == bench.metrics


def _verified(bench: Bench, store: str, capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether verify finds the store whole; what it finds is a list, or a refusal with a way out."""
    found = run_here(["store", "verify", "--json", "--store", store], bench.folder, capsys)
    check_quiet(found)
    assert found.code in (0, 4), found
    return found.code == 0


def _judge_mutant(bench: Bench, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED + number)  # noqa: S311 - not for secrets
    store = f"mutant{number}"
    root = bench.folder / store
    shutil.copytree(bench.folder / "clean", root)
    path = rng.choice(_targets(root))
    done = _damage(path, rng)
    damaged = path.read_bytes()
    try:
        if rng.random() < 0.5 and rng.random() < 0.5:
            more = bench.folder / bench.logs[-1]
            os.utime(more, ns=(number, number))  # the file is looked at again
        found = run_here(score_words(bench.logs, store, "--json"), bench.folder, capsys)
        check_quiet(found)
        assert found.code in (0, 4), found
        if found.code == 4:
            assert len(found.err.splitlines()) >= 2, f"no way out: {found.err}"
            if path.name == "ledger.db":
                assert path.read_bytes()[:1] == damaged[:1], "the damaged ledger was overwritten"
        elif not _same(bench, found):
            assert not _verified(bench, store, capsys), f"a wrong total that verify does not find: {found.out}"
    except AssertionError as error:
        raise AssertionError(f"mutant {number} ({done}): {str(error)[:1500]}") from None
    finally:
        bench.drop(store)


def _judge_mutants(bench: Bench, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    failed = []
    for number in range(count):
        try:
            _judge_mutant(bench, number, capsys)
        except AssertionError as error:
            failed.append(str(error))
    assert not failed, f"{len(failed)} of {count}:\n" + "\n".join(failed[:40])


def test_fifty_mutants(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _judge_mutants(bench, 50, capsys)


@pytest.mark.long
def test_two_thousand_mutants(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    _judge_mutants(bench, 2_000, capsys)


def _refused(found: Run, *words: str) -> None:
    check_quiet(found)
    assert found.code == 4, found
    for word in words:
        assert word in found.err


def test_a_flipped_score_is_found_and_compact_makes_it_again(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(bench.folder / "clean", bench.folder / "flipped")
    for kind in ("scores", "keys"):
        path = next(path for path in sorted((bench.folder / "flipped" / kind).rglob("*")) if path.is_file())
        data = bytearray(path.read_bytes())
        data[40] ^= 1
        path.write_bytes(data)
        _refused(run_here(["store", "verify", "--json", "--store", "flipped"], bench.folder, capsys))
        if kind == "scores":
            _refused(run_here(score_words(bench.logs, "flipped"), bench.folder, capsys), path.name, "judge store compact")
        mended = run_here(["store", "compact", "--json", "--store", "flipped"], bench.folder, capsys)
        assert json.loads(mended.out)["mended"] == 1
        assert _same(bench, run_here(score_words(bench.logs, "flipped", "--json"), bench.folder, capsys))
    check_whole(bench.folder / "flipped")
    bench.drop("flipped")


def test_a_lost_file_is_named_and_keys_are_made_again(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(bench.folder / "clean", bench.folder / "gone")
    key = min((bench.folder / "gone" / "keys").iterdir())
    key.unlink()
    (bench.folder / "more.jsonl").write_text('{"output": "one more"}\n')
    _refused(run_here(["score", "more.jsonl", "-s", "words", "--store", "gone"], bench.folder, capsys), key.name, "is missing", "judge store compact")
    run_here(["store", "compact", "--json", "--store", "gone"], bench.folder, capsys)
    check_whole(bench.folder / "gone")
    records = min((bench.folder / "gone" / "records").iterdir())
    records.unlink()
    _refused(run_here(score_words(bench.logs, "gone"), bench.folder, capsys), "judge store verify")
    said = run_here(["store", "verify", "--store", "gone"], bench.folder, capsys)
    assert (said.code, f"{records.name} is missing" in said.out, "move the store away" in said.out) == (4, True, True)
    bench.drop("gone")


@pytest.mark.parametrize("loss", ["empty", "missing"])
def test_a_lost_ledger_is_no_new_store(bench: Bench, loss: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = bench.folder / "lost"
    shutil.copytree(bench.folder / "clean", root)
    ledger = root / "ledger.db"
    ledger.unlink()
    if loss == "empty":
        ledger.touch()
    _refused(run_here(score_words(bench.logs, "lost"), bench.folder, capsys), loss, "move the store away")
    assert not ledger.exists() or ledger.stat().st_size == 0
    bench.drop("lost")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["CREATE TABLE recipes (name TEXT)"], "not made by judge"),
        (["CREATE TABLE recipes (name TEXT)", "PRAGMA user_version=1"], "not made by judge"),
        (["CREATE TABLE meta (name TEXT)", "PRAGMA application_id=0x6A756467", "PRAGMA user_version=99"], "a newer judge (schema 99"),
    ],
)
def test_a_foreign_ledger_stays_as_it_is(bench: Bench, statements: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = bench.folder / "foreign"
    root.mkdir()
    ledger = sqlite3.connect(root / "ledger.db")
    for statement in statements:
        ledger.execute(statement)
    ledger.close()
    before = (root / "ledger.db").read_bytes()
    _refused(run_here(score_words(bench.logs, "foreign"), bench.folder, capsys), said)
    assert (root / "ledger.db").read_bytes() == before
    bench.drop("foreign")


def test_a_text_file_named_like_the_ledger(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    root = bench.folder / "text"
    root.mkdir()
    (root / "ledger.db").write_text("these are my notes, not a database\n" * 40, encoding="utf-8")
    _refused(run_here(score_words(bench.logs, "text"), bench.folder, capsys), "is damaged", "nothing was overwritten")
    assert (root / "ledger.db").read_text(encoding="utf-8").startswith("these are my notes")
    bench.drop("text")


@pytest.mark.parametrize("folder", ["records", "keys", "scores", "sightings"])
def test_a_file_in_the_place_of_a_folder_of_the_store(bench: Bench, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a folder that may not be written does to anybody but root."""
    root = bench.folder / "blocked"
    root.mkdir()
    (root / folder).write_text("in the way\n", encoding="utf-8")
    _refused(run_here(score_words(bench.logs, "blocked"), bench.folder, capsys), "blocked")
    assert (root / folder).read_text(encoding="utf-8") == "in the way\n"
    bench.drop("blocked")


def test_a_folder_that_may_not_be_written(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    root = bench.folder / "closed"
    root.mkdir(mode=0o500)
    _refused(run_here(score_words(bench.logs, str(root / "store")), bench.folder, capsys), "closed")
    root.chmod(0o700)
